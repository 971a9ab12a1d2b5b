// DySample at one point: its coordinates, and its value for a vector of channels.
#pragma once
#include "kernels/dysample/dysample.h"
#include "kernels/vector.cuh"

namespace cudet {

/// A coordinate along one axis: low + weight, with `low` a row or column and 0 <= weight < 1. The next row or column is
/// within the image unless the weight is 0.
struct SampleAxis {
  int low;
  float weight;
};

/// (position - (scale - 1) / 2) / scale: distance of a point from its pixel's centre before the network moves it.
/// position: row or column in the square of scale x scale.
__device__ __forceinline__ float sample_initial(int position, int scale) {
  const float centre = __fmul_rn(static_cast<float>(scale - 1), 0.5f);
  return __fdiv_rn(__fsub_rn(static_cast<float>(position), centre), static_cast<float>(scale));
}

/// clamp(base + (initial + a · offset), 0, size - 1); NaN counts as 0. Computed in this order with every step rounded,
/// so that nearest upsampling is exact.
__device__ __forceinline__ SampleAxis sample_axis(int base, float initial, float a, float offset, int size) {
  const float at = __fadd_rn(static_cast<float>(base), __fadd_rn(initial, __fmul_rn(a, offset)));
  const float clamped = at > 0 ? fminf(at, static_cast<float>(size - 1)) : 0;
  const int low = static_cast<int>(clamped);
  return {low, __fsub_rn(clamped, static_cast<float>(low))};
}

/// Returns a, the distance by which an offset of 1 moves a point. scope() returns the value of the scope map; it is
/// called only with dyscope.
template <class Scope>
__device__ __forceinline__ float sample_reach(bool dyscope, Scope scope) {
  return dyscope ? __fmul_rn(0.5f, __fdiv_rn(1.0f, __fadd_rn(1.0f, expf(-scope())))) : 0.25f;
}

struct SamplePoint {
  SampleAxis row, column;
};

/// The point of group g at which pixel (scale · v + p, scale · u + q) of y is sampled. offset(m) returns channel m of
/// op.offset at pixel (v, u) as f32.
template <class Offset>
__device__ __forceinline__ SamplePoint sample_point(const DySample& op, int v, int u, int g, int p, int q,
                                                    Offset offset) {
  const int s = op.scale, axis_points = op.groups * s * s, m = (g * s + p) * s + q;
  const auto a = [&](int map) { return sample_reach(op.dyscope, [&] { return offset(2 * axis_points + map); }); };
  return {sample_axis(v, sample_initial(p, s), a(axis_points + m), offset(axis_points + m), op.x.h),
          sample_axis(u, sample_initial(q, s), a(m), offset(m), op.x.w)};
}

/// A vector of channels at a point, computed in two steps so that a thread can have several loads in flight: load the
/// corners, then blend them in f32 and round once. A corner of weight 0 is not read, so that its value, even NaN, has
/// no effect: it adds -0 · 0, which changes no sum, not even the sign of a zero.
template <class V>
struct SampleCorners {
  V corner[4] = {};
  float weight[4];

  /// Loads the corners of the point at distance (row, column), in pixels, from its upper left corner x. Loads nothing
  /// unless `within`. right, below: elements from one column, row to the next.
  __device__ __forceinline__ void load(const typename V::Element* x, std::size_t right, std::size_t below, float row,
                                       float column, bool within) {
    const bool two_columns = column != 0, two_rows = row != 0, four = two_columns && two_rows;
    if (within) corner[0] = V::load(x);
    if (within && two_columns) corner[1] = V::load(x + right);
    if (within && two_rows) corner[2] = V::load(x + below);
    if (within && four) corner[3] = V::load(x + below + right);
    weight[0] = (1 - row) * (1 - column);
    weight[1] = two_columns ? (1 - row) * column : -0.0f;
    weight[2] = two_rows ? row * (1 - column) : -0.0f;
    weight[3] = four ? row * column : -0.0f;
  }
  __device__ __forceinline__ V blend() const {
    float sum[V::kLanes], value[V::kLanes];
    corner[0].unpack(value);
#pragma unroll
    for (int l = 0; l < V::kLanes; ++l) sum[l] = __fmul_rn(weight[0], value[l]);
#pragma unroll
    for (int c = 1; c < 4; ++c) {
      corner[c].unpack(value);
#pragma unroll
      for (int l = 0; l < V::kLanes; ++l) sum[l] = __fmaf_rn(weight[c], value[l], sum[l]);
    }
    return V::pack(sum);
  }
};

/// Returns x at the point, for the vector of channels of image i that starts at channel k.
template <class V>
__device__ __forceinline__ V sample_vector(const DySample& op, const Memory& memory, int i, SamplePoint point, int k) {
  const auto [row, column] = point;
  SampleCorners<V> corners;
  corners.load(arena_data<typename V::Element>(memory, op.x) + op.x.pixel(i, row.low, column.low) + k,
               op.x.pixel(0, 0, 1), op.x.pixel(0, 1, 0), row.weight, column.weight, true);
  return corners.blend();
}

}  // namespace cudet
