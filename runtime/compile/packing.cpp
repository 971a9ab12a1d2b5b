#include "runtime/compile/packing.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <exception>
#include <mutex>
#include <span>

#include "kernels/conv2d/cpu/kernels.h"
#include "kernels/conv2d_int8/cpu/kernels.h"

namespace cudet {
namespace {

/// Transposes a weight from PyTorch's K, C/groups, R, S to K, R, S, C/groups, in place.
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

/// Calls body(i, thread) for each i in [0, count), on the pool's threads if there is a pool, else on the caller's as
/// thread 0. After all calls have ended, rethrows the exception of the smallest i that threw.
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

/// Calls f(op) if the operator is a convolution, transposed or not.
template <class F>
void if_convolution(const Operator& op, const F& f) {
  if (const auto* conv = std::get_if<ConvOp>(&op)) f(*conv);
  if (const auto* transposed = std::get_if<ConvTransposeOp>(&op)) f(*transposed);
}

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

/// Returns a convolution with an operator's attributes and these channels.
template <class Conv, class Op>
Conv describe_window(const Op& op, int in, int out) {
  Conv conv{};
  conv.x.c = in;
  conv.y.c = out;
  conv.kernel = op.kernel;
  conv.stride = op.stride;
  conv.pad = op.pad;
  conv.dilation = op.dilation;
  conv.groups = op.groups;
  return conv;
}

/// Throws Error if a value is not finite: a folded batch norm or the scale of an 8-bit weight can overflow.
void require_finite(const Node& node, std::span<const float> values) {
  if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); }))
    throw Error(node.name + ": a weight or bias is not finite");
}

/// Packs a transposed convolution's weight for the kernels of either processor.
constexpr auto pack_transposed = [](const Node&, const ConvTranspose2d& conv, std::span<const float> weight,
                                    std::byte* out) { conv_transpose2d_pack(conv, weight.data(), out); };

/// Packs the weight and bias of every convolution into size(conv) bytes. pack(node, conv, weight, out) packs a weight,
/// which is K, R, S, C/groups, or C, K/groups, R, S if the convolution is transposed; zeros follow the bias' own
/// values. Each thread holds the unpacked values of one convolution at a time.
template <class Size, class Pack>
PackedWeights pack_convolutions(const Graph& graph, Type type, ThreadPool* pool, Size size, Pack pack) {
  const auto parameter = [&](ParameterId id) -> const Parameter& { return graph.parameters[id]; };
  PackedWeights packed;
  packed.offsets.assign(graph.parameters.size(), PackedWeights::kNotPacked);
  std::size_t bytes = 0, max_elements = 0;
  const auto typed = [&](const auto& op) {
    auto conv = describe_conv(graph, op);
    conv.x.type = conv.weight.type = type;
    return conv;
  };
  const auto reserve = [&](ParameterId id, std::size_t count) {
    packed.offsets[id] = bytes;
    bytes += align_up(count);
    max_elements = std::max(max_elements, element_count(parameter(id).shape));
  };
  std::vector<const Node*> convolutions;
  for (const Node& node : graph.nodes)
    if_convolution(node.op, [&](const auto& op) {
      convolutions.push_back(&node);
      const PackedSize packed_size = size(typed(op));
      reserve(op.weight, packed_size.weight);
      reserve(op.bias, packed_size.bias);
    });
  packed.bytes = Buffer(bytes);
  const auto at = [&](ParameterId id) { return packed.bytes.data() + packed.offsets[id]; };
  std::vector<Buffer> scratches(pool ? pool->threads() : 1);  // each is allocated by its thread
  const auto pack_one = [&](const Node& node, const auto& op, Buffer& scratch) {
    const auto conv = typed(op);
    const Parameter &weight = parameter(op.weight), &bias = parameter(op.bias);
    if (!scratch.data()) scratch = Buffer(max_elements * sizeof(float));
    const std::span values(reinterpret_cast<float*>(scratch.data()), element_count(weight.shape));
    weight.values(values);
    if constexpr (std::is_same_v<decltype(conv), const Conv2d>) to_channels_last(weight.shape, values);
    require_finite(node, values);
    try {
      pack(node, conv, values, at(op.weight));
    } catch (const Error& error) {
      throw Error(node.name + ": " + error.what());
    }
    std::memset(at(op.bias), 0, size(conv).bias);
    const std::span biases(reinterpret_cast<float*>(at(op.bias)), element_count(bias.shape));
    bias.values(biases);
    require_finite(node, biases);
  };
  for_each_index(pool, static_cast<int>(convolutions.size()), [&](int i, int thread) {
    const Node& node = *convolutions[i];
    if_convolution(node.op, [&](const auto& op) { pack_one(node, op, scratches[thread]); });
  });
  return packed;
}

}  // namespace

Conv2d describe_conv(const Graph& graph, const ConvOp& op) {
  const std::vector<int>& shape = graph.parameters[op.weight].shape;  // K, C/groups, R, S
  return describe_window<Conv2d>(op, shape[1] * op.groups, shape[0]);
}

ConvTranspose2d describe_conv(const Graph& graph, const ConvTransposeOp& op) {
  const std::vector<int>& shape = graph.parameters[op.weight].shape;  // C, K/groups, R, S
  return describe_window<ConvTranspose2d>(op, shape[0], shape[1] * op.groups);
}

PackedWeights no_weights(const Graph& graph) {
  return {Buffer(), std::vector<std::size_t>(graph.parameters.size(), 0)};
}

PackedSize packed_size(const Conv2d& conv, bool cuda) {
  if (cuda) return {conv2d_cuda_packed_bytes(conv), conv2d_cuda_bias_floats(conv) * sizeof(float)};
  const std::size_t bias = static_cast<std::size_t>(conv.y.c) * sizeof(float);
  if (conv.x.type == Type::u8) return {conv2d_int8_cpu_kernel(conv).packed_bytes(conv), bias};
  return {conv2d_cpu_kernel(conv).packed_floats(conv) * sizeof(float), bias};
}

PackedSize packed_size(const ConvTranspose2d& conv, bool) {
  return {conv_transpose2d_packed_bytes(conv), static_cast<std::size_t>(conv.y.c) * sizeof(float)};
}

std::size_t packed_bytes(const Step& step, bool cuda) {
  if (const auto* transposed = std::get_if<ConvTranspose2d>(&step)) return packed_size(*transposed, cuda).total();
  const Conv2d* conv = convolution(step);
  return conv ? packed_size(*conv, cuda).total() : 0;
}

PackedWeights pack_for_cpu(const Graph& graph, Type type, ThreadPool* pool) {
  return pack_convolutions(
      graph, type, pool, [](const auto& conv) { return packed_size(conv); },
      Overloaded{pack_transposed,
                 [&](const Node& node, const Conv2d& conv, std::span<const float> weight, std::byte* out) {
                   if (type != Type::u8)
                     return conv2d_cpu_kernel(conv).pack(conv, weight.data(), reinterpret_cast<float*>(out));
                   conv2d_int8_cpu_kernel(conv).pack(conv, graph.quantizations[node.inputs[0]], weight.data(), out);
                 }});
}

PackedWeights pack_for_cuda(const Graph& graph, Type type) {
  return pack_convolutions(
      graph, type, nullptr, [](const auto& conv) { return packed_size(conv, true); },
      Overloaded{pack_transposed, [](const Node&, const Conv2d& conv, std::span<const float> weight, std::byte* out) {
                   conv2d_cuda_pack(conv, weight.data(), out);
                 }});
}

PackedWeights pack_for_reference(const Graph& graph) {
  const auto size = [](const auto& conv) -> PackedSize {
    const std::size_t outputs = static_cast<std::size_t>(conv.y.c);
    return {outputs * static_cast<std::size_t>(conv.kernel.h) * static_cast<std::size_t>(conv.kernel.w) *
                static_cast<std::size_t>(conv.x.c / conv.groups) * sizeof(float),
            outputs * sizeof(float)};
  };
  return pack_convolutions(graph, Type::f32, nullptr, size,
                           [](const Node&, const auto&, std::span<const float> weight, std::byte* out) {
                             std::memcpy(out, weight.data(), weight.size_bytes());
                           });
}

}  // namespace cudet
