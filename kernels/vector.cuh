// Channels of a pixel, 16 bytes at a time where a tensor's alignment permits, else one by one: a kernel is a template
// of Vector, with_vector() picks the instance.
#pragma once
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <cstring>

#include "kernels/launch.cuh"
#include "kernels/tensor.h"

namespace cudet {

/// kLanes neighbouring elements of T (float or __half), as memory holds them: 16 bytes, or one element.
template <class T, int kCount = 16 / static_cast<int>(sizeof(T))>
struct Vector {
  using Element = T;
  static constexpr int kLanes = kCount;
  static constexpr int kWords = kLanes == 1 ? 1 : 4;
  static_assert(kLanes == 1 || kLanes * sizeof(T) == 16, "one access of memory");

  unsigned word[kWords];  // the first element lowest; a single __half is the lower half of its word

  /// `from` is a multiple of kLanes elements away from 16-byte alignment; one instruction.
  static __device__ __forceinline__ Vector load(const T* from) {
    if constexpr (kLanes == 1) {
      if constexpr (sizeof(T) == 2)
        return {{__half_as_ushort(*from)}};
      else
        return {{__float_as_uint(*from)}};
    } else {
      const uint4 all = *reinterpret_cast<const uint4*>(from);
      return {{all.x, all.y, all.z, all.w}};
    }
  }
  __device__ __forceinline__ void store(T* to) const {
    if constexpr (kLanes == 1) {
      if constexpr (sizeof(T) == 2)
        *to = __ushort_as_half(static_cast<unsigned short>(word[0]));
      else
        *to = __uint_as_float(word[0]);
    } else {
      *reinterpret_cast<uint4*>(to) = make_uint4(word[0], word[1], word[2], word[3]);
    }
  }

  /// The elements as f32, exactly.
  __device__ __forceinline__ void unpack(float (&lane)[kLanes]) const {
    if constexpr (sizeof(T) == 4) {
      for (int l = 0; l < kLanes; ++l) lane[l] = __uint_as_float(word[l]);
    } else if constexpr (kLanes == 1) {
      lane[0] = __half2float(__ushort_as_half(static_cast<unsigned short>(word[0])));
    } else {
      for (int w = 0; w < kWords; ++w) {
        __half2 pair;
        memcpy(&pair, &word[w], sizeof pair);
        const float2 both = __half22float2(pair);
        lane[2 * w] = both.x;
        lane[2 * w + 1] = both.y;
      }
    }
  }
  /// The nearest elements of T; ties to even.
  static __device__ __forceinline__ Vector pack(const float (&lane)[kLanes]) {
    Vector vector;
    if constexpr (sizeof(T) == 4) {
      for (int l = 0; l < kLanes; ++l) vector.word[l] = __float_as_uint(lane[l]);
    } else if constexpr (kLanes == 1) {
      vector.word[0] = __half_as_ushort(__float2half_rn(lane[0]));
    } else {
      for (int w = 0; w < kWords; ++w) {
        const __half2 pair = __floats2half2_rn(lane[2 * w], lane[2 * w + 1]);
        memcpy(&vector.word[w], &pair, sizeof pair);
      }
    }
    return vector;
  }
};

/// Whether the channels of every pixel divide into whole, aligned vectors.
CUDET_HD constexpr bool vectorizable(const Tensor& t) {
  return in_vectors(t, t.c);
}

/// Calls f with a Vector (its value means nothing) for elements of `type`: of 16 bytes if `whole`, else of one element.
template <class F>
void with_vector(Type type, bool whole, F f) {
  if (type == Type::f16)
    whole ? f(Vector<__half>{}) : f(Vector<__half, 1>{});
  else
    whole ? f(Vector<float>{}) : f(Vector<float, 1>{});
}

// ---- Kernels whose threads each take one vector of a tensor work in tiles of kThreads vectors of one row, so that a
// warp goes over neighbouring channels, and even a small map has tiles for many blocks.

/// The tiles of tensor t.
CUDET_HD inline int vector_tiles(const Tensor& t, int lanes) {
  return t.n * t.h * ((t.w * (t.c / lanes) + kThreads - 1) / kThreads);
}

/// The calling thread's vector of a tile: channels from k of pixel (image i, row v, column u); none if u is not below
/// t.w.
struct VectorPlace {
  int i, v, u, k;
};
__device__ __forceinline__ VectorPlace vector_place(const Tensor& t, int lanes, int tile) {
  const int vectors = t.c / lanes, tiles = (t.w * vectors + kThreads - 1) / kThreads;  // of a pixel, of a row
  const int row = tile / tiles, at = tile % tiles * kThreads + static_cast<int>(threadIdx.x);
  return {row / t.h, row % t.h, at / vectors, at % vectors * lanes};
}

/// Walks all tiles; Tile::run(op, memory, tile) is one.
template <class Tile, class Op>
__global__ void __launch_bounds__(kThreads)
    vector_kernel(const __grid_constant__ Op op, const __grid_constant__ Memory memory, int tiles) {
  for (int tile = static_cast<int>(blockIdx.x); tile < tiles; tile += static_cast<int>(gridDim.x))
    Tile::run(op, memory, tile);
}
/// Launches it for the tiles of tensor t in vectors of so many lanes.
template <class Tile, class Op>
void launch_vectors(const char* what, const CudaStream& on, const Tensor& t, int lanes, const Op& op,
                    const Memory& memory) {
  const int tiles = vector_tiles(t, lanes);
  launch(what, on, std::min(tiles, kBlocksEach * on.multiprocessors), 0, vector_kernel<Tile, Op>, op, memory, tiles);
}

}  // namespace cudet
