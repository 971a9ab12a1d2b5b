// A pixel's channels in vectors of 16 bytes if the tensor's alignment permits it, else one by one. Kernels are
// templates over Vector; with_vector() selects the instance.
#pragma once
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <cstring>

#include "kernels/launch.cuh"
#include "kernels/vectors.h"

namespace cudet {

/// kLanes consecutive elements of T (float or __half) in the order of memory: 16 bytes, or one element.
template <class T, int kCount = 16 / static_cast<int>(sizeof(T))>
struct Vector {
  using Element = T;
  static constexpr int kLanes = kCount;
  static constexpr int kWords = kLanes == 1 ? 1 : 4;
  static_assert(kLanes == 1 || kLanes * sizeof(T) == 16, "one memory access");

  unsigned word[kWords];  // first element in the lowest bits; a single __half is the lower half of its word

  /// Loads with one instruction. `from` is aligned to 16 bytes, or to an element if kLanes is 1.
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

  /// Converts the elements to f32, exactly.
  __device__ __forceinline__ void unpack(float (&lane)[kLanes]) const {
    if constexpr (sizeof(T) == 4) {
      for (int l = 0; l < kLanes; ++l) lane[l] = __uint_as_float(word[l]);
    } else if constexpr (kLanes == 1) {
      lane[0] = __half2float(__ushort_as_half(static_cast<unsigned short>(word[0])));
    } else {
      for (int w = 0; w < kWords; ++w) {
        __half2 pair;
        memcpy(&pair, &word[w], sizeof pair);
        const float2 floats = __half22float2(pair);
        lane[2 * w] = floats.x;
        lane[2 * w + 1] = floats.y;
      }
    }
  }
  /// Rounds to the nearest elements of T, ties to even.
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

/// Calls f with a Vector of `type`: 16 bytes if `whole`, else one element. Only the type of f's argument is of
/// interest.
template <class F>
void with_vector(Type type, bool whole, F f) {
  if (type == Type::f16)
    whole ? f(Vector<__half>{}) : f(Vector<__half, 1>{});
  else
    whole ? f(Vector<float>{}) : f(Vector<float, 1>{});
}

// ---- Kernels with one vector of a tensor per thread: the tiles of vectors.h.

/// The calling thread's vector of a tile: the channels from k on of pixel (image i, row v, column u). If u >= t.w, the
/// thread has no vector.
struct VectorCoord {
  int i, v, u, k;
};
__device__ __forceinline__ VectorCoord vector_coord(const Tensor& t, int lanes, int tile) {
  const int vectors = t.c / lanes, tiles = (t.w * vectors + kThreads - 1) / kThreads;  // per pixel, per row
  const int row = tile / tiles, at = tile % tiles * kThreads + static_cast<int>(threadIdx.x);
  return {row / t.h, row % t.h, at / vectors, at % vectors * lanes};
}

/// Runs Tile::run(op, memory, tile) for all tiles.
template <class Tile, class Op>
__global__ void __launch_bounds__(kThreads)
    vector_kernel(const __grid_constant__ Op op, const __grid_constant__ Memory memory, int tiles) {
  for (int tile = static_cast<int>(blockIdx.x); tile < tiles; tile += static_cast<int>(gridDim.x))
    Tile::run(op, memory, tile);
}
/// The tile of an operator, for 16-byte vectors or single elements V. Each operator specialises it (NAME/tile.cuh).
template <class Op, class V>
struct VectorTile;

/// Launches the tiles of an operator that computes one vector per thread.
template <class Op>
void launch_vectors(const Op& op, const Memory& memory, const CudaStream& on) {
  const Tensor& t = vector_map(op);
  with_vector(t.type, has_vectors(op), [&](auto vector) {
    using V = decltype(vector);
    const int tiles = vector_tiles(t, V::kLanes);
    launch(Op::kName, on, std::min(tiles, kBlocksPerMultiprocessor * on.multiprocessors), 0,
           vector_kernel<VectorTile<Op, V>, Op>, op, memory, tiles);
  });
}

}  // namespace cudet
