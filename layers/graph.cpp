#include "layers/graph.h"

namespace cudet {
namespace {

constexpr long long kMostPixels = 1 << 30;  // of a map, so that int counts them

std::string text(Extent e) {
  return std::to_string(e.h) + "x" + std::to_string(e.w);
}

int windows(long long size, int pad, int reach, int stride) {
  const long long room = size + 2LL * pad - reach;
  return room < 0 ? 0 : static_cast<int>(room / stride + 1);
}

/// The extent of a node's output from those of its inputs.
class Inference {
 public:
  Inference(const Node& node, const std::vector<Extent>& extents) : node_(node), extents_(extents) {}

  Extent operator()(const ConvOp& op) const {
    const Extent y{windows(x(0).h, op.pad.h, op.dilation.h * (op.kernel.h - 1) + 1, op.stride.h),
                   windows(x(0).w, op.pad.w, op.dilation.w * (op.kernel.w - 1) + 1, op.stride.w)};
    if (op.add) require_equal(y, x(1));
    return y;
  }
  Extent operator()(const MaxPoolOp& op) const {
    return {windows(x(0).h, op.pad, op.kernel, op.stride), windows(x(0).w, op.pad, op.kernel, op.stride)};
  }
  Extent operator()(const UpsampleOp& op) const { return scaled(op.scale); }
  Extent operator()(const DySampleOp& op) const {
    require_equal(x(0), x(1));
    return scaled(op.scale);
  }
  Extent operator()(const DetectDecodeOp&) const {
    long long anchors = 0;
    for (std::size_t level = 0; level < node_.inputs.size(); level += 2) {
      require_equal(x(level), x(level + 1));
      anchors += static_cast<long long>(x(level).h) * x(level).w;
    }
    if (anchors > kMostPixels) throw Error(std::to_string(anchors) + " anchors are too many");
    return {1, static_cast<int>(anchors)};
  }
  template <class Pointwise>  // BatchNormOp, SiluOp, AddOp, ConcatOp, SliceOp, CopyOp
  Extent operator()(const Pointwise&) const {
    for (std::size_t i = 1; i < node_.inputs.size(); ++i) require_equal(x(0), x(i));
    return x(0);
  }

 private:
  const Extent& x(std::size_t i) const { return extents_[static_cast<std::size_t>(node_.inputs[i])]; }
  void require_equal(Extent a, Extent b) const {
    if (a.h != b.h || a.w != b.w) throw Error("operands of " + text(a) + " and " + text(b) + " pixels do not fit");
  }
  Extent scaled(int scale) const {
    const long long h = static_cast<long long>(x(0).h) * scale, w = static_cast<long long>(x(0).w) * scale;
    if (h * w > kMostPixels) throw Error("a map of " + std::to_string(h) + " rows is too large");
    return {static_cast<int>(h), static_cast<int>(w)};
  }

  const Node& node_;
  const std::vector<Extent>& extents_;
};

}  // namespace

std::size_t elements_of(const std::vector<int>& shape) {
  std::size_t elements = 1;
  for (const int side : shape) elements *= static_cast<std::size_t>(side);
  return elements;
}

std::vector<float> read_values(const Values& values, std::size_t elements) {
  std::vector<float> out(elements);
  values(out);
  return out;
}

std::vector<Extent> infer_extents(const Graph& graph, Extent input) {
  std::vector<Extent> extents(graph.channels.size());
  extents[0] = input;
  for (const Node& node : graph.nodes) {
    try {
      const Extent y = std::visit(Inference(node, extents), node.op);
      if (y.h < 1 || y.w < 1) throw Error("nothing is left of an input of " + text(input) + " pixels");
      if (static_cast<long long>(y.h) * y.w > kMostPixels) throw Error("a map of " + text(y) + " pixels is too large");
      extents[static_cast<std::size_t>(node.output)] = y;
    } catch (const Error& error) {
      throw Error(graph.rows[static_cast<std::size_t>(node.row)].label + ": " + error.what());
    }
  }
  return extents;
}

std::vector<int> count_readers(const Graph& graph) {
  std::vector<int> readers(graph.channels.size(), 0);
  for (const Node& node : graph.nodes)
    for (const ValueId value : node.inputs) ++readers[static_cast<std::size_t>(value)];
  return readers;
}

}  // namespace cudet
