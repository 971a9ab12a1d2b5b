// Tiles of MaxPool and MaxPoolChain.
#pragma once
#include "kernels/max_pool/chain_tiling.h"
#include "kernels/ptx.cuh"
#include "kernels/vector.cuh"

namespace cudet {

// Per word, sets the sign bits of the elements that are NaN: adding kBelowNan to a magnitude carries only from NaN.
template <class T>
__device__ __forceinline__ unsigned nan_signs(unsigned word) {
  constexpr unsigned kSigns = sizeof(T) == 2 ? 0x80008000u : 0x80000000u;
  constexpr unsigned kBelowNan = sizeof(T) == 2 ? 0x03ff03ffu : 0x007fffffu;
  return ((word & ~kSigns) + kBelowNan) & kSigns;
}

// A running maximum of each of a vector's elements. The device's maximum ignores NaN, so NaN is tracked separately if
// kNan; inputs without NaN do not need this.
template <class V, bool kNan>
class Maximum {
 public:
  __device__ __forceinline__ Maximum() {
    for (unsigned& word : max_.word) word = sizeof(T) == 2 ? 0xfc00fc00u : 0xff800000u;  // -infinity
  }
  __device__ __forceinline__ void add(const V& value) {
    for (int w = 0; w < V::kWords; ++w) {
      max_.word[w] = larger(max_.word[w], value.word[w]);
      if constexpr (kNan) nan_[w] |= nan_signs<T>(value.word[w]);
    }
  }
  __device__ __forceinline__ V value() const {
    V value = max_;
    if constexpr (kNan)  // sets all bits of an element whose sign bit is set
      for (int w = 0; w < V::kWords; ++w) value.word[w] |= nan_[w] | (nan_[w] - (nan_[w] >> (8 * sizeof(T) - 1)));
    return value;
  }

 private:
  using T = typename V::Element;

  static __device__ __forceinline__ unsigned larger(unsigned a, unsigned b) {
    if constexpr (sizeof(T) == 4) {
      return __float_as_uint(fmaxf(__uint_as_float(a), __uint_as_float(b)));
    } else {
      __half2 x, y;
      memcpy(&x, &a, sizeof x);
      memcpy(&y, &b, sizeof y);
      x = __hmax2(x, y);
      memcpy(&a, &x, sizeof a);
      return a;
    }
  }

  V max_;
  unsigned nan_[V::kWords] = {};  // sign bits
};

// ---- One pooling: a thread computes one vector of y.

template <class V>
struct VectorTile<MaxPool, V> {
  static __device__ void run(const MaxPool& op, const Memory& memory, int tile) {
    using T = typename V::Element;
    const auto [i, v, u, k] = vector_coord(op.y, V::kLanes, tile);
    if (u >= op.y.w) return;
    const int top = v * op.stride - op.pad, bottom = min(top + op.kernel, op.x.h);
    const int left = u * op.stride - op.pad, right = min(left + op.kernel, op.x.w);
    Maximum<V, true> maximum;
    for (int row = max(top, 0); row < bottom; ++row)
      for (int column = max(left, 0); column < right; ++column)
        maximum.add(V::load(arena_data<T>(memory, op.x) + op.x.pixel(i, row, column) + k));
    maximum.value().store(arena_data<T>(memory, op.y) + op.y.pixel(i, v, u) + k);
  }
};

// ---- All poolings of a chain in one launch. A tile is a strip of rows of y, of full width, by a few vectors of each
// pixel. Shared memory holds the strip of x and the rows around it that the windows reach. Each pooling takes maxima
// along rows, then along columns; each needs fewer rows around the strip than the previous one.

template <class V>
class ChainTile {
 public:
  __device__ ChainTile(const MaxPoolChain& op, const ChainTiling& tiling, const Memory& memory, int tile)
      : op_(op), memory_(memory), log2_(tiling.log2), run_(op.x.w << tiling.log2), reach_(op.kernel / 2) {
    const int groups = tiling.groups(op, V::kLanes), strips = tiling.strips(op);
    image_ = tile / groups / strips;
    channel_ = ((tile % groups) << log2_) * V::kLanes;
    first_ = tile / groups % strips * tiling.rows;
    last_ = first_ + tiling.rows;
    origin_ = max(first_ - op.count * reach_, 0);
    values_ = reinterpret_cast<T*>(shared_memory());
    along_rows_ = values_ + static_cast<std::size_t>(tiling.input_rows(op)) * run_ * V::kLanes;
    const int thread = static_cast<int>(threadIdx.x);
    start_row_ = thread / run_;
    start_at_ = thread % run_;
    step_rows_ = kThreads / run_;
    step_at_ = kThreads % run_;
  }

  __device__ void run() const {
    unsigned nan = 0;
    for_rows(op_.count, [&](int row, int at) {
      const V value = V::load(in_arena(op_.x, row, at));
      for (const unsigned word : value.word) nan |= nan_signs<T>(word);
      value.store(in_shared(values_, row, at));
    });
    if (__syncthreads_or(nan != 0))
      pool<true>();
    else
      pool<false>();
  }

 private:
  using T = typename V::Element;

  template <bool kNan>
  __device__ void pool() const {
    const int step = 1 << log2_;  // from one pixel to the next, in vectors
    for (int pooling = 0; pooling < op_.count; ++pooling) {
      for_rows(op_.count - pooling, [&](int row, int at) {
        const int first = at & (step - 1),
                  last = run_ - step + first;  // the same vector of the row's first and last pixels
        const int left = max(at - reach_ * step, first), right = min(at + reach_ * step, last);
        window_maximum<kNan>(in_shared(values_, row, left), in_shared(values_, row, right), step * V::kLanes)
            .store(in_shared(along_rows_, row, at));
      });
      __syncthreads();
      for_rows(op_.count - pooling - 1, [&](int row, int at) {
        const int top = max(row - reach_, 0), bottom = min(row + reach_, op_.x.h - 1);
        const V value =
            window_maximum<kNan>(in_shared(along_rows_, top, at), in_shared(along_rows_, bottom, at), run_ * V::kLanes);
        value.store(in_shared(values_, row, at));
        if (row >= first_ && row < last_) value.store(in_arena(op_.y[pooling], row, at));
      });
      __syncthreads();
    }
  }

  // Maximum of the vectors from `first` to `last`, `step` elements apart.
  template <bool kNan>
  static __device__ __forceinline__ V window_maximum(const T* first, const T* last, int step) {
    Maximum<V, kNan> maximum;
    for (; first <= last; first += step) maximum.add(V::load(first));
    return maximum.value();
  }

  // Calls f(row, vector within the row) for all vectors of the rows that the `poolings` remaining poolings read.
  template <class F>
  __device__ __forceinline__ void for_rows(int poolings, F f) const {
    const int end = min(last_ + poolings * reach_, op_.x.h);
    int row = max(first_ - poolings * reach_, 0) + start_row_, at = start_at_;
    while (row < end) {
      f(row, at);
      row += step_rows_;
      at += step_at_;
      if (at >= run_) {
        at -= run_;
        ++row;
      }
    }
  }
  __device__ __forceinline__ T* in_shared(T* map, int row, int at) const {
    return map + ((row - origin_) * run_ + at) * V::kLanes;
  }
  __device__ __forceinline__ T* in_arena(const Tensor& t, int row, int at) const {
    const int vector = at & ((1 << log2_) - 1);
    return arena_data<T>(memory_, t) + t.pixel(image_, row, at >> log2_) + channel_ + vector * V::kLanes;
  }

  const MaxPoolChain& op_;
  const Memory& memory_;
  int log2_;
  int run_;              // vectors per row
  int reach_;            // pixels of a window to either side of its centre
  int image_, channel_;  // the tile's
  int first_, last_;     // rows of the strip; the last may be below the image
  int origin_;           // first row in shared memory
  T *values_, *along_rows_;
  int start_row_, start_at_, step_rows_, step_at_;  // how the thread steps through the rows without divisions
};

}  // namespace cudet
