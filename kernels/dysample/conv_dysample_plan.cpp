#include "kernels/dysample/conv_dysample_plan.h"

#include <algorithm>
#include <limits>

namespace cudet {
namespace {

constexpr int kMinPixels = 4;  // per tile
// Blocks per multiprocessor that take no more time than one: f16 waits for memory, f32 for multiplications.
constexpr int kResidentF16 = 2, kResidentF32 = 1;

/// Whether an int can hold the number of vectors.
bool countable(const Tensor& t) {
  return t.pixel(t.n, 0, 0) * size_of(t.type) / 16 <= static_cast<std::size_t>(std::numeric_limits<int>::max());
}

}  // namespace

ConvDySamplePlan conv_dysample_plan(const ConvDySample& op, int multiprocessors) {
  ConvDySamplePlan plan{};
  plan.conv = conv2d_cuda_plan(op.conv, multiprocessors, 0);
  if (plan.conv.pixel_blocks == 0) return plan;
  const DySample& sample = op.sample;
  const long pixels = static_cast<long>(sample.x.n) * sample.x.h * sample.x.w;
  const auto tiles = [pixels](int tile_w) { return static_cast<int>((pixels + tile_w - 1) / tile_w); };
  const int blocks = (sample.x.type == Type::f16 ? kResidentF16 : kResidentF32) * multiprocessors;
  plan.conv.pixel_blocks = 1;
  plan.conv.tile_w = kConvDySamplePixels;
  while (plan.conv.tile_w > kMinPixels && tiles(plan.conv.tile_w / 2) <= blocks) plan.conv.tile_w /= 2;
  plan.conv.tiles_x = plan.conv.pixel_tiles = tiles(plan.conv.tile_w);
  plan.points = sample.groups * sample.scale * sample.scale;
  plan.shared_bytes =
      std::max(conv2d_cuda_shared_bytes(plan.conv),
               static_cast<std::size_t>(ConvDySampleLayout(plan.conv.packing.channels_per_block, plan.points).total));
  return plan;
}

bool conv_dysample_fits(const ConvDySample& op) {
  const auto& [conv, sample] = op;
  if (conv2d_cuda_kind(conv) != Conv2dKind::pointwise || conv.activation != Activation::none || conv.add) return false;
  if (!(conv.x == sample.x) || !(conv.y == sample.offset)) return false;
  if (conv.x.type != conv.weight.type || sample.y.type != sample.x.type) return false;
  if (sample.groups < 1 || sample.x.c % sample.groups != 0) return false;
  const int group_channels = sample.x.c / sample.groups;
  if (!in_vectors(sample.x, group_channels) || !in_vectors(sample.y, group_channels)) return false;
  if (!countable(sample.x) || !countable(sample.y)) return false;
  const ConvDySamplePlan plan = conv_dysample_plan(op, 1);
  return plan.conv.pixel_blocks == 1 && plan.conv.packing.channel_blocks == 1 && plan.shared_bytes <= kSharedByDefault;
}

}  // namespace cudet
