// Half precision: every operation rounds once, to nearest even, as on a GPU.
#pragma once
#include <cuda_runtime.h>

struct __half_raw {
  unsigned short x;
};

namespace simt {

/// f16 bits to f32, exactly. One multiplication changes the exponent's bias from 15 to 127, for subnormals too.
inline float widen(unsigned short h) {
  const float scaled = std::bit_cast<float>((h & 0x7fffu) << 13) * 0x1p112f;
  const unsigned special = scaled >= 0x1p16f ? 0x7f800000u : 0;  // infinity and NaN
  return std::bit_cast<float>(std::bit_cast<unsigned>(scaled) | special | (h & 0x8000u) << 16);
}

/// f32 to the bits of the nearest f16, ties to even. Overflow gives infinity.
inline unsigned short narrow(float f) {
  const unsigned bits = std::bit_cast<unsigned>(f), sign = bits >> 16 & 0x8000u, size = bits & 0x7fffffffu;
  unsigned half;
  if (size > 0x7f800000u)
    half = 0x7e00u | (size >> 13 & 0x3ffu);  // NaN stays NaN
  else if (size >= 0x47800000u)
    half = 0x7c00u;             // 65536 or more
  else if (size < 0x38800000u)  // below 2^-14: adding 0.5 rounds and leaves the subnormal's bits in the low end
    half = std::bit_cast<unsigned>(std::bit_cast<float>(size) + 0.5f) - 0x3f000000u;
  else
    half = (size - 0x38000000u + 0xfffu + (size >> 13 & 1u)) >> 13;
  return static_cast<unsigned short>(sign | half);
}

}  // namespace simt

struct __half {
  __half() = default;
  __half(__half_raw raw) : bits(raw.x) {}
  template <class T, class = std::enable_if_t<std::is_arithmetic_v<T>>>
  __half(T value) : bits(simt::narrow(static_cast<float>(value))) {}
  operator float() const { return simt::widen(bits); }
  operator __half_raw() const { return {bits}; }

 private:
  unsigned short bits;
};
struct alignas(4) __half2 {
  __half x, y;
  __half2() = default;
  __half2(__half low, __half high) : x(low), y(high) {}
};
using half = __half;
using half2 = __half2;

inline __half __float2half(float f) {
  return f;
}
inline __half __float2half_rn(float f) {
  return f;
}
inline float __half2float(__half h) {
  return h;
}
inline unsigned short __half_as_ushort(__half h) {
  return static_cast<__half_raw>(h).x;
}
inline __half __ushort_as_half(unsigned short bits) {
  return __half_raw{bits};
}
inline __half2 __floats2half2_rn(float low, float high) {
  return {low, high};
}
inline __half2 __float22half2_rn(float2 f) {
  return {f.x, f.y};
}
inline __half2 __float2half2_rn(float f) {
  return {f, f};
}
inline float2 __half22float2(__half2 h) {
  return {h.x, h.y};
}
inline float __low2float(__half2 h) {
  return h.x;
}
inline float __high2float(__half2 h) {
  return h.y;
}
inline __half __low2half(__half2 h) {
  return h.x;
}
inline __half __high2half(__half2 h) {
  return h.y;
}
inline __half2 __halves2half2(__half low, __half high) {
  return {low, high};
}
inline __half2 __half2half2(__half h) {
  return {h, h};
}
inline __half2 make_half2(__half low, __half high) {
  return {low, high};
}

// f32 has more than twice the bits of f16, so rounding a sum, difference, product or quotient to f32 and then to f16
// gives the correctly rounded result.
inline __half __hadd(__half a, __half b) {
  return float(a) + float(b);
}
inline __half __hsub(__half a, __half b) {
  return float(a) - float(b);
}
inline __half __hmul(__half a, __half b) {
  return float(a) * float(b);
}
inline __half __hdiv(__half a, __half b) {
  return float(a) / float(b);
}
inline __half __hneg(__half a) {
  return -float(a);
}
inline __half __habs(__half a) {
  return std::fabs(float(a));
}
inline __half __hmax(__half a, __half b) {
  return std::isnan(float(b)) || float(a) > float(b) ? a : b;
}  // the number, if the other operand is NaN
inline __half __hmin(__half a, __half b) {
  return std::isnan(float(b)) || float(a) < float(b) ? a : b;
}

/// a * b + c, rounded once. The product is exact in f32. The sum is rounded to odd, which makes the second rounding
/// correct.
inline __half __hfma(__half a, __half b, __half c) {
  const float product = float(a) * float(b), addend = c, sum = product + addend;
  const float part = sum - product, lost = (product - (sum - part)) + (addend - part);
  unsigned bits = std::bit_cast<unsigned>(sum);
  if (lost != 0 && std::isfinite(sum) && (bits & 1) == 0) bits += std::signbit(lost) == std::signbit(sum) ? 1u : ~0u;
  return std::bit_cast<float>(bits);
}
inline __half2 __hfma2(__half2 a, __half2 b, __half2 c) {
  return {__hfma(a.x, b.x, c.x), __hfma(a.y, b.y, c.y)};
}
inline __half2 __hadd2(__half2 a, __half2 b) {
  return {__hadd(a.x, b.x), __hadd(a.y, b.y)};
}
inline __half2 __hsub2(__half2 a, __half2 b) {
  return {__hsub(a.x, b.x), __hsub(a.y, b.y)};
}
inline __half2 __hmul2(__half2 a, __half2 b) {
  return {__hmul(a.x, b.x), __hmul(a.y, b.y)};
}
inline __half2 __hmax2(__half2 a, __half2 b) {
  return {__hmax(a.x, b.x), __hmax(a.y, b.y)};
}
inline __half2 __hmin2(__half2 a, __half2 b) {
  return {__hmin(a.x, b.x), __hmin(a.y, b.y)};
}

inline __half operator+(__half a, __half b) {
  return __hadd(a, b);
}
inline __half operator-(__half a, __half b) {
  return __hsub(a, b);
}
inline __half operator*(__half a, __half b) {
  return __hmul(a, b);
}
inline __half operator/(__half a, __half b) {
  return __hdiv(a, b);
}
