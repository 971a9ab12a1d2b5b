#include "kernels/conv2d/cuda/plan.h"

#include <algorithm>
#include <cmath>

namespace cudet {
namespace {

// The time model's constants, for one multiprocessor, in cycles. They are rough values for an A100, and good enough for
// other devices, because only their ratios matter.
constexpr double kProductsF16 = 1024, kProductsF32 = 64;  // multiply-adds per cycle
constexpr double kBytes = 24;                             // from the second-level cache per cycle
constexpr double kLatency = 1400;                         // of a block's start, first loads and end
constexpr double kReuse[] = {0.7, 0.85};  // share of kProductsF16 reached, by pixel_blocks: fragments must be loaded
constexpr double kEpilogue = 0.15;        // SiLU and store, per output element
constexpr double kExchange = 2000;        // of blocks that wait for each other's sums
constexpr double kThrift = 0.05;  // share of all blocks' work added to the time: prefers less work at equal time
constexpr double kResident = 2;   // blocks that hide each other's latency
constexpr int kMaxSplits = 8;
constexpr int kMaxSplitTiles = static_cast<int>(kScratchCounters / sizeof(unsigned));

bool is_dense(const Conv2d& op) {
  return op.groups == 1 && op.dilation == Extent{1, 1};
}
bool is_3x3(const Conv2d& op, int stride) {
  return op.kernel == Extent{3, 3} && op.stride == Extent{stride, stride};
}

/// Whether x is aligned as the fast kernel needs it.
bool readable(const Conv2d& op, Conv2dKind kind) {
  if (kind == Conv2dKind::stem) return op.x.pitch == 4 && op.x.offset % 16 == 0 && op.x.w % 2 == 0;
  if (op.x.c == 3) return op.x.pitch == 4 && in_vectors(op.x, 0);
  return in_vectors(op.x, 0);
}

/// Chooses patch_pitch (and odd_columns) for the plan's tile; returns whether the patch then fits. Rows are spaced so
/// that any eight consecutive pixels of the tile, even across the end of one of its rows, fall into different banks.
bool fit_patch(Conv2dCudaPlan& plan) {
  const Conv2dKind kind = plan.packing.kind;
  const int capacity = conv2d_patch_pixels(kind, plan.pixel_blocks);
  if (kind == Conv2dKind::conv3x3) {
    plan.patch_pitch = plan.tile_w + 2;
    if (plan.tile_w % 8 != 0)
      while (plan.patch_pitch % 8 != plan.tile_w % 8) ++plan.patch_pitch;
    return (plan.tile_h + 2) * plan.patch_pitch <= capacity;
  }
  // The next row of outputs is two rows of the patch further on.
  if (kind == Conv2dKind::stem) {
    plan.patch_pitch = plan.tile_w + 1;
    if (plan.tile_w % 8 == 4)
      while (plan.patch_pitch % 4 != 2) ++plan.patch_pitch;
  } else {
    plan.odd_columns = plan.tile_w + 1;
    if (plan.tile_w % 8 == 4)
      while (plan.odd_columns % 2 != 1) ++plan.odd_columns;
    plan.patch_pitch = 2 * plan.odd_columns;
  }
  return (2 * plan.tile_h + 1) * plan.patch_pitch <= capacity;
}

double estimate(const Conv2dCudaPlan& plan, int multiprocessors) {
  const Conv2dPacking& p = plan.packing;
  const bool half = p.type == Type::f16;
  const double pixels = 64.0 * plan.pixel_blocks, taps = p.chunk.taps_h * p.chunk.taps_w;
  const double depth = static_cast<double>(plan.chunks_per_split) * p.chunk.planes * p.chunk.lanes;
  const double outputs = pixels * p.channels_per_block;
  const double reuse = half ? kReuse[plan.pixel_blocks - 1] : 1;
  const double products = outputs * depth * taps / (half ? kProductsF16 : kProductsF32) / reuse;
  const double patch = conv2d_patch_pixels(p.kind, plan.pixel_blocks);
  const double bytes = (patch + p.channels_per_block * taps) * depth * static_cast<double>(size_of(p.type)) / kBytes;
  const double exchange = plan.splits > 1 ? outputs * 4 * 2 / kBytes + kExchange : 0;
  const double block = std::max(products, bytes) + outputs * kEpilogue + exchange;
  const double resident = std::clamp(static_cast<double>(plan.blocks()) / multiprocessors, 1.0, kResident);
  const double waves = std::ceil(static_cast<double>(plan.blocks()) / multiprocessors / kResident);
  const double all = static_cast<double>(plan.blocks()) * block / multiprocessors;
  return waves * (kLatency + resident * block) + kThrift * all;
}

void divide_pixels(const Conv2d& op, Conv2dCudaPlan& plan) {
  if (plan.packing.kind == Conv2dKind::pointwise) {
    plan.tiles_y = 1;
    plan.tiles_x = static_cast<int>((static_cast<long>(op.y.n) * op.y.h * op.y.w + plan.tile_w - 1) / plan.tile_w);
    plan.pixel_tiles = plan.tiles_x;
  } else {
    plan.tiles_y = ceil_div(op.y.h, plan.tile_h);
    plan.tiles_x = ceil_div(op.y.w, plan.tile_w);
    plan.pixel_tiles = op.y.n * plan.tiles_y * plan.tiles_x;
  }
}

/// The device, and the best plan so far for it.
struct Search {
  int multiprocessors;
  std::size_t scratch_limit;
  double min_cost = 1e300;
  Conv2dCudaPlan best{};
};

/// Tries the plan's tile with every number of splits.
void try_splits(const Conv2d& op, Conv2dCudaPlan plan, Search& search) {
  divide_pixels(op, plan);
  const int chunks = plan.packing.chunks;
  for (int splits = 1; splits <= std::min(chunks, kMaxSplits); ++splits) {
    plan.chunks_per_split = ceil_div(chunks, splits);
    plan.splits = ceil_div(chunks, plan.chunks_per_split);
    if (plan.splits != splits) continue;
    if (splits > 1 && plan.chunks_per_split < 2) break;  // with a single chunk, nothing would overlap its loads
    if (splits > 1 && (plan.tiles() > kMaxSplitTiles || plan.scratch_bytes() > search.scratch_limit)) break;
    const double cost = estimate(plan, search.multiprocessors);
    if (cost < search.min_cost) {
      search.min_cost = cost;
      search.best = plan;
    }
  }
}

}  // namespace

Conv2dKind conv2d_cuda_kind(const Conv2d& op) {
  const bool half = op.weight.type == Type::f16;
  const bool vectors = op.x.c % (half ? 16 : 4) == 0;
  if (!is_dense(op)) return Conv2dKind::general;
  if (vectors && op.kernel.h == 1 && op.kernel.w == 1 && op.stride.h == 1 && op.stride.w == 1 && op.pad.h == 0 &&
      op.pad.w == 0)
    return Conv2dKind::pointwise;
  if (vectors && is_3x3(op, 1)) return Conv2dKind::conv3x3;
  if (op.x.c == 3 && half && is_3x3(op, 2) && op.pad.h == 1 && op.pad.w == 1) return Conv2dKind::stem;
  if ((vectors || (op.x.c == 3 && !half)) && is_3x3(op, 2)) return Conv2dKind::conv3x3_stride2;
  return Conv2dKind::general;
}

Conv2dPacking conv2d_packing(const Conv2d& op) {
  Conv2dPacking p{};
  p.kind = conv2d_cuda_kind(op);
  p.type = op.weight.type;
  p.chunk = conv2d_chunk(p.type, p.kind);
  p.k = op.y.c;
  p.c = op.x.c / op.groups;
  p.taps_h = op.kernel.h;
  p.taps_w = op.kernel.w;
  int min_padded = 0;
  for (const int width : kConv2dBlockWidths) {
    const int padded = ceil_div(p.k, width) * width;
    if (!conv2d_has_width(p.type, width) || (min_padded != 0 && padded >= min_padded)) continue;
    min_padded = padded;
    p.channels_per_block = width;
  }
  p.channel_blocks = ceil_div(p.k, p.channels_per_block);
  p.chunks = p.kind == Conv2dKind::stem ? 1 : ceil_div(p.c, p.chunk.planes * p.chunk.lanes);
  return p;
}

std::size_t Conv2dPacking::elements() const {
  if (kind == Conv2dKind::general) return static_cast<std::size_t>(k) * taps_h * taps_w * c;
  return static_cast<std::size_t>(channel_blocks) * chunks * chunk.taps_h * chunk.taps_w * chunk.planes * chunk.lanes *
         channels_per_block;
}

std::size_t Conv2dCudaPlan::shares_bytes() const {
  if (splits < 2) return 0;
  return static_cast<std::size_t>(blocks()) * 64 * pixel_blocks * packing.channels_per_block * sizeof(float);
}

Conv2dCudaPlan conv2d_cuda_plan(const Conv2d& op, int multiprocessors, std::size_t scratch_limit) {
  Conv2dCudaPlan plan{};
  plan.packing = conv2d_packing(op);
  plan.y_vectors = in_vectors(op.y, 0);
  plan.residual_vectors = op.add && in_vectors(op.residual, 0);
  const Conv2dKind kind = plan.packing.kind;
  if (kind == Conv2dKind::general || !readable(op, kind)) {
    plan.pixel_blocks = 0;
    return plan;
  }
  Search search{multiprocessors, scratch_limit};
  for (const int pixel_blocks : {1, 2}) {
    if (!conv2d_has_pixel_blocks(plan.packing.type, kind, pixel_blocks)) continue;
    plan.pixel_blocks = pixel_blocks;
    const int pixels = 64 * pixel_blocks;
    if (kind == Conv2dKind::pointwise) {
      plan.tile_h = 1;
      plan.tile_w = pixels;
      try_splits(op, plan, search);
      continue;
    }
    // Widths that divide a row evenly, rounded up to 4, which keeps the patch free of bank conflicts.
    for (int parts = 1; parts <= op.y.w; ++parts) {
      const int width = std::max(8, (ceil_div(op.y.w, parts) + 3) / 4 * 4);
      if (width > pixels) continue;
      plan.tile_w = width;
      for (plan.tile_h = std::min(pixels / width, op.y.h); plan.tile_h > 0; --plan.tile_h)
        if (fit_patch(plan)) {
          plan.tile_h = ceil_div(op.y.h, ceil_div(op.y.h, plan.tile_h));
          try_splits(op, plan, search);
          break;
        }
      if (width == 8) break;
    }
  }
  return search.best;
}

std::size_t conv2d_cuda_shared_bytes(const Conv2dCudaPlan& plan) {
  const Conv2dPacking& p = plan.packing;
  return static_cast<std::size_t>(Conv2dSharedLayout(p.type, p.kind, plan.pixel_blocks, p.channels_per_block).total);
}

std::size_t conv2d_cuda_packed_bytes(const Conv2d& op) {
  return conv2d_packing(op).elements() * size_of(op.weight.type);
}

std::size_t conv2d_cuda_bias_floats(const Conv2d& op) {
  const Conv2dPacking packing = conv2d_packing(op);
  return static_cast<std::size_t>(packing.channel_blocks) * packing.channels_per_block;
}

}  // namespace cudet
