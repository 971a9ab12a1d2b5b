#include "kernels/conv2d/cuda/plan.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>

#include "kernels/conv2d/cuda/layout.h"

namespace cudet {
namespace {

// Of one multiprocessor, in cycles: rough for an A100, and near enough elsewhere, since only ratios decide.
constexpr double kProductsF16 = 1024, kProductsF32 = 64;  // multiply-adds a cycle
constexpr double kBytes = 24;                             // from the second-level cache, a cycle
constexpr double kLatency = 1400;                         // of a block's start, first loads and end
constexpr double kReuse[] = {0.7, 0.85};                  // of the products' rate, by pixel_blocks: loads of fragments
constexpr double kEpilogue = 0.15;                        // an output element's SiLU and store
constexpr double kExchange = 2000;                        // of blocks that wait for each other's sums
constexpr double kThrift = 0.05;                          // of all blocks' work: the less of it, at equal time
constexpr double kResident = 2;                           // blocks that hide each other's latency
constexpr int kMostSplits = 8;
constexpr int kMostSplitTiles = static_cast<int>(kScratchCounters / sizeof(unsigned));

bool is_plain(const Conv2d& op) {
  return op.groups == 1 && op.dilation == Extent{1, 1};
}
bool is_three(const Conv2d& op, int stride) {
  return op.kernel == Extent{3, 3} && op.stride == Extent{stride, stride};
}

/// Whether the fast kernel can read x where it is.
bool readable(const Conv2d& op, Conv2dKind kind) {
  if (kind == Conv2dKind::stem) return op.x.pitch == 4 && op.x.offset % 16 == 0 && op.x.w % 2 == 0;
  if (op.x.c == 3) return op.x.pitch == 4 && in_vectors(op.x, 0);
  return in_vectors(op.x, 0);
}

/// Fits a tile's border into the patch; false where it is too large. Rows of the patch are spaced so that eight pixels
/// in a row of the tile's count, even across the end of one of its rows, fall into different banks.
bool place_patch(Conv2dCudaPlan& plan) {
  const Conv2dKind kind = plan.packing.kind;
  const int capacity = conv2d_patch(kind, plan.pixel_blocks);
  if (kind == Conv2dKind::three) {
    plan.patch_pitch = plan.tile_w + 2;
    if (plan.tile_w % 8 != 0)
      while (plan.patch_pitch % 8 != plan.tile_w % 8) ++plan.patch_pitch;
    return (plan.tile_h + 2) * plan.patch_pitch <= capacity;
  }
  // The next row of outputs is two of the patch on.
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
  const double pixels = 64.0 * plan.pixel_blocks, taps = p.form.taps_h * p.form.taps_w;
  const double depth = static_cast<double>(plan.chunks_of_split) * p.form.planes * p.form.lanes;
  const double outputs = pixels * p.channels_of_block;
  const double reuse = half ? kReuse[plan.pixel_blocks - 1] : 1;
  const double products = outputs * depth * taps / (half ? kProductsF16 : kProductsF32) / reuse;
  const double patch = conv2d_patch(p.kind, plan.pixel_blocks);
  const double bytes = (patch + p.channels_of_block * taps) * depth * static_cast<double>(size_of(p.type)) / kBytes;
  const double exchange = plan.splits > 1 ? outputs * 4 * 2 / kBytes + kExchange : 0;
  const double block = std::max(products, bytes) + outputs * kEpilogue + exchange;
  const double resident = std::clamp(static_cast<double>(plan.blocks()) / multiprocessors, 1.0, kResident);
  const double waves = std::ceil(static_cast<double>(plan.blocks()) / multiprocessors / kResident);
  const double all = static_cast<double>(plan.blocks()) * block / multiprocessors;  // less work is better at equal time
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

/// Bytes that the splits of all tiles need: counters, and a share of sums a block.
std::size_t scratch_bytes(const Conv2dCudaPlan& plan) {
  return kScratchCounters + static_cast<std::size_t>(plan.blocks()) * 64 * plan.pixel_blocks *
                                plan.packing.channels_of_block * sizeof(float);
}

/// Tries the plan's tile with every number of splits, and keeps the best one in `best`.
void try_splits(const Conv2d& op, Conv2dCudaPlan plan, int multiprocessors, std::size_t scratch, double& least,
                Conv2dCudaPlan& best) {
  divide_pixels(op, plan);
  const int chunks = plan.packing.chunks;
  for (int splits = 1; splits <= std::min(chunks, kMostSplits); ++splits) {
    plan.chunks_of_split = ceil_div(chunks, splits);
    plan.splits = ceil_div(chunks, plan.chunks_of_split);
    if (plan.splits != splits) continue;
    if (splits > 1 && plan.chunks_of_split < 2) break;  // nothing would run under the loads
    if (splits > 1 && (plan.tiles() > kMostSplitTiles || scratch_bytes(plan) > scratch)) break;
    const double cost = estimate(plan, multiprocessors);
    if (cost < least) {
      least = cost;
      best = plan;
    }
  }
}

}  // namespace

Conv2dKind conv2d_cuda_kind(const Conv2d& op) {
  const bool half = op.weight.type == Type::f16;
  const bool vectors = op.x.c % (half ? 16 : 4) == 0;
  if (!is_plain(op)) return Conv2dKind::general;
  if (vectors && op.kernel.h == 1 && op.kernel.w == 1 && op.stride.h == 1 && op.stride.w == 1 && op.pad.h == 0 &&
      op.pad.w == 0)
    return Conv2dKind::pointwise;
  if (vectors && is_three(op, 1)) return Conv2dKind::three;
  if (op.x.c == 3 && half && is_three(op, 2) && op.pad.h == 1 && op.pad.w == 1) return Conv2dKind::stem;
  if ((vectors || (op.x.c == 3 && !half)) && is_three(op, 2)) return Conv2dKind::three_stride2;
  return Conv2dKind::general;
}

Conv2dPacking conv2d_packing(const Conv2d& op) {
  Conv2dPacking p{};
  p.kind = conv2d_cuda_kind(op);
  p.type = op.weight.type;
  p.form = conv2d_form(p.type, p.kind);
  p.k = op.y.c;
  p.c = op.x.c / op.groups;
  p.taps_h = op.kernel.h;
  p.taps_w = op.kernel.w;
  // The least padding; of equal ones the widest block.
  int least = 0;
  p.channels_of_block = 16;
  for (const int width : {80, 64, 48, 32, 16}) {                           // as conv2d_with_width has them
    if (p.type == Type::f32 && width % 32 == 16 && width != 16) continue;  // a row of threads must divide the block
    const int padded = ceil_div(p.k, width) * width;
    if (least != 0 && padded >= least) continue;
    least = padded;
    p.channels_of_block = width;
  }
  p.blocks = ceil_div(p.k, p.channels_of_block);
  p.chunks = p.kind == Conv2dKind::stem ? 1 : ceil_div(p.c, p.form.planes * p.form.lanes);
  return p;
}

std::size_t Conv2dPacking::elements() const {
  if (kind == Conv2dKind::general) return static_cast<std::size_t>(k) * taps_h * taps_w * c;
  return static_cast<std::size_t>(blocks) * chunks * form.taps_h * form.taps_w * form.planes * form.lanes *
         channels_of_block;
}

Conv2dCudaPlan conv2d_cuda_plan(const Conv2d& op, int multiprocessors, std::size_t scratch_bytes) {
  Conv2dCudaPlan plan{};
  plan.packing = conv2d_packing(op);
  plan.y_vectors = in_vectors(op.y, 0);
  plan.residual_vectors = op.add && in_vectors(op.residual, 0);
  const Conv2dKind kind = plan.packing.kind;
  if (kind == Conv2dKind::general || !readable(op, kind)) {
    plan.pixel_blocks = 0;
    return plan;
  }
  double least = 1e300;
  Conv2dCudaPlan best{};
  for (const int pixel_blocks : {1, 2}) {
    if (!conv2d_has_instance(plan.packing.type, kind, pixel_blocks)) continue;
    plan.pixel_blocks = pixel_blocks;
    const int pixels = 64 * pixel_blocks;
    if (kind == Conv2dKind::pointwise) {
      plan.tile_h = 1;
      plan.tile_w = pixels;
      try_splits(op, plan, multiprocessors, scratch_bytes, least, best);
      continue;
    }
    // Widths that share a row out evenly, in steps of 4 that keep the patch free of bank conflicts.
    for (int parts = 1; parts <= op.y.w; ++parts) {
      const int width = std::max(8, (ceil_div(op.y.w, parts) + 3) / 4 * 4);
      if (width > pixels) continue;
      plan.tile_w = width;
      for (plan.tile_h = std::min(pixels / width, op.y.h); plan.tile_h > 0; --plan.tile_h)
        if (place_patch(plan)) {
          plan.tile_h = ceil_div(op.y.h, ceil_div(op.y.h, plan.tile_h));
          try_splits(op, plan, multiprocessors, scratch_bytes, least, best);
          break;
        }
      if (width == 8) break;
    }
  }
  return best;
}

std::size_t conv2d_cuda_shared_bytes(const Conv2dCudaPlan& plan) {
  const Conv2dPacking& p = plan.packing;
  return static_cast<std::size_t>(Conv2dLayout(p.type, p.kind, plan.pixel_blocks, p.channels_of_block).total);
}

std::size_t conv2d_cuda_packed_bytes(const Conv2d& op) {
  return conv2d_packing(op).elements() * size_of(op.weight.type);
}

std::size_t conv2d_cuda_bias_floats(const Conv2d& op) {
  const Conv2dPacking packing = conv2d_packing(op);
  return static_cast<std::size_t>(packing.blocks) * packing.channels_of_block;
}

std::size_t conv2d_cuda_scratch_bytes(const Conv2d& op, int multiprocessors) {
  constexpr std::size_t kPlenty = std::size_t{8} << 20;
  const Conv2dCudaPlan plan = conv2d_cuda_plan(op, multiprocessors, kPlenty);
  return plan.splits < 2 ? 0 : scratch_bytes(plan);
}

}  // namespace cudet
