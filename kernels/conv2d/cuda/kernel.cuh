// The convolution's kernel: a tile's sums, then its outputs with all that follows.
#pragma once
#include "kernels/conv2d/cuda/tile.cuh"
#include "kernels/vector.cuh"

namespace cudet {

/// What follows a sum: activation, residual, store. A thread's view of the outputs from one pixel and channel on;
/// within an image 32-bit offsets reach every element.
template <class T>
class Conv2dOutputs {
 public:
  /// `first`: the pixel, counted over all images.
  __device__ Conv2dOutputs(const Conv2d& op, const Memory& memory, const Conv2dCudaPlan& plan, std::size_t first,
                           int channel)
      : op_(op),
        y_(arena_data<T>(memory, op.y)),
        residual_(arena_data<T>(memory, op.residual) + first * op.residual.pitch + channel),
        channels_(op.y.c - channel),
        wide_(sizeof(T) == 2 && op.y.type == Type::f32),
        y_vectors_(plan.y_vectors),
        residual_vectors_(plan.residual_vectors) {
    const std::size_t at = first * op.y.pitch + channel;
    if (wide_)
      wide_y_ = arena_data<float>(memory, op.y) + at;
    else
      y_ += at;
  }

  /// kCount channels from n on, at these offsets of a pixel; those past the last channel are dropped.
  template <int kCount>
  __device__ __forceinline__ void finish(int y_offset, int residual_offset, int n, float (&value)[kCount]) const {
    if (op_.activation == Activation::silu) {
#pragma unroll
      for (float& v : value) v = __fdividef(v, 1.0f + __expf(-v));
    }
    const bool whole = n + kCount <= channels_;
    if (op_.add) {
      const T* residual = residual_ + (residual_offset + n);
      if (whole && residual_vectors_) {
        float more[kCount];
        Vector<T, kCount>::load(residual).unpack(more);
#pragma unroll
        for (int i = 0; i < kCount; ++i) value[i] += more[i];
      } else {
#pragma unroll
        for (int i = 0; i < kCount; ++i)
          if (n + i < channels_) value[i] += static_cast<float>(residual[i]);
      }
    }
    if (whole && y_vectors_ && !wide_)
      Vector<T, kCount>::pack(value).store(y_ + (y_offset + n));
    else
      store_each(y_offset + n, channels_ - n, value);
  }

 private:
  template <int kCount>
  __device__ __forceinline__ void store_each(int at, int count, const float (&value)[kCount]) const {
    if constexpr (kCount % 4 == 0)
      if (wide_ && y_vectors_ && count >= kCount) {
#pragma unroll
        for (int i = 0; i < kCount; i += 4) {
          const float four[4] = {value[i], value[i + 1], value[i + 2], value[i + 3]};
          Vector<float>::pack(four).store(wide_y_ + at + i);
        }
        return;
      }
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      if (i >= count) break;
      if (wide_)
        wide_y_[at + i] = value[i];
      else
        y_[at + i] = static_cast<T>(value[i]);
    }
  }

  const Conv2d& op_;
  T* y_;
  float* wide_y_ = nullptr;  // where y is f32 though x is f16
  const T* residual_;
  int channels_;  // from the first channel on
  bool wide_, y_vectors_, residual_vectors_;
};

/// Hands every run of channels of the tile's outputs to `finish(pixel of the tile, channel of the block, float[n])`:
/// f16: n = 8, gathered from the fragments through shared memory, warp by warp; f32: n = 4.
template <class Tile, class Finish>
__device__ __forceinline__ void conv2d_store(const typename Tile::Sums& sums, Finish finish) {
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  if constexpr (Tile::kHalf) {
    constexpr int kVectors = Tile::kChannels / 8;  // of a pixel
    unsigned char* staging = shared_memory() + warp * 16 * Tile::kLayout.staging_pitch;
    __syncthreads();  // others may still read the patches there
#pragma unroll
    for (int b = 0; b < Tile::kPixels / 64; ++b) {
      // mma's fragment: rows lane / 4 and lane / 4 + 8, columns 2 (lane % 4) and the next; column 8 j + 4 h + i is
      // half h's.
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
        if (kVectors == 4) row = (row & ~3) | (row & 1) << 1 | (row >> 1 & 1);  // two rows that share no bank
        const unsigned char* from = staging + row * Tile::kLayout.staging_pitch + vector * 16;
        const float4 low = *reinterpret_cast<const float4*>(from);
        const float4 high = *reinterpret_cast<const float4*>(from + Tile::kLayout.staging_half);
        float value[8] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
        finish((warp * (Tile::kPixels / 64) + b) * 16 + row, vector * 8, value);
      }
      __syncwarp();
    }
  } else {
#pragma unroll
    for (int v = 0; v < Tile::kVectors; ++v) {
      float value[4] = {sums[v][0], sums[v][1], sums[v][2], sums[v][3]};
      finish(static_cast<int>(threadIdx.x) / Tile::kThreadsWide + v * Tile::kPixelStep,
             static_cast<int>(threadIdx.x) % Tile::kThreadsWide * 4, value);
    }
  }
}

template <class T, Conv2dKind kind, int pixel_blocks, int channels>
__global__ void __launch_bounds__(kThreads, 2)
    conv2d_kernel(const __grid_constant__ Conv2d op, const __grid_constant__ Memory memory,
                  const __grid_constant__ Conv2dCudaPlan plan, std::byte* scratch) {
  using Tile = Conv2dTile<T, kind, pixel_blocks, channels>;
  const Conv2dPlace place(plan, static_cast<int>(blockIdx.x));
  typename Tile::Sums sums;
  Tile::accumulate(op, memory, plan, place, sums);
  if (!Tile::exchange(plan, place, scratch, sums)) return;
  const std::size_t first =
      Tile::kFlat ? static_cast<std::size_t>(place.column) : static_cast<std::size_t>(place.image) * op.y.h * op.y.w;
  const Conv2dOutputs<T> outputs(op, memory, plan, first, place.block * channels);
  const int left = Tile::kFlat ? static_cast<int>(min(static_cast<long>(op.y.n) * op.y.h * op.y.w - place.column,
                                                      static_cast<long>(Tile::kPixels)))
                               : 0;
  const int wanted = op.y.c - place.block * channels;
  conv2d_store<Tile>(sums, [&](int m, int n, auto& value) {
    if (n >= wanted) return;
    if constexpr (Tile::kFlat) {
      if (m < left) outputs.finish(m * op.y.pitch, m * op.residual.pitch, n, value);
    } else {
      const int y = Tile::y_offset(m);
      if (y >= 0) outputs.finish(y, Tile::residual_offset(m), n, value);
    }
  });
}

template <class T, Conv2dKind kind, int pixel_blocks, int channels>
void conv2d_launch(const Conv2d& op, const Memory& memory, const Conv2dCudaPlan& plan, const CudaStream& on) {
  launch("conv2d", on, plan.blocks(), conv2d_cuda_shared_bytes(plan), conv2d_kernel<T, kind, pixel_blocks, channels>,
         op, memory, plan, on.scratch);
}

/// The instance for the plan's tile.
template <class T, Conv2dKind kind, int pixel_blocks>
void conv2d_launch(const Conv2d& op, const Memory& memory, const Conv2dCudaPlan& plan, const CudaStream& on) {
  if constexpr (conv2d_has_instance(type_of<T>, kind, pixel_blocks))
    conv2d_with_width<type_of<T>>(plan.packing.channels_of_block, [&](auto width) {
      conv2d_launch<T, kind, pixel_blocks, decltype(width)::value>(op, memory, plan, on);
    });
}
template <class T, Conv2dKind kind>
void conv2d_launch(const Conv2d& op, const Memory& memory, const Conv2dCudaPlan& plan, const CudaStream& on) {
  plan.pixel_blocks == 1 ? conv2d_launch<T, kind, 1>(op, memory, plan, on)
                         : conv2d_launch<T, kind, 2>(op, memory, plan, on);
}

// Each kind is compiled in a file of its own.
using Conv2dLauncher = void(const Conv2d&, const Memory&, const Conv2dCudaPlan&, const CudaStream&);
Conv2dLauncher conv2d_pointwise_cuda, conv2d_three_cuda, conv2d_three_stride2_cuda, conv2d_stem_cuda;

}  // namespace cudet
