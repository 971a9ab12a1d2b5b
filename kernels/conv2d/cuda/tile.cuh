// A tile of the convolution by one block: load, compute, and the sums' exchange between blocks that share a tile.
//
// Implicit GEMM: output pixels by output channels, summed over chunks of input channels and taps. A chunk of the input
// with its border (the patch) is brought to shared memory once and serves every tap, since a tap only shifts where rows
// of the matrix begin. In shared memory both operands are planes of 16-byte vectors, [plane][pixel] and
// [tap][plane][channel]: eight neighbouring rows of an 8x8 matrix are 128 bytes in a row, so ldmatrix and cp.async meet
// no bank conflict, and taps and planes are offsets known when this is compiled. Copies run two steps ahead, a step
// being a chunk's row of taps.
#pragma once
#include <cuda_fp16.h>

#include "kernels/conv2d/cuda/layout.h"
#include "kernels/launch.cuh"
#include "kernels/ptx.cuh"
#include "kernels/unroll.cuh"

namespace cudet {

template <class T>
constexpr Type type_of = sizeof(T) == 4 ? Type::f32 : Type::f16;

/// Which tile of which image, and which share of its sum.
struct Conv2dPlace {
  int tile, split;         // tile: of all of them
  int block;               // of output channels
  int image, row, column;  // of the tile's first output pixel; pointwise: 0, 0, and the pixel counted over all images
  int first_chunk, chunks;

  __device__ Conv2dPlace(const Conv2dCudaPlan& plan, int index) {
    tile = index / plan.splits;
    split = index % plan.splits;
    block = tile % plan.packing.blocks;
    int pixels = tile / plan.packing.blocks;
    column = pixels % plan.tiles_x * plan.tile_w;
    pixels /= plan.tiles_x;
    row = pixels % plan.tiles_y * plan.tile_h;
    image = pixels / plan.tiles_y;
    first_chunk = split * plan.chunks_of_split;
    chunks = min(plan.chunks_of_split, plan.packing.chunks - first_chunk);
  }
};

template <class T, Conv2dKind kind, int pixel_blocks, int channels>
struct Conv2dTile {
  static constexpr bool kHalf = sizeof(T) == 2;
  static constexpr bool kFlat = kind == Conv2dKind::pointwise;
  static constexpr int kLanes = conv2d_form(type_of<T>, kind).lanes;
  static constexpr int kPlanes = conv2d_form(type_of<T>, kind).planes;
  static constexpr int kTapsH = conv2d_form(type_of<T>, kind).taps_h;
  static constexpr int kTapsW = conv2d_form(type_of<T>, kind).taps_w;
  static constexpr int kPixels = 64 * pixel_blocks, kChannels = channels;
  static constexpr int kPatch = conv2d_patch(kind, pixel_blocks);
  static constexpr int kStrideH = kind == Conv2dKind::three_stride2 || kind == Conv2dKind::stem ? 2 : 1;
  static constexpr bool kWhole = kHalf && !kFlat;  // every chunk has all its planes
  static constexpr Conv2dLayout kLayout{type_of<T>, kind, pixel_blocks, channels};

  // f16: a warp has 16 · pixel_blocks pixels by all channels, in fragments of mma: 4 sums for each 16x8.
  // f32: a thread has 4 neighbouring channels of every kPixelStep-th pixel.
  static constexpr int kThreadsWide = channels / 4, kPixelStep = kThreads / kThreadsWide;
  static constexpr int kVectors = kHalf ? pixel_blocks * channels / 8 : kPixels / kPixelStep;  // of 4 sums
  static_assert(kHalf || kThreads % kThreadsWide == 0, "a row of threads spans a block's channels");
  static_assert(kPatch % (kThreads / kPlanes) == 0, "every round of copies is whole");

  using Sums = float[kVectors][4];

  static __device__ int* tables() { return reinterpret_cast<int*>(shared_memory() + kLayout.tables_at); }
  /// Elements from an image's first to output pixel m of the tile, of y (-1: outside) and of the residual. Pointwise
  /// tiles need no table.
  static __device__ int y_offset(int m) { return tables()[kPixels + m]; }
  static __device__ int residual_offset(int m) { return tables()[2 * kPixels + m]; }

  /// The block's share of the tile: bias (split 0) and products. Other warps may still read the patches when it
  /// returns.
  static __device__ void accumulate(const Conv2d& op, const Memory& memory, const Conv2dCudaPlan& plan,
                                    const Conv2dPlace& place, Sums& sums) {
    PatchCopies patch(op, memory, plan, place);
    WeightCopies weights(op, memory, plan, place);
    const int steps = place.chunks * kTapsH;
    patch.template start<0>(0);
    weights.template start<0>();
    cp_async_commit();
    if (kFlat && steps > 1) patch.template start<1>(0);
    if (steps > 1) weights.template start<1>();
    cp_async_commit();
    if (!kFlat) fill_tables(op, plan, place);
    start_from_bias(op, memory, place, sums);
    __syncthreads();
    Operands operands;

    // A round of steps fills every slot of the weights once: three rows of taps of a chunk, or three chunks without
    // taps. So slots are known when this is compiled, but that of a chunk's patch under taps: there two take turns.
    static_assert(kFlat || kTapsH == kSlots, "a round is whole chunks");
    int step = 0, patch_at = 0, other_at = kLayout.patches > 1 ? kLayout.patch : 0;
    do {
      unroll<kSlots>([&](auto of_round) {
        constexpr int kSlot = decltype(of_round)::value, kTwoOn = (kSlot + 2) % kSlots;
        if (kFlat && step >= steps) return;
        cp_async_wait<1>();
        __syncthreads();
        if constexpr (kFlat) {
          if (step + 2 < steps) patch.template start<kTwoOn>(0);
        } else if constexpr (kSlot == 0) {
          if (step + kSlots < steps) patch.template start<0>(other_at);
        }
        if (step + 2 < steps) weights.template start<kTwoOn>();
        cp_async_commit();
        // Three taps of f16 know their chunks to be whole, the stem's planes are its taps.
        const int planes = kWhole ? kPlanes : vectors(op.x.c) - (place.first_chunk + step / kTapsH) * kPlanes;
        operands.template multiply<kSlot>(patch_at, plan, op.x.c, planes, sums);
        ++step;
      });
      if constexpr (!kFlat) {
        const int done = patch_at;
        patch_at = other_at;
        other_at = done;
      }
    } while (step < steps);
  }

  /// Where blocks share the tile's sum: false for all but the block that comes last, which has it all, added up in the
  /// order of the splits.
  static __device__ bool exchange(const Conv2dCudaPlan& plan, const Conv2dPlace& place, std::byte* scratch,
                                  Sums& sums) {
    if (plan.splits == 1) return true;
    unsigned* finished = reinterpret_cast<unsigned*>(shared_memory());
    unsigned* counter = reinterpret_cast<unsigned*>(scratch) + place.tile;
    constexpr int kShare = kVectors * kThreads;  // float4 of a block
    float4* shares = reinterpret_cast<float4*>(scratch + kScratchCounters) +
                     static_cast<std::size_t>(place.tile) * plan.splits * kShare + threadIdx.x;
    float4* own = shares + place.split * kShare;
#pragma unroll
    for (int v = 0; v < kVectors; ++v) own[v * kThreads] = make_float4(sums[v][0], sums[v][1], sums[v][2], sums[v][3]);
    __syncthreads();
    if (threadIdx.x == 0) *finished = fetch_add_acq_rel(counter, 1u);
    __syncthreads();
    if (*finished + 1 != static_cast<unsigned>(plan.splits)) return false;
    if (threadIdx.x == 0) *counter = 0;  // for the next launch
#pragma unroll
    for (int v = 0; v < kVectors; ++v) sums[v][0] = sums[v][1] = sums[v][2] = sums[v][3] = 0;
    for (int split = 0; split < plan.splits; ++split, shares += kShare) {
#pragma unroll
      for (int v = 0; v < kVectors; ++v) {
        const float4 share = shares[v * kThreads];
        sums[v][0] += share.x, sums[v][1] += share.y, sums[v][2] += share.z, sums[v][3] += share.w;
      }
    }
    return true;
  }

 private:
  static constexpr int kSlots = Conv2dLayout::kWeightSlots;

  // 16-byte vectors of a pixel.
  static __device__ int vectors(int c) {
    return (c + kLanes - 1) / kLanes;
  }
  static __device__ int lane() {
    return threadIdx.x % 32;
  }
  static __device__ int warp() {
    return threadIdx.x / 32;
  }

  // Copies a chunk of the input and its border: a thread's vectors are 128 / kPlanes pixels apart, in one plane. Of
  // pixels outside of the picture nothing is read, and zeros are written.
  class PatchCopies {
   public:
    __device__ PatchCopies(const Conv2d& op, const Memory& memory, const Conv2dCudaPlan& plan,
                           const Conv2dPlace& place) {
      constexpr int kAcross = 32 / kPlanes;  // pixels of a warp's copy
      const int plane = lane() / kAcross, first = warp() * kAcross + lane() % kAcross;
      to_ = shared_address(shared_memory()) + (plane * kPatch + first) * 16;
      keep(to_);
      const T* x = arena_data<T>(memory, op.x) + (place.first_chunk * kPlanes + plane) * kLanes;
      x += kFlat ? static_cast<std::size_t>(place.column) * op.x.pitch : op.x.pixel(place.image, 0, 0);
      left_ = vectors(op.x.c) - place.first_chunk * kPlanes - plane;
#pragma unroll
      for (int j = 0; j < kCopies; ++j) {
        const int pixel = source(op, plan, place, first + j * kStep);
        from_[j] = x + (pixel >= 0 ? pixel : 0);
        bytes_[j] = pixel >= 0 ? 16 : 0;
      }
    }
    // To kSlot, which starts `at` bytes further on.
    template <int kSlot>
    __device__ void start(int at) {
      if (kWhole || left_ > 0)  // else the last chunk's sum does without the plane
        unroll<kCopies>([&](auto round) {
          constexpr int j = decltype(round)::value;
          cp_async_16<kSlot * kLayout.patch + j * kStep * 16>(to_ + at, from_[j], bytes_[j]);
        });
#pragma unroll
      for (const T*& from : from_) from += kPlanes * kLanes;
      left_ -= kPlanes;
    }

   private:
    static constexpr int kStep = kThreads / kPlanes, kCopies = kPatch / kStep;

    // Elements from the image's first to the patch's pixel; -1 where there is none.
    static __device__ int source(const Conv2d& op, const Conv2dCudaPlan& plan, const Conv2dPlace& place, int pixel) {
      if constexpr (kFlat) {
        const long all = static_cast<long>(op.x.n) * op.x.h * op.x.w;
        return pixel < kPixels && place.column + static_cast<long>(pixel) < all ? pixel * op.x.pitch : -1;
      }
      const int down = pixel / plan.patch_pitch, across = pixel % plan.patch_pitch;
      const int y = place.row * kStrideH - op.pad.h + down;
      int x;
      bool within = down < (plan.tile_h - 1) * kStrideH + kTapsH && y >= 0 && y < op.x.h;
      if constexpr (kind == Conv2dKind::stem) {  // pairs of pixels; the pair before the first one is outside
        x = place.column - 1 + across;
        within = within && x >= 0 && x < op.x.w / 2;
        return within ? (y * op.x.w + 2 * x) * op.x.pitch : -1;
      }
      if constexpr (kind == Conv2dKind::three_stride2) {
        const int odd = across >= plan.odd_columns ? 1 : 0;
        x = 2 * place.column - op.pad.w + 2 * (across - odd * plan.odd_columns) + odd;
      } else {
        x = place.column - op.pad.w + across;
      }
      within = within && x >= 0 && x < op.x.w;
      return within ? (y * op.x.w + x) * op.x.pitch : -1;
    }
    const T* from_[kCopies];
    int bytes_[kCopies];
    unsigned to_;
    int left_;  // vectors of a pixel from this plane on
  };

  // Copies a step's weights: they are packed in the order of the steps.
  class WeightCopies {
   public:
    __device__ WeightCopies(const Conv2d& op, const Memory& memory, const Conv2dCudaPlan& plan,
                            const Conv2dPlace& place)
        : from_(reinterpret_cast<const unsigned char*>(weights_data<T>(memory, op.weight)) +
                (static_cast<std::size_t>(place.block) * plan.packing.chunks + place.first_chunk) * kTapsH *
                    kLayout.weights +
                threadIdx.x * 16),
          to_(shared_address(shared_memory()) + kLayout.weights_at + threadIdx.x * 16) {
      keep(to_);
    }
    template <int kSlot>
    __device__ void start() {
      constexpr int kRound = kThreads * 16;
      unroll<(kLayout.weights + kRound - 1) / kRound>([&](auto round) {
        constexpr int kAt = decltype(round)::value * kRound;
        if (kAt + kRound <= kLayout.weights || static_cast<int>(threadIdx.x) * 16 < kLayout.weights - kAt)
          cp_async_16<kSlot * kLayout.weights + kAt, kAt>(to_, from_);
      });
      from_ += kLayout.weights;
    }

   private:
    const unsigned char* from_;
    unsigned to_;
  };

  static __device__ void fill_tables(const Conv2d& op, const Conv2dCudaPlan& plan, const Conv2dPlace& place) {
    static_assert(kPixels <= kThreads, "a thread fills in one pixel");
    const int m = static_cast<int>(threadIdx.x);
    if (kPixels < kThreads && m >= kPixels) return;
    const int v = m / plan.tile_w, u = m % plan.tile_w;
    const bool within = v < plan.tile_h;
    // What is left over of the block is summed too, of any pixels that meet no bank conflict.
    tables()[m] = (within ? v * kStrideH * plan.patch_pitch + u : m % 8) * 16;
    const int row = place.row + v, column = place.column + u;
    const int pixel = row * op.y.w + column;
    tables()[kPixels + m] = within && row < op.y.h && column < op.y.w ? pixel * op.y.pitch : -1;
    tables()[2 * kPixels + m] = pixel * op.residual.pitch;
  }
  /// Bytes from a patch's start to the pixel at which output pixel m's first tap lies.
  static __device__ int first_tap(int m) {
    return kFlat ? m * 16 : tables()[m];
  }

  static __device__ void start_from_bias(const Conv2d& op, const Memory& memory, const Conv2dPlace& place, Sums& sums) {
    const float* bias = weights_data<float>(memory, op.bias) + place.block * channels;
    if constexpr (kHalf) {
      if (place.split != 0) {
#pragma unroll
        for (int v = 0; v < kVectors; ++v) sums[v][0] = sums[v][1] = sums[v][2] = sums[v][3] = 0;
        return;
      }
#pragma unroll
      for (int j = 0; j < channels / 8; ++j) {
        const float2 both = *reinterpret_cast<const float2*>(bias + 8 * j + lane() % 4 * 2);
#pragma unroll
        for (int b = 0; b < pixel_blocks; ++b) {
          float(&d)[4] = sums[b * (channels / 8) + j];
          d[0] = d[2] = both.x;
          d[1] = d[3] = both.y;
        }
      }
    } else {
      float4 four = make_float4(0, 0, 0, 0);
      if (place.split == 0) four = reinterpret_cast<const float4*>(bias)[static_cast<int>(threadIdx.x) % kThreadsWide];
#pragma unroll
      for (int v = 0; v < kVectors; ++v)
        sums[v][0] = four.x, sums[v][1] = four.y, sums[v][2] = four.z, sums[v][3] = four.w;
    }
  }

  // A thread's view of the operands in shared memory.
  class Operands {
   public:
    __device__ Operands() {
      if constexpr (kHalf) {
        // ldmatrix: lanes 0 to 15 name the rows of the first plane, 16 to 31 those of the second; of weights, 8 lanes
        // each.
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
          x_[v] = static_cast<unsigned>(first_tap(static_cast<int>(threadIdx.x) / kThreadsWide + v * kPixelStep));
        w_ = kLayout.weights_at + threadIdx.x % kThreadsWide * 16;
      }
    }

    // Adds the products of a step: of the patch `patch_at` bytes on, and of row of taps or chunk kSlot of the round;
    // `planes` of the chunk have values.
    template <int kSlot>
    __device__ void multiply(int patch_at, const Conv2dCudaPlan& plan, int c, int planes, Sums& sums) const {
      const int row_at = kFlat ? 0 : patch_at + kSlot * plan.patch_pitch * 16;
      if constexpr (kHalf)
        multiply_f16<kSlot>(row_at, plan.odd_columns, planes, sums);
      else
        multiply_f32(row_at + kPatchSlot<kSlot>, kSlot * kLayout.weights, plan.odd_columns, planes, c, sums);
    }

   private:
    template <int kSlot>
    static constexpr int kPatchSlot = kFlat ? kSlot* kLayout.patch : 0;

    template <int kSlot>
    __device__ void multiply_f16(int row_at, int odd_columns, int planes, Sums& sums) const {
      constexpr bool kStem = kind == Conv2dKind::stem;  // whose two taps are the two planes
      constexpr int kTaps = kStem ? 1 : kTapsW, kPairs = kStem ? 1 : kPlanes / 2;
      unroll<kTaps>([&](auto tap) {
        constexpr int s = decltype(tap)::value;
        // The offset that is known now; the odd columns' is not.
        constexpr int kColumn = kind != Conv2dKind::three_stride2 ? s : s / 2;
        const int start = row_at + (kind == Conv2dKind::three_stride2 && s == 1 ? odd_columns * 16 : 0);
        unroll<kPairs>([&](auto of_planes) {
          constexpr int pair = decltype(of_planes)::value;
          if (pair > 0 && planes <= 2 * pair) return;
          unsigned a[pixel_blocks][4];
#pragma unroll
          for (int b = 0; b < pixel_blocks; ++b) {
            ldmatrix_x4<kPatchSlot<kSlot> + (kColumn + pair * 2 * kPatch) * 16>(a[b], x_[b] + start);
            if constexpr (kStem)  // what lies in a pixel's fourth channel is nobody's
              for (unsigned& two : a[b]) two &= lane() % 2 == 0 ? 0xffffffffu : 0xffffu;
          }
          unroll<channels / 16>([&](auto of_channels) {
            constexpr int j = decltype(of_channels)::value;
            unsigned w[4];
            ldmatrix_x4<kSlot * kLayout.weights + ((s * kPlanes + 2 * pair) * channels + j * 16) * 16>(w, w_);
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
        const int column = kind == Conv2dKind::three_stride2 ? (s == 1 ? odd_columns : s / 2) : s;
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
            if (c == 3) a.w = 0;  // what lies in a pixel's fourth channel is nobody's
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
