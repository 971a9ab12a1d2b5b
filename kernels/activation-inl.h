// Activations on vectors of f32, for kernels written with Highway. Included once per target, so the guard below
// toggles. Error relative to the exact value: at most 4e-7 + 1e-7 · |x|. Below x = −88.3, where e^−x overflows, both
// are zero. NaN stays NaN.
#if defined(CUDET_KERNELS_ACTIVATION_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef CUDET_KERNELS_ACTIVATION_INL_H
#undef CUDET_KERNELS_ACTIVATION_INL_H
#else
#define CUDET_KERNELS_ACTIVATION_INL_H
#endif

#include "hwy/highway.h"
#include "kernels/activation.h"

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

/// x · Φ(x). Φ by the formula 7.1.26 of Abramowitz and Stegun, whose error is at most 1.5e-7.
template <class D, class V = hwy::HWY_NAMESPACE::Vec<D>>
HWY_INLINE V gelu(D d, V x) {
  namespace hn = hwy::HWY_NAMESPACE;
  const V z = hn::Mul(hn::Abs(x), hn::Set(d, 0.707106781f));
  const V t = hn::Div(hn::Set(d, 1.0f), hn::MulAdd(z, hn::Set(d, 0.3275911f), hn::Set(d, 1.0f)));
  V p = hn::Set(d, 0.5307027145f);  // half of the formula's coefficients
  p = hn::MulAdd(p, t, hn::Set(d, -0.7265760135f));
  p = hn::MulAdd(p, t, hn::Set(d, 0.7107068705f));
  p = hn::MulAdd(p, t, hn::Set(d, -0.142248368f));
  p = hn::MulAdd(p, t, hn::Set(d, 0.127414796f));
  const V power = hn::Sub(one_plus_exp_negative(d, hn::Mul(z, z)), hn::Set(d, 1.0f));
  const V tail = hn::Mul(hn::Mul(p, t), power);  // Φ(−|x|)
  return hn::Mul(x, hn::IfThenElse(hn::Lt(x, hn::Zero(d)), tail, hn::Sub(hn::Set(d, 1.0f), tail)));
}

/// x · tanh(ln(1 + e^x)) = x · (1 + 2u) / (1 + 2u + 2u²) with u = e^−x.
template <class D, class V = hwy::HWY_NAMESPACE::Vec<D>>
HWY_INLINE V mish(D d, V x) {
  namespace hn = hwy::HWY_NAMESPACE;
  const V one = hn::Set(d, 1.0f);
  // The bound keeps u finite. From e^44 on u² is infinite and the factor 0.
  const V u = hn::Sub(one_plus_exp_negative(d, hn::Max(x, hn::Set(d, -80.0f))), one);
  const V upper = hn::MulAdd(u, hn::Set(d, 2.0f), one);
  return hn::Mul(x, hn::Div(upper, hn::MulAdd(hn::Mul(u, u), hn::Set(d, 2.0f), upper)));
}

/// Applies f to `count` vectors. Not inlined: kernels call it for activations other than SiLU.
template <class D, class V = hwy::HWY_NAMESPACE::Vec<D>>
HWY_NOINLINE void activate_vectors(D d, const ActivationFunction& f, V* values, int count) {
  namespace hn = hwy::HWY_NAMESPACE;
  const V zero = hn::Zero(d), six = hn::Set(d, 6.0f);
  const auto each = [&](const auto& function) HWY_ATTR {
    for (int i = 0; i < count; ++i) values[i] = function(values[i]);
  };
  // The comparisons are false for NaN, which stays NaN.
  const auto relu6 = [&](V x) HWY_ATTR {
    return hn::IfThenElse(hn::Gt(x, six), six, hn::IfThenElse(hn::Lt(x, zero), zero, x));
  };
  switch (f.kind) {
    case Activation::none:
      return;
    case Activation::silu:
      return each([&](V x) HWY_ATTR { return silu(d, x); });
    case Activation::relu:
      return each([&](V x) HWY_ATTR { return hn::IfThenElse(hn::Lt(x, zero), zero, x); });
    case Activation::relu6:
      return each(relu6);
    case Activation::leaky_relu:
      return each([&](V x) HWY_ATTR { return hn::IfThenElse(hn::Lt(x, zero), hn::Mul(x, hn::Set(d, f.slope)), x); });
    case Activation::hardswish:
      return each(
          [&](V x) HWY_ATTR { return hn::Mul(x, hn::Mul(relu6(hn::Add(x, hn::Set(d, 3.0f))), hn::Set(d, 1.0f / 6))); });
    case Activation::gelu:
      return each([&](V x) HWY_ATTR { return gelu(d, x); });
    case Activation::mish:
      return each([&](V x) HWY_ATTR { return mish(d, x); });
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace cudet
HWY_AFTER_NAMESPACE();

#endif
