#include <algorithm>
#include <cmath>
#include <cstring>
#include <exception>
#include <limits>
#include <mutex>
#include <optional>

#include "kernels/conv2d/cpu/kernels.h"
#include "kernels/conv2d_int8/cpu/kernels.h"
#include "runtime/compile/fusion.h"
#include "runtime/compile/quantize.h"
#include "runtime/program.h"

namespace cudet {
namespace {

constexpr double kMostElements = 1e13;  // of a tensor: byte offsets stay far within their type. CUDA: 2^31 an image

/// Lowers a graph whose values have extents and slices.
class Lowering {
 public:
  Lowering(const Graph& graph, const PackedWeights& weights, int batch, Extent input, Target target)
      : graph_(graph), weights_(weights), batch_(batch), target_(target), extents_(infer_extents(graph, input)) {
    types_.assign(graph.slices.size(), target.type);
    types_[index(graph.output)] = Type::f32;
    for (const Node& node : graph.nodes)
      if (std::holds_alternative<DySampleOp>(node.op)) types_[index(node.inputs[1])] = Type::f32;
    if (target.type != Type::u8) return;
    const std::vector<bool> quantized = find_quantized(graph);
    for (std::size_t v = 0; v < quantized.size(); ++v)
      if (!quantized[v]) types_[v] = Type::f32;
  }

  Program run(Extent input, bool keep_rows) {
    resolve();
    Program program{};
    program.batch = batch_;
    program.input_size = input;
    plan(program, keep_rows);
    for (const Node& node : graph_.nodes) {
      node_ = &node;
      std::optional<Step> step = std::visit([&](const auto& op) { return lower(op); }, node.op);
      if (step) program.steps.push_back({*step, node.name, node.row});
    }
    if (target_.cuda) fuse(program.steps);
    program.input = tensor(0);
    program.output = tensor(graph_.output);
    for (const GraphRow& row : graph_.rows) program.rows.push_back(tensor(row.output));
    return program;
  }

 private:
  static std::size_t index(int id) { return static_cast<std::size_t>(id); }

  std::size_t value_bytes(ValueId v) const {
    const Extent e = extents_[index(v)];
    const double of_image = static_cast<double>(e.h) * e.w * pitch(v);
    if (batch_ * of_image > kMostElements || (target_.cuda && of_image > std::numeric_limits<int>::max()))
      throw Error("a tensor of " + std::to_string(e.h) + "x" + std::to_string(e.w) + " pixels of " +
                  std::to_string(graph_.channels[index(v)]) + " channels is too large" +
                  (target_.cuda ? " for CUDA" : ""));
    return index(batch_) * index(e.h) * index(e.w) * index(pitch(v)) * size_of(types_[index(v)]);
  }

  /// Elements from one pixel of a buffer to the next.
  int pitch(ValueId root) const {
    const int channels = graph_.channels[index(root)];
    if (!target_.cuda || root == graph_.output) return channels;
    return round_up(channels, channels <= 4 ? 4 : static_cast<int>(16 / size_of(types_[index(root)])));
  }

  /// Follows each value's slices up to the buffer that holds it.
  void resolve() {
    const std::vector<Slice>& slices = graph_.slices;
    root_.resize(slices.size());
    first_channel_.resize(slices.size());
    for (std::size_t v = 0; v < slices.size(); ++v) {
      ValueId at = static_cast<ValueId>(v);
      int first = 0;
      for (; slices[index(at)].parent != kNone; at = slices[index(at)].parent) first += slices[index(at)].first;
      root_[v] = at;
      first_channel_[v] = first;
    }
  }

  /// Lifetimes of the buffers over the steps, then the plan. Slices and Concats are no steps, but counting them as ones
  /// changes no order.
  void plan(Program& program, bool keep_rows) {
    std::vector<int> first(root_.size(), std::numeric_limits<int>::max()), last(root_.size(), -1);
    const auto touch = [&](ValueId v, int step) {
      const std::size_t root = index(root_[index(v)]);
      first[root] = std::min(first[root], step);
      last[root] = std::max(last[root], step);
    };
    const int end = static_cast<int>(graph_.nodes.size());
    touch(0, 0);
    for (int step = 0; step < end; ++step) {
      const Node& node = graph_.nodes[index(step)];
      if (std::holds_alternative<SliceOp>(node.op) || std::holds_alternative<ConcatOp>(node.op)) continue;
      for (const ValueId x : node.inputs) touch(x, step);
      touch(node.output, step);
    }
    touch(graph_.output, end);
    if (keep_rows)
      for (const GraphRow& row : graph_.rows)
        if (last[index(root_[index(row.output)])] >= 0) touch(row.output, end);

    std::vector<Lifetime> buffers;
    std::vector<std::size_t> buffer_of(root_.size(), 0);
    for (std::size_t v = 0; v < root_.size(); ++v) {
      if (last[v] < 0) continue;
      buffer_of[v] = buffers.size();
      buffers.push_back({value_bytes(static_cast<ValueId>(v)), first[v], last[v]});
      program.activation_bytes += buffers.back().bytes;
    }
    program.memory = plan_memory(buffers);
    offset_.assign(root_.size(), 0);
    for (std::size_t v = 0; v < root_.size(); ++v)
      if (last[v] >= 0) offset_[v] = program.memory.offsets[buffer_of[v]];
  }

  Tensor tensor(ValueId v) const {
    const ValueId root = root_[index(v)];
    const Type type = types_[index(root)];
    return {Space::arena,
            type,
            offset_[index(root)] + index(first_channel_[index(v)]) * size_of(type),
            batch_,
            extents_[index(v)].h,
            extents_[index(v)].w,
            graph_.channels[index(v)],
            pitch(root)};
  }
  Quantization quantization(ValueId v) const { return graph_.quantizations[index(v)]; }
  Tensor x(std::size_t i = 0) const { return tensor(node_->inputs[i]); }
  Tensor y() const { return tensor(node_->output); }

  std::optional<Step> lower(const ConvOp& op) const {
    Conv2d step{};
    step.x = x();
    step.y = y();
    step.kernel = op.kernel;
    step.stride = op.stride;
    step.pad = op.pad;
    step.dilation = op.dilation;
    step.groups = op.groups;
    step.activation = op.activation;
    step.add = op.add;
    if (op.add) step.residual = x(1);
    const int c = step.x.c / op.groups;
    step.weight = {
        Space::weights, target_.type, weights_.offsets[index(op.weight)], step.y.c, op.kernel.h, op.kernel.w, c, c};
    step.bias = {Space::weights, Type::f32, weights_.offsets[index(op.bias)], 1, 1, 1, step.y.c, step.y.c};
    if (target_.type != Type::u8) return step;
    return Conv2dInt8{step, quantization(node_->inputs[0]), quantization(node_->output),
                      op.add ? quantization(node_->inputs[1]) : Quantization{}};
  }
  std::optional<Step> lower(const MaxPoolOp& op) const { return MaxPool{x(), y(), op.kernel, op.stride, op.pad}; }
  std::optional<Step> lower(const UpsampleOp& op) const { return Upsample{x(), y(), op.scale}; }
  std::optional<Step> lower(const CopyOp&) const { return Copy{x(), y()}; }
  std::optional<Step> lower(const DySampleOp& op) const {
    return DySample{x(), x(1), y(), op.scale, op.groups, op.dyscope};
  }
  std::optional<Step> lower(const DetectDecodeOp& op) const {
    DetectDecode step{};
    step.bins = op.bins;
    step.y = y();
    int anchors = 0;
    for (std::size_t i = 0; i < node_->inputs.size(); i += 2) {
      DetectDecode::Level& level = step.level[step.levels++];
      level.box = x(i);
      level.score = x(i + 1);
      level.stride_y = static_cast<float>(extents_[0].h) / static_cast<float>(level.box.h);
      level.stride_x = static_cast<float>(extents_[0].w) / static_cast<float>(level.box.w);
      level.first_anchor = anchors;
      level.first_tile = step.rows;
      anchors += level.box.h * level.box.w;
      step.rows += level.box.h;
    }
    return step;
  }
  std::optional<Step> lower(const SliceOp&) const { return {}; }   // a view
  std::optional<Step> lower(const ConcatOp&) const { return {}; }  // its operands are in place
  template <class Unfused>                                         // BatchNormOp, SiluOp, AddOp
  std::optional<Step> lower(const Unfused&) const {
    throw Error(node_->name + ": the graph was not optimised");
  }

  const Graph& graph_;
  const PackedWeights& weights_;
  int batch_;
  Target target_;
  std::vector<Extent> extents_;
  std::vector<Type> types_;          // of each root's buffer
  std::vector<ValueId> root_;        // the value whose buffer holds each value
  std::vector<int> first_channel_;   // of each value within its root
  std::vector<std::size_t> offset_;  // of each root's buffer, bytes
  const Node* node_ = nullptr;
};

/// A weight as PyTorch stores it, K, C/groups, R, S, to K, R, S, C/groups, in place.
void to_channels_last(const std::vector<int>& shape, std::span<float> weight) {
  const std::size_t c = static_cast<std::size_t>(shape[1]),
                    taps = static_cast<std::size_t>(shape[2]) * static_cast<std::size_t>(shape[3]), depth = c * taps;
  if (taps == 1) return;
  std::vector<float> plain(depth);
  for (std::size_t first = 0; first < weight.size(); first += depth) {
    const std::span<float> channel = weight.subspan(first, depth);
    std::copy(channel.begin(), channel.end(), plain.begin());
    for (std::size_t t = 0; t < taps; ++t)
      for (std::size_t j = 0; j < c; ++j) channel[t * c + j] = plain[j * taps + t];
  }
}

/// Calls body(i, thread) for each i below `count`, on the pool's threads if there is one, else as thread 0. Throws what
/// a body threw, of several the one of the least i, when all have ended.
template <class Body>
void for_each_index(ThreadPool* pool, int count, const Body& body) {
  std::mutex mutex;
  std::exception_ptr failure;
  int failed = count;
  const auto guarded = [&](int first, int last, int thread) {
    for (int i = first; i < last; ++i) try {
        body(i, thread);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (i < failed) failed = i, failure = std::current_exception();
      }
  };
  pool ? pool->for_tiles(count, guarded) : guarded(0, count, 0);
  if (failure) std::rethrow_exception(failure);
}

/// Lays out every convolution's weight, of `bytes(conv)` bytes made by `pack(node, conv, channels last, out)`, and its
/// bias, of `bias_floats(conv)` floats, those behind the bias zeros. Each of the pool's threads holds the values of one
/// convolution at a time.
template <class Bytes, class Floats, class Pack>
PackedWeights pack_convolutions(const Graph& graph, ThreadPool* pool, Bytes bytes_of, Floats bias_floats, Pack pack) {
  const auto parameter = [&](ParameterId id) -> const Parameter& {
    return graph.parameters[static_cast<std::size_t>(id)];
  };
  PackedWeights packed;
  packed.offsets.assign(graph.parameters.size(), 0);
  std::size_t bytes = 0, most = 0;
  const auto reserve = [&](ParameterId id, std::size_t size) {
    packed.offsets[static_cast<std::size_t>(id)] = bytes;
    bytes += align_up(size);
    most = std::max(most, elements_of(parameter(id).shape));
  };
  std::vector<const Node*> convolutions;
  for (const Node& node : graph.nodes)
    if (const auto* op = std::get_if<ConvOp>(&node.op)) {
      convolutions.push_back(&node);
      reserve(op->weight, bytes_of(describe(graph, *op)));
      reserve(op->bias, bias_floats(describe(graph, *op)) * sizeof(float));
    }
  packed.bytes = Buffer(bytes);
  const auto at = [&](ParameterId id) { return packed.bytes.data() + packed.offsets[static_cast<std::size_t>(id)]; };
  std::vector<Buffer> scratches(pool ? static_cast<std::size_t>(pool->threads()) : 1);  // each made by its thread
  for_each_index(pool, static_cast<int>(convolutions.size()), [&](int i, int thread) {
    const Node& node = *convolutions[static_cast<std::size_t>(i)];
    const ConvOp& op = std::get<ConvOp>(node.op);
    const Parameter &weight = parameter(op.weight), &bias = parameter(op.bias);
    Buffer& scratch = scratches[static_cast<std::size_t>(thread)];
    if (!scratch.data()) scratch = Buffer(most * sizeof(float));
    const std::span values(reinterpret_cast<float*>(scratch.data()), elements_of(weight.shape));
    weight.values(values);
    to_channels_last(weight.shape, values);
    try {
      pack(node, describe(graph, op), values, at(op.weight));
    } catch (const Error& error) {
      throw Error(node.name + ": " + error.what());
    }
    std::memset(at(op.bias), 0, bias_floats(describe(graph, op)) * sizeof(float));
    bias.values({reinterpret_cast<float*>(at(op.bias)), elements_of(bias.shape)});
  });
  return packed;
}

std::size_t outputs(const Conv2d& conv) {
  return static_cast<std::size_t>(conv.y.c);
}

}  // namespace

Conv2d describe(const Graph& graph, const ConvOp& op) {
  const std::vector<int>& shape = graph.parameters[static_cast<std::size_t>(op.weight)].shape;
  Conv2d conv{};
  conv.y.c = shape[0];
  conv.x.c = shape[1] * op.groups;
  conv.kernel = op.kernel;
  conv.stride = op.stride;
  conv.pad = op.pad;
  conv.dilation = op.dilation;
  conv.groups = op.groups;
  return conv;
}

PackedWeights no_weights(const Graph& graph) {
  return {Buffer(), std::vector<std::size_t>(graph.parameters.size(), 0)};
}

PackedWeights pack_for_cpu(const Graph& graph, Type type, ThreadPool* pool) {
  if (type == Type::u8)
    return pack_convolutions(
        graph, pool, [](const Conv2d& conv) { return conv2d_int8_cpu_kernel(conv).packed_bytes(conv); }, outputs,
        [&](const Node& node, const Conv2d& conv, std::span<const float> weight, std::byte* out) {
          if (!std::all_of(weight.begin(), weight.end(), [](float w) { return std::isfinite(w); }))
            throw Error("a weight that is not finite");
          conv2d_int8_cpu_kernel(conv).pack(conv, graph.quantizations[static_cast<std::size_t>(node.inputs[0])],
                                            weight.data(), out);
        });
  return pack_convolutions(
      graph, pool, [](const Conv2d& conv) { return conv2d_cpu_kernel(conv).packed_floats(conv) * sizeof(float); },
      outputs,
      [](const Node&, const Conv2d& conv, std::span<const float> weight, std::byte* out) {
        conv2d_cpu_kernel(conv).pack(conv, weight.data(), reinterpret_cast<float*>(out));
      });
}

PackedWeights pack_for_cuda(const Graph& graph, Type type) {
  const auto typed = [type](Conv2d conv) {
    conv.x.type = conv.weight.type = type;
    return conv;
  };
  return pack_convolutions(
      graph, nullptr, [&](const Conv2d& conv) { return conv2d_cuda_packed_bytes(typed(conv)); },
      [&](const Conv2d& conv) { return conv2d_cuda_bias_floats(typed(conv)); },
      [&](const Node&, const Conv2d& conv, std::span<const float> weight, std::byte* out) {
        conv2d_cuda_pack(typed(conv), weight.data(), out);
      });
}

PackedWeights pack_for_reference(const Graph& graph) {
  const auto bytes = [](const Conv2d& conv) {
    return static_cast<std::size_t>(conv.y.c) * static_cast<std::size_t>(conv.kernel.h) *
           static_cast<std::size_t>(conv.kernel.w) * static_cast<std::size_t>(conv.x.c / conv.groups) * sizeof(float);
  };
  return pack_convolutions(graph, nullptr, bytes, outputs,
                           [](const Node&, const Conv2d&, std::span<const float> weight, std::byte* out) {
                             std::memcpy(out, weight.data(), weight.size_bytes());
                           });
}

Program compile(const Graph& graph, const PackedWeights& weights, int batch, Extent input, bool keep_rows,
                Target target) {
  return Lowering(graph, weights, batch, input, target).run(input, keep_rows);
}

}  // namespace cudet
