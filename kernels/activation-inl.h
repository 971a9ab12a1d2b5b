// σ and SiLU on vectors of f32, for kernels written with Highway. Included once per target, so the guard below toggles.
// Error relative to the exact value: at most 4e-7 + 1e-7 · |x|. Below x = −88.3, where e^−x overflows, both are zero.
// NaN stays NaN.
#if defined(CUDET_KERNELS_ACTIVATION_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef CUDET_KERNELS_ACTIVATION_INL_H
#undef CUDET_KERNELS_ACTIVATION_INL_H
#else
#define CUDET_KERNELS_ACTIVATION_INL_H
#endif

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace cudet {
namespace HWY_NAMESPACE {

/// 1 + e^−x, infinity if e^−x overflows. The result for NaN is unspecified; the callers handle it.
template <class D, class V = hwy::HWY_NAMESPACE::Vec<D>>
HWY_INLINE V one_plus_exp_negative(D d, V x) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::RebindToUnsigned<D> bits;
  // e^−x = 2^n · 2^f with n + f = −x · log2 e, |f| <= ½. Adding 1.5 · 2^23 rounds to the integer n, in the low bits;
  // the added 127 makes them the exponent of 2^n. At the bounds n is −127 (exponent 0, so 2^n is zero) and 128
  // (infinity).
  const V negative_log2_e = hn::Set(d, -1.44269504f);
  const V round = hn::Set(d, 0x1.8p23f + 127);
  const V bounded = hn::Min(hn::Max(x, hn::Set(d, -88.7f)), hn::Set(d, 88.0f));
  const V rounded = hn::MulAdd(bounded, negative_log2_e, round);
  const V n = hn::Sub(rounded, round);
  const V f = hn::MulSub(bounded, negative_log2_e, n);
  const V power = hn::BitCast(d, hn::ShiftLeft<23>(hn::BitCast(bits, rounded)));
  // Minimax polynomial for 2^f with p(0) = 1: relative error 1.1e-7.
  V p = hn::Set(d, 0.00132647273f);
  p = hn::MulAdd(p, f, hn::Set(d, 0.00967151299f));
  p = hn::MulAdd(p, f, hn::Set(d, 0.0555073358f));
  p = hn::MulAdd(p, f, hn::Set(d, 0.240222424f));
  p = hn::MulAdd(p, f, hn::Set(d, 0.693147004f));
  p = hn::MulAdd(p, f, hn::Set(d, 1.0f));
  return hn::MulAdd(p, power, hn::Set(d, 1.0f));
}

/// σ(x) = 1 / (1 + e^−x).
template <class D, class V = hwy::HWY_NAMESPACE::Vec<D>>
HWY_INLINE V sigmoid(D d, V x) {
  namespace hn = hwy::HWY_NAMESPACE;
  const V y = hn::Div(hn::Set(d, 1.0f), one_plus_exp_negative(d, x));
  return hn::IfThenElse(hn::IsNaN(x), x, y);
}

/// x · σ(x).
template <class D, class V = hwy::HWY_NAMESPACE::Vec<D>>
HWY_INLINE V silu(D d, V x) {
  return hwy::HWY_NAMESPACE::Div(x, one_plus_exp_negative(d, x));
}

}  // namespace HWY_NAMESPACE
}  // namespace cudet
HWY_AFTER_NAMESPACE();

#endif
