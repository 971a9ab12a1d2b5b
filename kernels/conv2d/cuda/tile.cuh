// A tile's sums, computed by one block: load and multiply. kernel.cuh exchanges the sums of blocks that share a tile,
// and stores them.
//
// Implicit GEMM: rows are output pixels, columns are output channels, and the depth is summed over chunks of input
// channels and their taps. A chunk of the input with its border (the patch) is copied to shared memory once and used by
// every tap, because a tap only shifts the start of the matrix's rows. In shared memory both operands are planes of
// 16-byte vectors, [plane][pixel] and [tap][plane][channel]. So the eight rows of an 8x8 matrix are 128 consecutive
// bytes, ldmatrix and cp.async have no bank conflicts, and taps and planes are offsets known at compile time.
#pragma once
#include <cuda_fp16.h>

#include "kernels/conv2d/cuda/plan.h"
#include "kernels/launch.cuh"
#include "kernels/ptx.cuh"
#include "kernels/unroll.cuh"

namespace cudet {

template <class T>
constexpr Type type_of = sizeof(T) == 4 ? Type::f32 : Type::f16;

/// The tile that a block computes, and its share of the sum.
struct Conv2dTileCoord {
  int tile, split;         // tile: index among all tiles
  int channel_block;       // of output channels
  int image, row, column;  // the tile's first output pixel; pointwise: 0, 0, index of the pixel over all images
  int first_chunk, chunks;

  __device__ Conv2dTileCoord(const Conv2dCudaPlan& plan, int index) {
    tile = index / plan.splits;
    split = index % plan.splits;
    channel_block = tile % plan.packing.channel_blocks;
    int pixels = tile / plan.packing.channel_blocks;
    column = pixels % plan.tiles_x * plan.tile_w;
    pixels /= plan.tiles_x;
    row = pixels % plan.tiles_y * plan.tile_h;
    image = pixels / plan.tiles_y;
    first_chunk = split * plan.chunks_per_split;
    chunks = min(plan.chunks_per_split, plan.packing.chunks - first_chunk);
  }
};

/// `channels`: output channels of a tile; the other parameters are those of the plan.
template <class T, Conv2dKind kind, int pixel_blocks, int channels>
struct Conv2dTile {
  static constexpr bool kHalf = sizeof(T) == 2;
  static constexpr bool kPointwise = kind == Conv2dKind::pointwise;
  static constexpr int kLanes = conv2d_chunk(type_of<T>, kind).lanes;
  static constexpr int kPlanes = conv2d_chunk(type_of<T>, kind).planes;
  static constexpr int kTapsH = conv2d_chunk(type_of<T>, kind).taps_h;
  static constexpr int kTapsW = conv2d_chunk(type_of<T>, kind).taps_w;
  static constexpr int kPixels = 64 * pixel_blocks, kChannels = channels;
  static constexpr int kPatch = conv2d_patch_pixels(kind, pixel_blocks);
  static constexpr int kStrideH = kind == Conv2dKind::conv3x3_stride2 || kind == Conv2dKind::stem ? 2 : 1;
  static constexpr bool kWholeChunks = kHalf && !kPointwise;  // every chunk has all its planes
  static constexpr Conv2dSharedLayout kLayout{type_of<T>, kind, pixel_blocks, channels};
  static constexpr int kSlots = Conv2dSharedLayout::kWeightSlots;

  // f16: a warp has 16 · pixel_blocks pixels by all channels, in fragments of mma: a thread has 4 sums of each 16x8.
  // f32: a thread has 4 neighbouring channels of every kPixelStep-th pixel.
  static constexpr int kThreadsPerPixel = channels / 4, kPixelStep = kThreads / kThreadsPerPixel;
  static constexpr int kVectors = kHalf ? pixel_blocks * channels / 8 : kPixels / kPixelStep;  // of 4 sums
  static_assert(kHalf || kThreads % kThreadsPerPixel == 0, "a row of threads spans a block's channels");
  static_assert(kPatch % (kThreads / kPlanes) == 0, "every round of copies is whole");

  using Sums = float[kVectors][4];

  static __device__ int* tables() { return reinterpret_cast<int*>(shared_memory() + kLayout.tables_at); }
  /// Offset of output pixel m of the tile from the image's first element, in y (-1: the pixel is outside) and in the
  /// residual. Pointwise tiles have no tables.
  static __device__ int y_offset(int m) { return tables()[kPixels + m]; }
  static __device__ int residual_offset(int m) { return tables()[2 * kPixels + m]; }

  /// Computes the block's share of the tile's sums: bias (split 0) and products. When it returns, other warps may still
  /// read the patches.
  ///
  ///   tensor   memory     shape, innermost last                                   by whom
  ///   x        global     N, H, W, C                                              op.x
  ///   weights  global     channel block, step, then as in shared memory           Conv2dPacking
  ///   patch    shared     kLayout.patch_slots x [kPlanes][kPatch][kLanes]         PatchLoader, all threads
  ///   weights  shared     kSlots x [kTapsW][kPlanes][channels][kLanes] (f16)      WeightLoader, all threads
  ///                       kSlots x [kTapsW][kPlanes][kLanes][channels] (f32)
  ///   sums     registers  [kVectors][4] per thread, kPixels x channels per block  Operands::multiply
  ///
  /// A step is one row of taps of a chunk (pointwise: a whole chunk): it multiplies by one slot of weights. Copies run
  /// two steps ahead. kernels/README.md has a drawing of the pipeline.
  static __device__ void accumulate(const Conv2d& op, const Memory& memory, const Conv2dCudaPlan& plan,
                                    const Conv2dTileCoord& coord, Sums& sums) {
    PatchLoader patch(op, memory, plan, coord);
    WeightLoader weights(op, memory, plan, coord);
    const int steps = coord.chunks * kTapsH;

    // ---- PROLOGUE: start the copies of steps 0 and 1, a group of copies each; meanwhile, tables and initial sums.
    patch.template load_async<0>(0);
    weights.template load_async<0>();
    cp_async_commit();
    if (kPointwise && steps > 1) patch.template load_async<1>(0);
    if (steps > 1) weights.template load_async<1>();
    cp_async_commit();
    if (!kPointwise) fill_tables(op, plan, coord);
    start_from_bias(op, memory, coord, sums);
    __syncthreads();  // the tables are complete
    Operands operands;

    // ---- MAIN LOOP. A round of kSlots steps uses every slot of weights once: the three rows of taps of one chunk, or
    // three chunks if pointwise. So the slots are known at compile time. Only the patch of a 3x3 chunk, which the whole
    // round uses, alternates between two slots at run time; the stem has one chunk and one slot.
    static_assert(kPointwise || kTapsH == kSlots, "a round is whole chunks");
    int step = 0, patch_at = 0, next_patch_at = kLayout.patch_slots > 1 ? kLayout.patch_bytes : 0;  // bytes
    do {
      unroll<kSlots>([&](auto slot) {
        constexpr int kSlot = decltype(slot)::value, kFreeSlot = (kSlot + 2) % kSlots;
        if (kPointwise && step >= steps) return;

        // Wait for the older of the two groups in flight, which has this step's operands.
        cp_async_wait<1>();
        __syncthreads();  // all threads' copies are visible, and no thread still reads the slots that are filled next

        // Prefetch: weights of step + 2, into the slot of step - 1; the patch of that step, or of the next 3x3 chunk.
        if constexpr (kPointwise) {
          if (step + 2 < steps) patch.template load_async<kFreeSlot>(0);
        } else if constexpr (kSlot == 0) {
          if (step + kSlots < steps) patch.template load_async<0>(next_patch_at);
        }
        if (step + 2 < steps) weights.template load_async<kFreeSlot>();
        cp_async_commit();  // even an empty group, because the wait above counts groups

        // Multiply. Only in f32 and in pointwise kernels can the last chunk have fewer planes.
        const int planes = kWholeChunks ? kPlanes : vectors(op.x.c) - (coord.first_chunk + step / kTapsH) * kPlanes;
        operands.template multiply<kSlot>(patch_at, plan, op.x.c, planes, sums);
        ++step;
      });
      if constexpr (!kPointwise) {
        const int used = patch_at;
        patch_at = next_patch_at;
        next_patch_at = used;
      }
    } while (step < steps);

    // ---- EPILOGUE: conv2d_exchange() and conv2d_store(), in kernel.cuh.
  }

 private:
  // 16-byte vectors per pixel.
  static __device__ int vectors(int c) { return (c + kLanes - 1) / kLanes; }
  static __device__ int lane() { return threadIdx.x % 32; }
  static __device__ int warp() { return threadIdx.x / 32; }

  // Copies patches to shared memory, chunk after chunk. A thread copies vectors of one plane, 128 / kPlanes pixels
  // apart. For pixels outside the image it reads nothing and writes zeros.
  class PatchLoader {
   public:
    __device__ PatchLoader(const Conv2d& op, const Memory& memory, const Conv2dCudaPlan& plan,
                           const Conv2dTileCoord& coord) {
      constexpr int kAcross = 32 / kPlanes;  // pixels that a warp copies at a time
      const int plane = lane() / kAcross, first = warp() * kAcross + lane() % kAcross;
      to_ = shared_address(shared_memory()) + (plane * kPatch + first) * 16;
      keep(to_);
      const T* x = arena_data<T>(memory, op.x) + (coord.first_chunk * kPlanes + plane) * kLanes;
      x += kPointwise ? static_cast<std::size_t>(coord.column) * op.x.pitch : op.x.pixel(coord.image, 0, 0);
      left_ = vectors(op.x.c) - coord.first_chunk * kPlanes - plane;
#pragma unroll
      for (int j = 0; j < kCopies; ++j) {
        const int pixel = source(op, plan, coord, first + j * kStep);
        from_[j] = x + (pixel >= 0 ? pixel : 0);
        bytes_[j] = pixel >= 0 ? 16 : 0;
      }
    }
    // Starts the copies of the next chunk's patch to `at` bytes after slot kSlot.
    template <int kSlot>
    __device__ void load_async(int at) {
      if (kWholeChunks || left_ > 0)  // if the last chunk does not have this plane, it is not summed
        unroll<kCopies>([&](auto round) {
          constexpr int j = decltype(round)::value;
          cp_async_16<kSlot * kLayout.patch_bytes + j * kStep * 16>(to_ + at, from_[j], bytes_[j]);
        });
#pragma unroll
      for (const T*& from : from_) from += kPlanes * kLanes;
      left_ -= kPlanes;
    }

   private:
    static constexpr int kStep = kThreads / kPlanes, kCopies = kPatch / kStep;

    // Offset of the patch's pixel from the image's first element; -1 if the pixel is outside the image.
    static __device__ int source(const Conv2d& op, const Conv2dCudaPlan& plan, const Conv2dTileCoord& coord,
                                 int pixel) {
      if constexpr (kPointwise) {
        const long all = static_cast<long>(op.x.n) * op.x.h * op.x.w;
        return pixel < kPixels && coord.column + static_cast<long>(pixel) < all ? pixel * op.x.pitch : -1;
      }
      const int down = pixel / plan.patch_pitch, across = pixel % plan.patch_pitch;
      const int y = coord.row * kStrideH - op.pad.h + down;
      int x;
      bool within = down < (plan.tile_h - 1) * kStrideH + kTapsH && y >= 0 && y < op.x.h;
      if constexpr (kind == Conv2dKind::stem) {  // x counts pairs of pixels; pair -1 is outside
        x = coord.column - 1 + across;
        within = within && x >= 0 && x < op.x.w / 2;
        return within ? (y * op.x.w + 2 * x) * op.x.pitch : -1;
      }
      if constexpr (kind == Conv2dKind::conv3x3_stride2) {
        const int odd = across >= plan.odd_columns ? 1 : 0;
        x = 2 * coord.column - op.pad.w + 2 * (across - odd * plan.odd_columns) + odd;
      } else {
        x = coord.column - op.pad.w + across;
      }
      within = within && x >= 0 && x < op.x.w;
      return within ? (y * op.x.w + x) * op.x.pitch : -1;
    }
    const T* from_[kCopies];
    int bytes_[kCopies];
    unsigned to_;
    int left_;  // vectors per pixel from this plane on
  };

  // Copies weights to shared memory, step after step: they are packed in this order.
  class WeightLoader {
   public:
    __device__ WeightLoader(const Conv2d& op, const Memory& memory, const Conv2dCudaPlan& plan,
                            const Conv2dTileCoord& coord)
        : from_(reinterpret_cast<const unsigned char*>(weights_data<T>(memory, op.weight)) +
                (static_cast<std::size_t>(coord.channel_block) * plan.packing.chunks + coord.first_chunk) * kTapsH *
                    kLayout.weights_bytes +
                threadIdx.x * 16),
          to_(shared_address(shared_memory()) + kLayout.weights_at + threadIdx.x * 16) {
      keep(to_);
    }
    // Starts the copies of the next step's weights to slot kSlot.
    template <int kSlot>
    __device__ void load_async() {
      constexpr int kRound = kThreads * 16;
      unroll<(kLayout.weights_bytes + kRound - 1) / kRound>([&](auto round) {
        constexpr int kAt = decltype(round)::value * kRound;
        if (kAt + kRound <= kLayout.weights_bytes || static_cast<int>(threadIdx.x) * 16 < kLayout.weights_bytes - kAt)
          cp_async_16<kSlot * kLayout.weights_bytes + kAt, kAt>(to_, from_);
      });
      from_ += kLayout.weights_bytes;
    }

   private:
    const unsigned char* from_;
    unsigned to_;
  };

  // Fills in the tables (Conv2dSharedLayout), one output pixel per thread.
  static __device__ void fill_tables(const Conv2d& op, const Conv2dCudaPlan& plan, const Conv2dTileCoord& coord) {
    static_assert(kPixels <= kThreads, "a thread fills in one pixel");
    const int m = static_cast<int>(threadIdx.x);
    if (kPixels < kThreads && m >= kPixels) return;
    const int v = m / plan.tile_w, u = m % plan.tile_w;
    const bool within = v < plan.tile_h;
    // Rows of the GEMM past the tile are also computed, from arbitrary pixels that cause no bank conflict.
    tables()[m] = (within ? v * kStrideH * plan.patch_pitch + u : m % 8) * 16;
    const int row = coord.row + v, column = coord.column + u;
    const int pixel = row * op.y.w + column;
    tables()[kPixels + m] = within && row < op.y.h && column < op.y.w ? pixel * op.y.pitch : -1;
    tables()[2 * kPixels + m] = pixel * op.residual.pitch;
  }
  // Byte offset in a patch of the pixel that the first tap of output pixel m reads.
  static __device__ int first_tap(int m) {
    return kPointwise ? m * 16 : tables()[m];
  }

  // Sets the sums to the bias in split 0, to 0 in the others.
  static __device__ void start_from_bias(const Conv2d& op, const Memory& memory, const Conv2dTileCoord& coord,
                                         Sums& sums) {
    const float* bias = weights_data<float>(memory, op.bias) + coord.channel_block * channels;
    if constexpr (kHalf) {
      if (coord.split != 0) {
#pragma unroll
        for (int v = 0; v < kVectors; ++v) sums[v][0] = sums[v][1] = sums[v][2] = sums[v][3] = 0;
        return;
      }
#pragma unroll
      for (int j = 0; j < channels / 8; ++j) {
        const float2 pair = *reinterpret_cast<const float2*>(bias + 8 * j + lane() % 4 * 2);
#pragma unroll
        for (int b = 0; b < pixel_blocks; ++b) {
          float(&d)[4] = sums[b * (channels / 8) + j];
          d[0] = d[2] = pair.x;
          d[1] = d[3] = pair.y;
        }
      }
    } else {
      float4 four = make_float4(0, 0, 0, 0);
      if (coord.split == 0)
        four = reinterpret_cast<const float4*>(bias)[static_cast<int>(threadIdx.x) % kThreadsPerPixel];
#pragma unroll
      for (int v = 0; v < kVectors; ++v)
        sums[v][0] = four.x, sums[v][1] = four.y, sums[v][2] = four.z, sums[v][3] = four.w;
    }
  }

  // A thread's view of the operands in shared memory: loads fragments and multiplies.
  class Operands {
   public:
    __device__ Operands() {
      if constexpr (kHalf) {
        // Each lane passes the address of one row to ldmatrix. Pixels: lanes 0 to 15 the first plane, 16 to 31 the
        // second. Weights: lanes 0 to 7 the first plane, 8 to 15 the second, 16 to 31 the same for the next 8 channels.
        const int second = kind == Conv2dKind::stem ? 16 : kPatch * 16;
#pragma unroll
        for (int b = 0; b < pixel_blocks; ++b)
          x_[b] = shared_address(shared_memory()) + first_tap((warp() * pixel_blocks + b) * 16 + lane() % 16) +
                  lane() / 16 * second;
        w_ = shared_address(shared_memory()) + kLayout.weights_at +
             (lane() / 8 % 2 * channels + lane() % 8 + lane() / 16 * 8) * 16;
#pragma unroll
        for (unsigned& x : x_) keep(x);
        keep(w_);
      } else {
#pragma unroll
        for (int v = 0; v < kVectors; ++v)
          x_[v] = static_cast<unsigned>(first_tap(static_cast<int>(threadIdx.x) / kThreadsPerPixel + v * kPixelStep));
        w_ = kLayout.weights_at + threadIdx.x % kThreadsPerPixel * 16;
      }
    }

    // Adds the products of a step: the patch at `patch_at` bytes after slot 0 (pointwise: in slot kSlot) by the weights
    // in slot kSlot, which is also the row of taps. `planes`: number of planes that the chunk has.
    template <int kSlot>
    __device__ void multiply(int patch_at, const Conv2dCudaPlan& plan, int c, int planes, Sums& sums) const {
      const int row_at = kPointwise ? 0 : patch_at + kSlot * plan.patch_pitch * 16;
      if constexpr (kHalf)
        multiply_f16<kSlot>(row_at, plan.odd_columns, planes, sums);
      else
        multiply_f32(row_at + kPatchSlot<kSlot>, kSlot * kLayout.weights_bytes, plan.odd_columns, planes, c, sums);
    }

   private:
    template <int kSlot>
    static constexpr int kPatchSlot = kPointwise ? kSlot* kLayout.patch_bytes : 0;

    template <int kSlot>
    __device__ void multiply_f16(int row_at, int odd_columns, int planes, Sums& sums) const {
      constexpr bool kStem = kind == Conv2dKind::stem;  // its two taps serve as the two planes
      constexpr int kTaps = kStem ? 1 : kTapsW, kPairs = kStem ? 1 : kPlanes / 2;
      unroll<kTaps>([&](auto tap) {
        constexpr int s = decltype(tap)::value;
        // The part of the offset that is known at compile time; the start of the odd columns is not.
        constexpr int kColumn = kind != Conv2dKind::conv3x3_stride2 ? s : s / 2;
        const int start = row_at + (kind == Conv2dKind::conv3x3_stride2 && s == 1 ? odd_columns * 16 : 0);
        unroll<kPairs>([&](auto plane_pair) {
          constexpr int pair = decltype(plane_pair)::value;
          if (pair > 0 && planes <= 2 * pair) return;
          unsigned a[pixel_blocks][4];
#pragma unroll
          for (int b = 0; b < pixel_blocks; ++b) {
            ldmatrix_x4<kPatchSlot<kSlot> + (kColumn + pair * 2 * kPatch) * 16>(a[b], x_[b] + start);
            if constexpr (kStem)  // the fourth channel is undefined padding
              for (unsigned& two : a[b]) two &= lane() % 2 == 0 ? 0xffffffffu : 0xffffu;
          }
          unroll<channels / 16>([&](auto channels_16) {
            constexpr int j = decltype(channels_16)::value;
            unsigned w[4];
            ldmatrix_x4<kSlot * kLayout.weights_bytes + ((s * kPlanes + 2 * pair) * channels + j * 16) * 16>(w, w_);
            const unsigned first[2] = {w[0], w[1]}, second[2] = {w[2], w[3]};
#pragma unroll
            for (int b = 0; b < pixel_blocks; ++b) {
              mma_m16n8k16(sums[b * (channels / 8) + 2 * j], a[b], first);
              mma_m16n8k16(sums[b * (channels / 8) + 2 * j + 1], a[b], second);
            }
          });
        });
      });
    }

    __device__ void multiply_f32(int row_at, int weights, int odd_columns, int planes, int c, Sums& sums) const {
      const unsigned char* shared = shared_memory();
#pragma unroll
      for (int s = 0; s < kTapsW; ++s) {
        const int column = kind == Conv2dKind::conv3x3_stride2 ? (s == 1 ? odd_columns : s / 2) : s;
#pragma unroll
        for (int plane = 0; plane < kPlanes; ++plane) {
          if (plane >= planes) break;
          const unsigned char* at = shared + w_ + weights + (s * kPlanes + plane) * channels * 16;
          float4 w[4];
#pragma unroll
          for (int l = 0; l < 4; ++l) w[l] = *reinterpret_cast<const float4*>(at + l * channels * 4);
#pragma unroll
          for (int v = 0; v < kVectors; ++v) {
            float4 a = *reinterpret_cast<const float4*>(shared + x_[v] + row_at + column * 16 + plane * kPatch * 16);
            if (c == 3) a.w = 0;  // the fourth channel is undefined padding
            const float lanes[4] = {a.x, a.y, a.z, a.w};
#pragma unroll
            for (int l = 0; l < 4; ++l) {
              sums[v][0] = fmaf(lanes[l], w[l].x, sums[v][0]);
              sums[v][1] = fmaf(lanes[l], w[l].y, sums[v][1]);
              sums[v][2] = fmaf(lanes[l], w[l].z, sums[v][2]);
              sums[v][3] = fmaf(lanes[l], w[l].w, sums[v][3]);
            }
          }
        }
      }
    }

    unsigned x_[kHalf ? pixel_blocks : kVectors], w_;
  };
};

}  // namespace cudet
