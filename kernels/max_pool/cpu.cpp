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

// The window within the picture: `rows` × `columns` pixels from `x`, rows `row_step` elements apart.
template <class T>
struct Window {
  const T* x;
  int rows, columns;
  std::size_t row_step, column_step;
};

// NaN wins and stays.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V greater(D, V value, V most) {
  if constexpr (hwy::IsFloat<hn::TFromD<D>>())
    return hn::IfThenElse(hn::Or(hn::Gt(value, most), hn::IsNaN(value)), value, most);
  else
    return hn::Max(value, most);
}

// Calls f(x) for each pixel of the window.
template <class T, class F>
HWY_INLINE void for_pixels(const Window<T>& window, F f) {
  for (int r = 0; r < window.rows; ++r) {
    const T* x = window.x + r * window.row_step;
    for (int s = 0; s < window.columns; ++s, x += window.column_step) f(x);
  }
}

// The maximum for Lanes(d) channels from `channel`.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE void pool(D d, const Window<T>& window, int channel, T* y) {
  auto most = hn::LoadU(d, window.x + channel);
  for_pixels(window, [&](const T* x) HWY_ATTR { most = greater(d, hn::LoadU(d, x + channel), most); });
  hn::StoreU(most, d, y + channel);
}

// The same for 4 Lanes(d) channels, whose compares overlap in time.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE void pool_4(D d, const Window<T>& window, int channel, T* y) {
  const std::size_t lanes = hn::Lanes(d);
  const T* first = window.x + channel;
  auto most_0 = hn::LoadU(d, first), most_1 = hn::LoadU(d, first + lanes);
  auto most_2 = hn::LoadU(d, first + 2 * lanes), most_3 = hn::LoadU(d, first + 3 * lanes);
  for_pixels(window, [&](const T* pixel) HWY_ATTR {
    const T* x = pixel + channel;
    most_0 = greater(d, hn::LoadU(d, x), most_0);
    most_1 = greater(d, hn::LoadU(d, x + lanes), most_1);
    most_2 = greater(d, hn::LoadU(d, x + 2 * lanes), most_2);
    most_3 = greater(d, hn::LoadU(d, x + 3 * lanes), most_3);
  });
  hn::StoreU(most_0, d, y + channel);
  hn::StoreU(most_1, d, y + channel + lanes);
  hn::StoreU(most_2, d, y + channel + 2 * lanes);
  hn::StoreU(most_3, d, y + channel + 3 * lanes);
}

template <class T>
void pool_rows_of(const MaxPool& op, const Memory& memory, int first, int last) {
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
  op.x.type == Type::u8 ? pool_rows_of<std::uint8_t>(op, memory, first, last)
                        : pool_rows_of<float>(op, memory, first, last);
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
