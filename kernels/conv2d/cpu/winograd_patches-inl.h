// Code that the f32 and the 8-bit Winograd kernels share: the positions of a tile's patches in the input and the
// output, and the multiplication of their points. For Highway. Included once per target, so the guard below toggles.
#if defined(CUDET_KERNELS_CONV2D_CPU_WINOGRAD_PATCHES_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef CUDET_KERNELS_CONV2D_CPU_WINOGRAD_PATCHES_INL_H
#undef CUDET_KERNELS_CONV2D_CPU_WINOGRAD_PATCHES_INL_H
#else
#define CUDET_KERNELS_CONV2D_CPU_WINOGRAD_PATCHES_INL_H
#endif

#include <algorithm>
#include <cstddef>
#include <type_traits>

#include "hwy/highway.h"
#include "kernels/conv2d/cpu/register_tile-inl.h"
#include "kernels/conv2d/cpu/winograd_plan.h"

HWY_BEFORE_NAMESPACE();
namespace cudet {
namespace HWY_NAMESPACE {
namespace {

// A run of patches of one image, in row-major order.
struct PatchRun {
  int image, first, count;
  int per_row;  // patches in a row of the image
};

// The input pixels of one patch.
template <class T>
struct PatchInput {
  const Tensor& x;
  const T* corner;  // pixel (0, 0) of the patch; it may be outside of the image
  int top, left;    // the same as row and column of x

  HWY_INLINE bool contains(int i, int j) const {  // whether pixel (i, j) of the patch is inside of the image
    return top + i >= 0 && top + i < x.h && left + j >= 0 && left + j < x.w;
  }
  HWY_INLINE const T* pixel(int i, int j) const {
    const std::ptrdiff_t pitch = x.pitch, row_pitch = x.w * pitch;
    return corner + i * row_pitch + j * pitch;
  }
};

// Calls transform(inside, patch, t, c) for each patch t of the run and each vector of kVector channels, from c on.
// `inside` is true_type if all of the patch's kIn · kIn pixels are inside of the image. `image`: x's first pixel.
template <int kIn, int kStride, int kVector, class T, class Transform>
HWY_INLINE void for_each_input(const PatchRun& run, const Conv2d& op, const T* image, int channels,
                               const Transform& transform) {
  constexpr int kStep = kWinogradOut * kStride;
  const Tensor& x = op.x;
  for (int t = 0; t < run.count; ++t) {
    const int top = (run.first + t) / run.per_row * kStep - op.pad.h;
    const int left = (run.first + t) % run.per_row * kStep - op.pad.w;
    const PatchInput<T> patch{x, image + (static_cast<std::ptrdiff_t>(top) * x.w + left) * x.pitch, top, left};
    const bool inside = top >= 0 && top + kIn <= x.h && left >= 0 && left + kIn <= x.w;
    for (int c = 0; c < channels; c += kVector)
      if (inside)
        transform(std::true_type(), patch, t, c);
      else
        transform(std::false_type(), patch, t, c);
  }
}

// The output pixels of one patch.
struct PatchOutput {
  Extent extent;      // the part of the patch that is inside of the image
  std::size_t pixel;  // index of its first pixel in the image

  PatchOutput(const PatchRun& run, int t, const Tensor& y) {
    const int top = (run.first + t) / run.per_row * kWinogradOut, left = (run.first + t) % run.per_row * kWinogradOut;
    extent = {std::min(kWinogradOut, y.h - top), std::min(kWinogradOut, y.w - left)};
    pixel = static_cast<std::size_t>(top) * y.w + left;
  }
  bool whole() const { return extent == Extent{kWinogradOut, kWinogradOut}; }
};

// The multiplication below is a matrix product at one point: patches by channels times channels by kB blocks. `Product`
// defines the arithmetic: types Value, Weight and Sum, a vector tag kSums of Sum, and accumulate<kM, kB>(x, weight,
// block, channels, sums), which adds x[m][0, channels) · weight to the sums. Products are patch, channel of the blocks.

// Multiplies kM patches, a register tile. `block`: distance from one block's weights to the next. With `add`, adds to
// the products.
template <class Product, int kM, int kB>
HWY_INLINE void multiply_tile(const typename Product::Value* values, int channels,
                              const typename Product::Weight* weight, std::size_t block, bool add,
                              typename Product::Sum* products) {
  constexpr auto kSums = Product::kSums;
  const typename Product::Value* x[kM];
  for (int m = 0; m < kM; ++m) x[m] = values + m * channels;
  hn::Vec<decltype(Product::kSums)> sums[kM][kB * kVectors];
  HWY_UNROLL(16)
  for (int m = 0; m < kM; ++m) {
    HWY_UNROLL(16)
    for (int n = 0; n < kB * kVectors; ++n)
      sums[m][n] = add ? hn::Load(kSums, products + (m * kB * kVectors + n) * kLanes) : hn::Zero(kSums);
  }
  Product::template accumulate<kM, kB>(x, weight, block, channels, sums);
  HWY_UNROLL(16)
  for (int m = 0; m < kM; ++m) {
    HWY_UNROLL(16)
    for (int n = 0; n < kB * kVectors; ++n) hn::Store(sums[m][n], kSums, products + (m * kB * kVectors + n) * kLanes);
  }
}

// Multiplies m patches, at most kM.
template <class Product, int kM, int kB>
HWY_INLINE void multiply_up_to(int m, const typename Product::Value* values, int channels,
                               const typename Product::Weight* weight, std::size_t block, bool add,
                               typename Product::Sum* products) {
  if (m == kM)
    multiply_tile<Product, kM, kB>(values, channels, weight, block, add, products);
  else if constexpr (kM > 1)
    multiply_up_to<Product, kM - 1, kB>(m, values, channels, weight, block, add, products);
}

// Multiplies all patches, in register tiles of sizes as equal as possible. Values are patch, channel.
template <class Product, int kB>
HWY_INLINE void multiply_point(const typename Product::Value* values, int patches, int channels,
                               const typename Product::Weight* weight, std::size_t block, bool add,
                               typename Product::Sum* products) {
  const int tiles = ceil_div(patches, kPixels);
  for (int tile = 0, t = 0; tile < tiles; ++tile) {
    const int m = ceil_div(patches - t, tiles - tile);
    multiply_up_to<Product, kPixels, kB>(m, values + static_cast<std::size_t>(t) * channels, channels, weight, block,
                                         add, products + static_cast<std::size_t>(t) * kB * kConv2dBlock);
    t += m;
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace cudet
HWY_AFTER_NAMESPACE();

#endif
