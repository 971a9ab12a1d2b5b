#include <algorithm>

#include "kernels/max_pool/max_pool.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/max_pool/cpu.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace cudet {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// The part of a window within the image: `rows` × `columns` pixels from `x` on; steps in elements.
template <class T>
struct Window {
  const T* x;
  int rows, columns;
  std::size_t row_step, column_step;
};

// Returns the larger of both; NaN if either is NaN.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V greater(D, V value, V maximum) {
  if constexpr (hwy::IsFloat<hn::TFromD<D>>())
    return hn::IfThenElse(hn::Or(hn::Gt(value, maximum), hn::IsNaN(value)), value, maximum);
  else
    return hn::Max(value, maximum);
}

// Calls f(x) for each pixel of the window.
template <class T, class F>
HWY_INLINE void for_pixels(const Window<T>& window, F f) {
  for (int r = 0; r < window.rows; ++r) {
    const T* x = window.x + r * window.row_step;
    for (int s = 0; s < window.columns; ++s, x += window.column_step) f(x);
  }
}

// Stores the maximum of Lanes(d) channels from `channel` on.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE void pool(D d, const Window<T>& window, int channel, T* y) {
  auto maximum = hn::LoadU(d, window.x + channel);
  for_pixels(window, [&](const T* x) HWY_ATTR { maximum = greater(d, hn::LoadU(d, x + channel), maximum); });
  hn::StoreU(maximum, d, y + channel);
}

// The same for 4 Lanes(d) channels, whose comparisons overlap in time.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE void pool_4(D d, const Window<T>& window, int channel, T* y) {
  const std::size_t lanes = hn::Lanes(d);
  const T* first = window.x + channel;
  auto max_0 = hn::LoadU(d, first), max_1 = hn::LoadU(d, first + lanes);
  auto max_2 = hn::LoadU(d, first + 2 * lanes), max_3 = hn::LoadU(d, first + 3 * lanes);
  for_pixels(window, [&](const T* pixel) HWY_ATTR {
    const T* x = pixel + channel;
    max_0 = greater(d, hn::LoadU(d, x), max_0);
    max_1 = greater(d, hn::LoadU(d, x + lanes), max_1);
    max_2 = greater(d, hn::LoadU(d, x + 2 * lanes), max_2);
    max_3 = greater(d, hn::LoadU(d, x + 3 * lanes), max_3);
  });
  hn::StoreU(max_0, d, y + channel);
  hn::StoreU(max_1, d, y + channel + lanes);
  hn::StoreU(max_2, d, y + channel + 2 * lanes);
  hn::StoreU(max_3, d, y + channel + 3 * lanes);
}

template <class T>
void pool_rows_as(const MaxPool& op, const Memory& memory, int first, int last) {
  const hn::ScalableTag<T> whole;
  const hn::CappedTag<T, 16 / sizeof(T)> small;
  const hn::CappedTag<T, 1> single;
  const int lanes = static_cast<int>(hn::Lanes(whole)), few = static_cast<int>(hn::Lanes(small));
  for (int tile = first; tile < last; ++tile) {
    const int i = tile / op.y.h, v = tile % op.y.h;
    const int top = v * op.stride - op.pad, row = std::max(top, 0);
    for (int u = 0; u < op.y.w; ++u) {
      const int left = u * op.stride - op.pad, column = std::max(left, 0);
      const Window<T> window{arena_data<T>(memory, op.x) + op.x.pixel(i, row, column),
                             std::min(top + op.kernel, op.x.h) - row, std::min(left + op.kernel, op.x.w) - column,
                             op.x.pixel(0, 1, 0), op.x.pixel(0, 0, 1)};
      T* y = arena_data<T>(memory, op.y) + op.y.pixel(i, v, u);
      int k = 0;
      for (; k + 4 * lanes <= op.x.c; k += 4 * lanes) pool_4(whole, window, k, y);
      for (; k + lanes <= op.x.c; k += lanes) pool(whole, window, k, y);
      for (; k + few <= op.x.c; k += few) pool(small, window, k, y);
      for (; k < op.x.c; ++k) pool(single, window, k, y);
    }
  }
}

void pool_rows(const MaxPool& op, const Memory& memory, int first, int last) {
  op.x.type == Type::u8 ? pool_rows_as<std::uint8_t>(op, memory, first, last)
                        : pool_rows_as<float>(op, memory, first, last);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace cudet
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cudet {

HWY_EXPORT(pool_rows);

void max_pool_cpu(const MaxPool& op, const Memory& memory, int first, int last) {
  HWY_DYNAMIC_DISPATCH(pool_rows)(op, memory, first, last);
}

}  // namespace cudet
#endif
