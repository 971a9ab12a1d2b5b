// DySample at one point, for the kernels that sample: where the point lies, and its value for a vector of channels.
#pragma once
#include "kernels/dysample/dysample.h"
#include "kernels/vector.cuh"

namespace cudet {

/// A place along one axis: between row (or column) `low` and the next, `weight` of the way. The next lies within the
/// picture wherever the weight is not 0.
struct SampleAxis {
  int low;
  float weight;
};

/// (place - (scale - 1) / 2) / scale: how far from its pixel's centre a point lies where the network does not move it.
__device__ __forceinline__ float sample_initial(int place, int scale) {
  const float centre = __fmul_rn(static_cast<float>(scale - 1), 0.5f);
  return __fdiv_rn(__fsub_rn(static_cast<float>(place), centre), static_cast<float>(scale));
}

/// clamp(base + (initial + a · offset), 0, size - 1), NaN counting as 0. In this order and with every step rounded, so
/// that nearest upsampling comes out exactly.
__device__ __forceinline__ SampleAxis sample_axis(int base, float initial, float a, float offset, int size) {
  const float at = __fadd_rn(static_cast<float>(base), __fadd_rn(initial, __fmul_rn(a, offset)));
  const float clamped = at > 0 ? fminf(at, static_cast<float>(size - 1)) : 0;
  const int low = static_cast<int>(clamped);
  return {low, __fsub_rn(clamped, static_cast<float>(low))};
}

/// a: how far an offset of 1 moves a point; scope(): what stands in the scope map, asked with dyscope alone.
template <class Scope>
__device__ __forceinline__ float sample_reach(bool dyscope, Scope scope) {
  return dyscope ? __fmul_rn(0.5f, __fdiv_rn(1.0f, __fadd_rn(1.0f, expf(-scope())))) : 0.25f;
}

struct SamplePoint {
  SampleAxis row, column;
};

/// The point of group g from which pixel (scale · v + p, scale · u + q) of y is sampled. offset(m): channel m of
/// op.offset at pixel (v, u) as f32, wherever the caller has it.
template <class Offset>
__device__ __forceinline__ SamplePoint sample_point(const DySample& op, int v, int u, int g, int p, int q,
                                                    Offset offset) {
  const int s = op.scale, of_axis = op.groups * s * s, m = (g * s + p) * s + q;
  const auto a = [&](int map) { return sample_reach(op.dyscope, [&] { return offset(2 * of_axis + map); }); };
  return {sample_axis(v, sample_initial(p, s), a(of_axis + m), offset(of_axis + m), op.x.h),
          sample_axis(u, sample_initial(q, s), a(m), offset(m), op.x.w)};
}

/// A vector of channels at a point, in two steps so that a thread can have much under way: what lies at the corners,
/// then blended in f32, rounded once. A corner of weight 0 is not read, so that its value does not count, whatever it
/// is: it adds -0 · 0, which changes no sum, not even the sign of a zero.
template <class V>
struct SampleCorners {
  V corner[4] = {};
  float weight[4];

  /// Of the point whose upper left corner is x, so much of the way to the next row and column; unless `within`, of
  /// none. right, below: elements to the next column, row.
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

/// x at the point, for the channels of image i that a vector from channel k holds.
template <class V>
__device__ __forceinline__ V sample_vector(const DySample& op, const Memory& memory, int i, SamplePoint point, int k) {
  const auto [row, column] = point;
  SampleCorners<V> corners;
  corners.load(arena_data<typename V::Element>(memory, op.x) + op.x.pixel(i, row.low, column.low) + k,
               op.x.pixel(0, 0, 1), op.x.pixel(0, 1, 0), row.weight, column.weight, true);
  return corners.blend();
}

}  // namespace cudet
