// The convolution that computes the offsets and the sampling at them, in one launch. A block computes the offsets of up
// to 64 pixels with the convolution's tile and keeps them in shared memory. Then it samples around these pixels, in
// rounds of 16: the points of a round are computed once and serve every vector of channels.
#pragma once
#include <type_traits>

#include "kernels/conv2d/cuda/tile.cuh"
#include "kernels/dysample/conv_dysample_plan.h"
#include "kernels/dysample/sample.cuh"

namespace cudet {

// In shared memory, 16 bytes each; offsets in vectors or pixels, counted over all images.
struct alignas(16) TilePixel {
  int v, u;
  int image;  // offset of its image's first pixel in x
  int y;      // offset of the first of its scale x scale pixels in y
};
struct alignas(16) PointMap {  // point m of any pixel: its group and its position in the square of scale x scale
  float initial_y, initial_x;
  int y;  // pixels after the first of the square
  int k;  // vectors of a pixel before the group's first
};
struct alignas(16) Point {
  int x, y;  // vectors to its upper left corner in x, to its pixel in y
  float row_weight, column_weight;
};

template <class Tile>
struct ConvDySampleBlock {
  using T = std::conditional_t<Tile::kHalf, __half, float>;
  using V = Vector<T>;

  const DySample& op;
  const Memory& memory;
  const ConvDySamplePlan& plan;
  ConvDySampleLayout layout{Tile::kChannels, plan.points};

  __device__ float* offsets() const { return reinterpret_cast<float*>(shared_memory()); }
  __device__ TilePixel* pixels() const { return reinterpret_cast<TilePixel*>(shared_memory() + layout.pixels_at); }
  __device__ PointMap* maps() const { return reinterpret_cast<PointMap*>(shared_memory() + layout.maps_at); }
  __device__ Point* points(int round) const {
    return reinterpret_cast<Point*>(shared_memory() + layout.points_at) + round % 2 * kConvDySampleRound * plan.points;
  }

  __device__ void store_offsets(const typename Tile::Sums& sums) const {
    const int thread = static_cast<int>(threadIdx.x), pitch = layout.offset_pitch;
    if constexpr (Tile::kHalf) {
      // A thread's part of mma's result: rows lane / 4 and lane / 4 + 8, columns 2 (lane % 4) and the next.
      const int lane = thread % 32;
      float* to = offsets() + (thread / 32 * 16 + lane / 4) * pitch + lane % 4 * 2;
#pragma unroll
      for (int j = 0; j < Tile::kChannels / 8; ++j) {
        *reinterpret_cast<float2*>(to + j * 8) = make_float2(sums[j][0], sums[j][1]);
        *reinterpret_cast<float2*>(to + j * 8 + 8 * pitch) = make_float2(sums[j][2], sums[j][3]);
      }
    } else {
      float* to = offsets() + thread / Tile::kThreadsPerPixel * pitch + thread % Tile::kThreadsPerPixel * 4;
#pragma unroll
      for (int v = 0; v < Tile::kVectors; ++v)
        *reinterpret_cast<float4*>(to + v * Tile::kPixelStep * pitch) =
            make_float4(sums[v][0], sums[v][1], sums[v][2], sums[v][3]);
    }
  }

  // Half of the threads fill in the pixels, the other half the maps.
  __device__ void fill_tables(int first) const {
    static_assert(2 * kConvDySamplePixels == kThreads, "a thread has one pixel, or one or more maps");
    const int thread = static_cast<int>(threadIdx.x), s = op.scale;
    if (thread < kConvDySamplePixels) {
      const int pixel = first + thread, image_pixels = op.x.h * op.x.w;
      const int i = pixel / image_pixels, v = pixel % image_pixels / op.x.w, u = pixel % op.x.w;
      pixels()[thread] = {v, u, i * image_pixels, (i * op.y.h + s * v) * op.y.w + s * u};
    } else {
      for (int m = thread - kConvDySamplePixels; m < plan.points; m += kConvDySamplePixels) {
        const int g = m / (s * s), p = m / s % s, q = m % s;
        maps()[m] = {sample_initial(p, s), sample_initial(q, s), p * op.y.w + q, g * (op.x.c / op.groups) / V::kLanes};
      }
    }
  }

  // (index / size, index % size) for index = thread, thread + kThreads, …, without divisions.
  struct StridedIndex {
    int major, minor;
    int size, major_step, minor_step;
    __device__ explicit StridedIndex(int minor_size)
        : major(static_cast<int>(threadIdx.x) / minor_size),
          minor(static_cast<int>(threadIdx.x) % minor_size),
          size(minor_size),
          major_step(kThreads / minor_size),
          minor_step(kThreads % minor_size) {}
    __device__ void next() {
      major += major_step;
      minor += minor_step;
      if (minor >= size) minor -= size, ++major;
    }
  };

  // Computes the points of `count` pixels of the tile, from `first` on.
  __device__ void compute_points(int first, int count, StridedIndex at, Point* points) const {
    const int axis_points = plan.points;
    for (; at.major < count; at.next()) {
      const int m = at.minor;
      const float* offset = offsets() + (first + at.major) * layout.offset_pitch + m;
      const TilePixel pixel = pixels()[first + at.major];
      const PointMap map = maps()[m];
      const auto a = [&](int axis) {
        return sample_reach(op.dyscope, [&] { return offset[(2 + axis) * axis_points]; });
      };
      const SampleAxis column = sample_axis(pixel.u, map.initial_x, a(0), offset[0], op.x.w);
      const SampleAxis row = sample_axis(pixel.v, map.initial_y, a(1), offset[axis_points], op.x.h);
      const int corner = pixel.image + row.low * op.x.w + column.low;
      points[at.major * axis_points + m] = {corner * (op.x.pitch / V::kLanes) + map.k,
                                            (pixel.y + map.y) * (op.y.pitch / V::kLanes) + map.k, row.weight,
                                            column.weight};
    }
  }

  // Samples at `count` points. Neighbouring threads have neighbouring vectors of a group, then of the next point; each
  // has two loads under way.
  __device__ void sample(const Point* points, int count, StridedIndex at) const {
    constexpr int kAtOnce = 2;
    const T* x = arena_data<T>(memory, op.x);
    T* y = arena_data<T>(memory, op.y);
    const std::size_t right = op.x.pixel(0, 0, 1), below = op.x.pixel(0, 1, 0);
    while (at.major < count) {
      SampleCorners<V> corners[kAtOnce];
      std::size_t to[kAtOnce];
      bool within[kAtOnce];
#pragma unroll
      for (int i = 0; i < kAtOnce; ++i, at.next()) {
        within[i] = at.major < count;
        const Point point = points[min(at.major, count - 1)];
        to[i] = static_cast<std::size_t>(point.y + at.minor) * V::kLanes;
        corners[i].load(x + static_cast<std::size_t>(point.x + at.minor) * V::kLanes, right, below, point.row_weight,
                        point.column_weight, within[i]);
      }
#pragma unroll
      for (int i = 0; i < kAtOnce; ++i)
        if (within[i]) corners[i].blend().store(y + to[i]);
    }
  }

  // Samples around the tile's first `count` pixels, round by round.
  __device__ void sample_pixels(int count) const {
    const StridedIndex point_index(plan.points), vector_index(op.x.c / op.groups / V::kLanes);
    for (int round = 0; round * kConvDySampleRound < count; ++round) {
      const int first = round * kConvDySampleRound, round_pixels = min(count - first, kConvDySampleRound);
      compute_points(first, round_pixels, point_index, points(round));
      __syncthreads();  // points are complete; all have left the round before, whose slot the next one fills
      sample(points(round), round_pixels * plan.points, vector_index);
    }
  }
};

/// Computes tile `tile`: the offsets of up to kConvDySamplePixels pixels of x, and y around them.
template <class T, int channels>
__device__ __forceinline__ void conv_dysample_tile(const ConvDySample& op, const Memory& memory,
                                                   const ConvDySamplePlan& plan, int tile) {
  using Tile = Conv2dTile<T, Conv2dKind::pointwise, 1, channels>;
  const Conv2dTileCoord coord(plan.conv, tile);
  const int first = coord.column, last = min(first + plan.conv.tile_w, op.sample.x.n * op.sample.x.h * op.sample.x.w);
  Conv2d conv = op.conv;  // its input ends with the block's own pixels, so that no others are read
  conv.x.n = conv.x.h = 1;
  conv.x.w = last;
  typename Tile::Sums sums;
  Tile::accumulate(conv, memory, plan.conv, coord, sums);
  __syncthreads();  // other warps may still read the patches, which the offsets overwrite
  const ConvDySampleBlock<Tile> sampling{op.sample, memory, plan};
  sampling.store_offsets(sums);
  sampling.fill_tables(first);
  __syncthreads();
  sampling.sample_pixels(last - first);
}

}  // namespace cudet
