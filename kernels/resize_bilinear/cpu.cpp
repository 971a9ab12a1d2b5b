#include "kernels/resize_bilinear/resize_bilinear.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/resize_bilinear/cpu.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace cudet {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// (1 − weight) · a + weight · b.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V blend(D d, V a, V b, float weight) {
  return hn::MulAdd(hn::Set(d, weight), b, hn::Mul(hn::Set(d, 1 - weight), a));
}

// Stores Lanes(d) channels from `k` on of a pixel that lies between columns `left` and `right` of two rows of x.
template <class D>
HWY_INLINE void resize(D d, const float* top, const float* bottom, std::size_t left, std::size_t right, float below,
                       float beside, int k, float* y) {
  const auto along = [&](const float* row) HWY_ATTR {
    return blend(d, hn::LoadU(d, row + left + k), hn::LoadU(d, row + right + k), beside);
  };
  hn::StoreU(blend(d, along(top), along(bottom), below), d, y + k);
}

void resize_rows(const ResizeBilinear& op, const Memory& memory, int first, int last) {
  const hn::ScalableTag<float> whole;
  const hn::CappedTag<float, 1> single;
  const int lanes = static_cast<int>(hn::Lanes(whole));
  for (int tile = first; tile < last; ++tile) {
    const int i = tile / op.y.h, v = tile % op.y.h;
    const ResizeSource row(op, v, op.x.h);
    const float* x = arena_data<float>(memory, op.x);
    const float *top = x + op.x.pixel(i, row.low, 0), *bottom = x + op.x.pixel(i, row.high, 0);
    float* y = arena_data<float>(memory, op.y) + op.y.pixel(i, v, 0);
    for (int u = 0; u < op.y.w; ++u, y += op.y.pitch) {
      const ResizeSource column(op, u, op.x.w);
      const std::size_t left = op.x.pixel(0, 0, column.low), right = op.x.pixel(0, 0, column.high);
      int k = 0;
      for (; k + lanes <= op.x.c; k += lanes) resize(whole, top, bottom, left, right, row.weight, column.weight, k, y);
      for (; k < op.x.c; ++k) resize(single, top, bottom, left, right, row.weight, column.weight, k, y);
    }
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace cudet
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cudet {

HWY_EXPORT(resize_rows);

void resize_bilinear_cpu(const ResizeBilinear& op, const Memory& memory, int first, int last) {
  HWY_DYNAMIC_DISPATCH(resize_rows)(op, memory, first, last);
}

}  // namespace cudet
#endif
