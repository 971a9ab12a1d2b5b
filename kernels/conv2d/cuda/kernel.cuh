// The convolution's kernel: it computes the sums of a tile (tile.cuh), exchanges the sums of blocks that share a tile,
// and runs the epilogue: activation, residual, store.
#pragma once
#include "kernels/activation.cuh"
#include "kernels/conv2d/cuda/tile.cuh"
#include "kernels/vector.cuh"

namespace cudet {

/// Memory through which blocks exchange shares of sums: a counter per tile, which is 0 between launches, and
/// shares[tile][split][kVectors][kThreads].
struct Conv2dScratch {
  unsigned* counters;
  float4* shares;

  /// `memory`: CudaStream::scratch, or null if no plan has splits.
  static Conv2dScratch in(std::byte* memory) {
    if (memory == nullptr) return {};
    return {reinterpret_cast<unsigned*>(memory), reinterpret_cast<float4*>(memory + kScratchCounters)};
  }
};

/// Adds up the sums of the blocks that share the tile. In the block that finishes last, sets `sums` to the total, added
/// in the order of the splits, and returns true. Returns false in the other blocks. Without splits, returns true.
template <class Tile>
__device__ __forceinline__ bool conv2d_exchange(const Conv2dCudaPlan& plan, const Conv2dTileCoord& coord,
                                                const Conv2dScratch& scratch, typename Tile::Sums& sums) {
  if (plan.splits == 1) return true;
  unsigned* finished = reinterpret_cast<unsigned*>(shared_memory());
  unsigned* counter = scratch.counters + coord.tile;
  constexpr int kShare = Tile::kVectors * kThreads;  // float4 per block
  float4* shares = scratch.shares + static_cast<std::size_t>(coord.tile) * plan.splits * kShare + threadIdx.x;
  float4* own = shares + coord.split * kShare;
#pragma unroll
  for (int v = 0; v < Tile::kVectors; ++v)
    own[v * kThreads] = make_float4(sums[v][0], sums[v][1], sums[v][2], sums[v][3]);
  __syncthreads();
  if (threadIdx.x == 0) *finished = fetch_add_acq_rel(counter, 1u);
  __syncthreads();
  if (*finished + 1 != static_cast<unsigned>(plan.splits)) return false;
  if (threadIdx.x == 0) *counter = 0;  // for the next launch
#pragma unroll
  for (int v = 0; v < Tile::kVectors; ++v) sums[v][0] = sums[v][1] = sums[v][2] = sums[v][3] = 0;
  for (int split = 0; split < plan.splits; ++split, shares += kShare) {
#pragma unroll
    for (int v = 0; v < Tile::kVectors; ++v) {
      const float4 share = shares[v * kThreads];
      sums[v][0] += share.x, sums[v][1] += share.y, sums[v][2] += share.z, sums[v][3] += share.w;
    }
  }
  return true;
}

/// The operations after a sum: activation, residual, store. T: type of x and of the residual. Offsets are 32-bit and
/// relative to a first pixel and channel, so that they reach every element of an image.
template <class T>
class Conv2dEpilogue {
 public:
  /// `first`: index of the first pixel among those of all images.
  __device__ Conv2dEpilogue(const Conv2d& op, const Memory& memory, const Conv2dCudaPlan& plan, std::size_t first,
                            int channel)
      : op_(op),
        y_(arena_data<T>(memory, op.y)),
        residual_(arena_data<T>(memory, op.residual) + first * op.residual.pitch + channel),
        channels_(op.y.c - channel),
        y_is_f32_(sizeof(T) == 2 && op.y.type == Type::f32),
        y_vectors_(plan.y_vectors),
        residual_vectors_(plan.residual_vectors) {
    const std::size_t at = first * op.y.pitch + channel;
    if (y_is_f32_)
      y_f32_ = arena_data<float>(memory, op.y) + at;
    else
      y_ += at;
  }

  /// Computes and stores outputs from `value`, the sums of channels n to n + kCount - 1 of the pixel at these offsets
  /// (elements). Channels after y's last one are not stored.
  template <int kCount>
  __device__ __forceinline__ void apply(int y_offset, int residual_offset, int n, float (&value)[kCount]) const {
    if (op_.activation == Activation::silu) {
#pragma unroll
      for (float& v : value) v = __fdividef(v, 1.0f + __expf(-v));
    } else if (op_.activation != Activation::none) {
      activate(op_.activation, op_.slope, value);
    }
    const bool whole = n + kCount <= channels_;
    if (op_.add) {
      const T* residual = residual_ + (residual_offset + n);
      if (whole && residual_vectors_) {
        float addend[kCount];
        Vector<T, kCount>::load(residual).unpack(addend);
#pragma unroll
        for (int i = 0; i < kCount; ++i) value[i] += addend[i];
      } else {
#pragma unroll
        for (int i = 0; i < kCount; ++i)
          if (n + i < channels_) value[i] += static_cast<float>(residual[i]);
      }
    }
    if (whole && y_vectors_ && !y_is_f32_)
      Vector<T, kCount>::pack(value).store(y_ + (y_offset + n));
    else
      store_each(y_offset + n, channels_ - n, value);
  }

 private:
  template <int kCount>
  __device__ __forceinline__ void store_each(int at, int count, const float (&value)[kCount]) const {
    if constexpr (kCount % 4 == 0)
      if (y_is_f32_ && y_vectors_ && count >= kCount) {
#pragma unroll
        for (int i = 0; i < kCount; i += 4) {
          const float four[4] = {value[i], value[i + 1], value[i + 2], value[i + 3]};
          Vector<float>::pack(four).store(y_f32_ + at + i);
        }
        return;
      }
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      if (i >= count) break;
      if (y_is_f32_)
        y_f32_[at + i] = value[i];
      else
        y_[at + i] = static_cast<T>(value[i]);
    }
  }

  const Conv2d& op_;
  T* y_;
  float* y_f32_ = nullptr;  // instead of y_ if y is f32 and x is f16
  const T* residual_;
  int channels_;  // from the first channel to the last
  bool y_is_f32_, y_vectors_, residual_vectors_;
};

/// Calls apply(pixel of the tile, channel of the channel block, float[n]) for all sums of the tile, in runs of n
/// channels. f16: n = 8, and each warp collects its runs from the fragments through shared memory. f32: n = 4.
template <class Tile, class Apply>
__device__ __forceinline__ void conv2d_store(const typename Tile::Sums& sums, Apply apply) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  if constexpr (Tile::kHalf) {
    constexpr int kVectors = Tile::kChannels / 8;  // per pixel
    unsigned char* staging = shared_memory() + warp * 16 * Tile::kLayout.staging_pitch;
    __syncthreads();  // other warps may still read the patches there
#pragma unroll
    for (int b = 0; b < Tile::kPixels / 64; ++b) {
      // A thread has rows lane / 4 and lane / 4 + 8, columns 2 (lane % 4) and 2 (lane % 4) + 1 of mma's result. Column
      // 8 j + 4 h + i goes to half h.
      unsigned char* to =
          staging + lane / 4 * Tile::kLayout.staging_pitch + lane / 2 % 2 * Tile::kLayout.staging_half + lane % 2 * 8;
#pragma unroll
      for (int j = 0; j < kVectors; ++j) {
        const float(&d)[4] = sums[b * kVectors + j];
        *reinterpret_cast<float2*>(to + j * 16) = make_float2(d[0], d[1]);
        *reinterpret_cast<float2*>(to + j * 16 + 8 * Tile::kLayout.staging_pitch) = make_float2(d[2], d[3]);
      }
      __syncwarp();
#pragma unroll
      for (int i = 0; i < kVectors / 2; ++i) {
        const int index = i * 32 + lane, vector = index % kVectors;
        int row = index / kVectors;
        if (kVectors == 4) row = (row & ~3) | (row & 1) << 1 | (row >> 1 & 1);  // two rows without a common bank
        const unsigned char* from = staging + row * Tile::kLayout.staging_pitch + vector * 16;
        const float4 low = *reinterpret_cast<const float4*>(from);
        const float4 high = *reinterpret_cast<const float4*>(from + Tile::kLayout.staging_half);
        float value[8] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
        apply((warp * (Tile::kPixels / 64) + b) * 16 + row, vector * 8, value);
      }
      __syncwarp();
    }
  } else {
#pragma unroll
    for (int v = 0; v < Tile::kVectors; ++v) {
      float value[4] = {sums[v][0], sums[v][1], sums[v][2], sums[v][3]};
      apply(static_cast<int>(threadIdx.x) / Tile::kThreadsPerPixel + v * Tile::kPixelStep,
            static_cast<int>(threadIdx.x) % Tile::kThreadsPerPixel * 4, value);
    }
  }
}

/// Computes one tile or, with splits, a share of its sums; the last block to finish stores the outputs. `index`: of
/// plan.blocks().
template <class T, Conv2dKind kind, int pixel_blocks, int channels>
__device__ __forceinline__ void conv2d_tile(const Conv2d& op, const Memory& memory, const Conv2dCudaPlan& plan,
                                            const Conv2dScratch& scratch, int index) {
  using Tile = Conv2dTile<T, kind, pixel_blocks, channels>;
  const Conv2dTileCoord coord(plan, index);
  typename Tile::Sums sums;
  Tile::accumulate(op, memory, plan, coord, sums);
  if (!conv2d_exchange<Tile>(plan, coord, scratch, sums)) return;
  const std::size_t first = Tile::kPointwise ? static_cast<std::size_t>(coord.column)
                                             : static_cast<std::size_t>(coord.image) * op.y.h * op.y.w;
  const Conv2dEpilogue<T> epilogue(op, memory, plan, first, coord.channel_block * channels);
  const int pixels_left = Tile::kPointwise
                              ? static_cast<int>(min(static_cast<long>(op.y.n) * op.y.h * op.y.w - coord.column,
                                                     static_cast<long>(Tile::kPixels)))
                              : 0;
  const int channels_left = op.y.c - coord.channel_block * channels;
  conv2d_store<Tile>(sums, [&](int m, int n, auto& value) {
    if (n >= channels_left) return;
    if constexpr (Tile::kPointwise) {
      if (m < pixels_left) epilogue.apply(m * op.y.pitch, m * op.residual.pitch, n, value);
    } else {
      const int y = Tile::y_offset(m);
      if (y >= 0) epilogue.apply(y, Tile::residual_offset(m), n, value);
    }
  });
}

template <class T, Conv2dKind kind, int pixel_blocks, int channels>
__global__ void __launch_bounds__(kThreads, 2)
    conv2d_kernel(const __grid_constant__ Conv2d op, const __grid_constant__ Memory memory,
                  const __grid_constant__ Conv2dCudaPlan plan, const __grid_constant__ Conv2dScratch scratch) {
  conv2d_tile<T, kind, pixel_blocks, channels>(op, memory, plan, scratch, static_cast<int>(blockIdx.x));
}

template <class T, Conv2dKind kind, int pixel_blocks, int channels>
void conv2d_launch(const Conv2d& op, const Memory& memory, const Conv2dCudaPlan& plan, const CudaStream& on) {
  launch(Conv2d::kName, on, plan.blocks(), conv2d_cuda_shared_bytes(plan),
         conv2d_kernel<T, kind, pixel_blocks, channels>, op, memory, plan, Conv2dScratch::in(on.scratch));
}

/// Launches the instance for the plan's tile.
template <class T, Conv2dKind kind, int pixel_blocks>
void conv2d_launch(const Conv2d& op, const Memory& memory, const Conv2dCudaPlan& plan, const CudaStream& on) {
  if constexpr (conv2d_has_pixel_blocks(type_of<T>, kind, pixel_blocks))
    conv2d_with_width<type_of<T>>(plan.packing.channels_per_block, [&](auto width) {
      conv2d_launch<T, kind, pixel_blocks, decltype(width)::value>(op, memory, plan, on);
    });
}
template <class T, Conv2dKind kind>
void conv2d_launch(const Conv2d& op, const Memory& memory, const Conv2dCudaPlan& plan, const CudaStream& on) {
  plan.pixel_blocks == 1 ? conv2d_launch<T, kind, 1>(op, memory, plan, on)
                         : conv2d_launch<T, kind, 2>(op, memory, plan, on);
}

// Each kind has its instances in a file of its own (instances_KIND.cu), so that the kinds compile in parallel.
using Conv2dLauncher = void(const Conv2d&, const Memory&, const Conv2dCudaPlan&, const CudaStream&);
Conv2dLauncher conv2d_pointwise_cuda, conv2d_3x3_cuda, conv2d_3x3_stride2_cuda, conv2d_stem_cuda;

}  // namespace cudet
