#include "runtime/compile/lowering.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "kernels/shape_text.h"
#include "runtime/buffer.h"
#include "runtime/compile/fusion.h"
#include "runtime/compile/quantize.h"
#include "runtime/program.h"

namespace cudet {
namespace {

// Limits per tensor. Byte offsets stay far below the limit of size_t; CUDA kernels index one image with int.
constexpr double kMaxElements = 1e13;
// Limits per tensor so that int counts the pixels and the tiles of every plan.
constexpr double kMaxPlannedElements = 5e11, kMaxPlannedPixels = 1 << 30;

/// Lowers an optimised graph: assigns every value a buffer, plans the buffers' memory, and turns nodes into steps.
class Lowering {
 public:
  Lowering(const Graph& graph, const PackedWeights& weights, int batch, Extent input, Target target)
      : graph_(graph),
        weights_(weights),
        batch_(batch),
        target_(target),
        extents_(infer_extents(graph, input)),
        types_(value_types(graph, target.type)) {}

  Program run(Extent input, bool keep_rows) {
    find_roots();
    Program program{};
    program.batch = batch_;
    program.input_size = input;
    program.inputs = target_.cuda ? target_.inputs : 1;
    plan(program, keep_rows);
    check_size(program);
    program.steps = lower_nodes();
    for (Program::NamedStep& named : program.steps) named.plan = plan_step(named.step, target_);
    program.input = tensor(0);
    program.output = tensor(graph_.output);
    for (const GraphRow& row : graph_.rows) program.rows.push_back(tensor(row.output));
    if (program.inputs == 2) add_second_input(program);
    return program;
  }

 private:
  static std::size_t index(int id) { return static_cast<std::size_t>(id); }

  std::vector<Program::NamedStep> lower_nodes() {
    std::vector<Program::NamedStep> steps;
    for (const Node& node : graph_.nodes) {
      node_ = &node;
      std::optional<Step> step = std::visit([&](const auto& op) { return lower(op); }, node.op);
      if (step) steps.push_back({*step, {}, node.name, node.row});
    }
    if (target_.cuda) fuse(steps);
    return steps;
  }

  /// Lowers the steps that access the input's buffer once more, for the second input.
  void add_second_input(Program& program) {
    const std::size_t input = index(root_[0]), bytes = program.input_bytes;
    offset_[input] = bytes;
    const std::vector<Program::NamedStep> second = lower_nodes();
    offset_[input] = 0;
    const auto first = [bytes](const Tensor& t) { return t.offset < bytes; };
    for (std::size_t i = 0; i < second.size(); ++i) {
      const StepInfo info = step_info(program.steps[i].step);
      if (std::any_of(info.inputs.begin(), info.inputs.end(), first) ||
          std::any_of(info.outputs.begin(), info.outputs.end(), first))
        program.second_input.push_back({static_cast<int>(i), second[i].step});
    }
  }

  std::size_t value_bytes(ValueId v) const {
    const Extent e = extents_[index(v)];
    const double image_elements = static_cast<double>(e.h) * e.w * pitch(v);
    if (batch_ * image_elements > kMaxElements || (target_.cuda && image_elements > std::numeric_limits<int>::max()))
      throw TooLarge("a tensor of " + std::to_string(e.h) + "x" + std::to_string(e.w) + " pixels of " +
                     std::to_string(graph_.channels[index(v)]) + " channels is too large" +
                     (target_.cuda ? " for CUDA" : ""));
    return index(batch_) * index(e.h) * index(e.w) * index(pitch(v)) * size_of(types_[index(v)]);
  }

  /// Elements from one pixel of a buffer to the next. CUDA kernels need aligned pixels; see Target.
  int pitch(ValueId root) const {
    const int channels = graph_.channels[index(root)];
    if (!target_.cuda || root == graph_.output) return channels;
    return round_up(channels, channels <= 4 ? 4 : static_cast<int>(16 / size_of(types_[index(root)])));
  }

  /// Throws Error if the arena exceeds the target's memory, or if a batch has too many pixels.
  void check_size(const Program& program) const {
    const std::string batch = "a batch of " + std::to_string(batch_) + (batch_ == 1 ? " image of " : " images of ") +
                              to_text(program.input_size) + " pixels";
    if (program.memory.bytes > target_.max_bytes)
      throw Error("out of memory: " + std::to_string(program.memory.bytes >> 20) + " MB are needed for " + batch);
    for (std::size_t v = 0; v < extents_.size(); ++v) {
      const double pixels = static_cast<double>(batch_) * extents_[v].h * extents_[v].w;
      if (pixels > kMaxPlannedPixels || pixels * graph_.channels[v] > kMaxPlannedElements)
        throw TooLarge(batch + " is too large");
    }
  }

  /// Follows each value's slices up to its root, the value that owns the buffer.
  void find_roots() {
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

  /// Computes the buffers' lifetimes and assigns their offsets in the arena. Time is counted in nodes: slices and
  /// concats emit no step, but counting them keeps the order.
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
      const std::size_t bytes = value_bytes(static_cast<ValueId>(v));
      program.activation_bytes += bytes;
      if (target_.cuda && v == index(root_[0])) {
        program.input_bytes = std::max(align_up(bytes), target_.input_bytes);
        last[v] = -1;  // it is not one of the buffers that share memory
        continue;
      }
      buffer_of[v] = buffers.size();
      buffers.push_back({bytes, first[v], last[v]});
    }
    program.memory = plan_memory(buffers);
    const std::size_t inputs = static_cast<std::size_t>(program.inputs) * program.input_bytes;
    program.memory.bytes += inputs;
    program.memory.live_peak += inputs;
    offset_.assign(root_.size(), 0);
    for (std::size_t v = 0; v < root_.size(); ++v)
      if (last[v] >= 0) offset_[v] = inputs + program.memory.offsets[buffer_of[v]];
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

  std::size_t weight_offset(ParameterId id) const {
    const std::size_t offset = weights_.offsets[index(id)];
    if (offset == PackedWeights::kNotPacked) throw Error(node_->name + ": its weights are not packed");
    return offset;
  }

  std::optional<Step> lower(const ConvOp& op) const {
    Conv2d step = describe_conv(graph_, op);
    step.x = x();
    step.y = y();
    step.activation = op.activation.kind;
    step.slope = op.activation.slope;
    step.add = op.add;
    if (op.add) step.residual = x(1);
    const int c = step.x.c / op.groups;
    step.weight = {Space::weights, target_.type, weight_offset(op.weight), step.y.c, op.kernel.h, op.kernel.w, c, c};
    step.bias = {Space::weights, Type::f32, weight_offset(op.bias), 1, 1, 1, step.y.c, step.y.c};
    if (target_.type != Type::u8) return step;
    return Conv2dInt8{step, quantization(node_->inputs[0]), quantization(node_->output),
                      op.add ? quantization(node_->inputs[1]) : Quantization{}};
  }
  std::optional<Step> lower(const ConvTransposeOp& op) const {
    ConvTranspose2d step = describe_conv(graph_, op);
    step.x = x();
    step.y = y();
    const int k = step.y.c / op.groups;
    step.weight = {Space::weights, target_.type, weight_offset(op.weight), step.x.c, k, op.kernel.h,
                   op.kernel.w,    op.kernel.w};
    step.bias = {Space::weights, Type::f32, weight_offset(op.bias), 1, 1, 1, step.y.c, step.y.c};
    return step;
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
  std::optional<Step> lower(const AddOp&) const { return Add{x(), x(1), y()}; }
  std::optional<Step> lower(const PadOp& op) const { return Pad{x(), y(), op.top, op.left}; }
  std::optional<Step> lower(const ResizeBilinearOp& op) const {
    return ResizeBilinear{x(), y(), op.scale, op.align_corners};
  }
  // Views: no step.
  std::optional<Step> lower(const SliceOp&) const { return {}; }
  std::optional<Step> lower(const ConcatOp&) const { return {}; }
  // optimise() fuses these into convolutions.
  std::optional<Step> lower(const BatchNormOp&) const { return not_fused(); }
  std::optional<Step> lower(const ActivationOp&) const { return not_fused(); }
  std::optional<Step> not_fused() const { throw Error(node_->name + ": the graph was not optimised"); }

  const Graph& graph_;
  const PackedWeights& weights_;
  int batch_;
  Target target_;
  std::vector<Extent> extents_;
  std::vector<Type> types_;          // per value; a buffer has the type of its root
  std::vector<ValueId> root_;        // per value: the value that owns its buffer
  std::vector<int> first_channel_;   // per value: its first channel within the root
  std::vector<std::size_t> offset_;  // per root: its buffer's offset in the arena, bytes
  const Node* node_ = nullptr;
};

}  // namespace

Program compile(const Graph& graph, const PackedWeights& weights, int batch, Extent input, bool keep_rows,
                Target target) {
  return Lowering(graph, weights, batch, input, target).run(input, keep_rows);
}

}  // namespace cudet
