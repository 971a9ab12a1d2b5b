// The transforms of the Winograd kernel (winograd_plan.h) along one axis, for Highway. Included once per target, so the
// guard below toggles.
#if defined(CUDET_KERNELS_CONV2D_CPU_WINOGRAD_TRANSFORMS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef CUDET_KERNELS_CONV2D_CPU_WINOGRAD_TRANSFORMS_INL_H
#undef CUDET_KERNELS_CONV2D_CPU_WINOGRAD_TRANSFORMS_INL_H
#else
#define CUDET_KERNELS_CONV2D_CPU_WINOGRAD_TRANSFORMS_INL_H
#endif

#include "hwy/highway.h"
#include "kernels/conv2d/cpu/register_tile-inl.h"
#include "kernels/conv2d/cpu/winograd_plan.h"

HWY_BEFORE_NAMESPACE();
namespace cudet {
namespace HWY_NAMESPACE {
namespace {

constexpr int kOut = kWinogradOut;
constexpr int kLast = kWinogradPasses - 1;
constexpr int kRow = kOut * kLanes;  // floats from one row of a patch's sums to the next

HWY_INLINE Floats times(float factor, Floats value, Floats added) {
  return hn::MulAdd(hn::Set(kFloats, factor), value, added);
}

HWY_INLINE Floats scaled(float factor, Floats value) {
  return hn::Mul(hn::Set(kFloats, factor), value);
}

// F(4, 3). Interpolation points, by pass: 1 and −1, 2 and −2, 0 and ∞.
struct Stride1 {
  static constexpr int kStride = 1;
  static constexpr WinogradVariant kVariant = winograd_variant(kStride);
  static constexpr int kIn = kVariant.in, kRows = kVariant.rows;
  // Whether a pass's points depend on pixel i.
  static constexpr bool reads(int pass, int i) { return pass == kLast || (i > 0 && i < kIn - 1); }

  // Computes the points of a pass, Bᵀ d, into to[at], to[at + 1], …
  template <int kPass, int kN>
  static HWY_INLINE void points(const Floats (&d)[kIn], Floats (&to)[kN], int at = 0) {
    Floats &first = to[at], &second = to[at + 1];
    if constexpr (kPass == kLast) {
      first = times(4, d[0], times(-5, d[2], d[4]));
      second = times(4, d[1], times(-5, d[3], d[5]));
    } else {
      const Floats step = hn::Sub(d[3], d[1]);
      const Floats even = kPass == 0 ? times(-4, d[2], d[4]) : hn::Sub(d[4], d[2]);
      const Floats odd = kPass == 0 ? times(-4, d[1], d[3]) : hn::Add(step, step);
      first = hn::Add(even, odd);
      second = hn::Sub(even, odd);
    }
  }
  static HWY_INLINE void all_points(const Floats (&d)[kIn], Floats (&to)[kIn]) {
    points<0>(d, to, 0);
    points<1>(d, to, 2);
    points<2>(d, to, 4);
  }

  // Computes the weights of a pass's points, G g, from three taps into to[at], to[at + 1], …
  template <int kPass, int kN>
  static HWY_INLINE void weights(const Floats (&g)[3], Floats (&to)[kN], int at = 0) {
    if constexpr (kPass == kLast) {
      to[at] = scaled(1 / 4.0f, g[0]);
      to[at + 1] = g[2];
    } else {
      const Floats outer = kPass == 0 ? scaled(-1 / 6.0f, hn::Add(g[0], g[2]))
                                      : hn::Add(scaled(1 / 24.0f, g[0]), scaled(1 / 6.0f, g[2]));
      const Floats inner = scaled(kPass == 0 ? -1 / 6.0f : 1 / 12.0f, g[1]);
      to[at] = hn::Add(outer, inner);
      to[at + 1] = hn::Sub(outer, inner);
    }
  }

  // Computes the outputs, Aᵀ m, from the products at all points.
  static HWY_INLINE void outputs(const Floats (&m)[kIn], Floats (&y)[kOut]) {
    const Floats sum = hn::Add(m[0], m[1]), difference = hn::Sub(m[0], m[1]);
    const Floats sum2 = hn::Add(m[2], m[3]), difference2 = hn::Sub(m[2], m[3]);
    y[0] = hn::Add(m[4], hn::Add(sum, sum2));
    y[1] = times(2, difference2, difference);
    y[2] = times(4, sum2, sum);
    y[3] = hn::Add(m[5], times(8, difference2, difference));
  }

  // Aᵀ m in passes: adds a pass's part to the sums of four rows. The last pass returns the totals in `y`.
  template <int kPass>
  static HWY_INLINE void add(const Floats (&m)[kRows], float* sums, Floats (&y)[kOut]) {
    const auto at = [sums](int i) HWY_ATTR { return hn::Load(kFloats, sums + i * kRow); };
    const auto set = [sums](int i, Floats value) HWY_ATTR { hn::Store(value, kFloats, sums + i * kRow); };
    if constexpr (kPass == kLast) {
      y[0] = hn::Add(at(0), m[0]);
      y[1] = at(1);
      y[2] = at(2);
      y[3] = hn::Add(at(3), m[1]);
    } else {
      const Floats sum = hn::Add(m[0], m[1]), difference = hn::Sub(m[0], m[1]);
      const Floats sum1 = kPass == 0 ? sum : at(0), difference1 = kPass == 0 ? difference : at(1);
      if constexpr (kPass == 0) {
        set(0, sum1);
        set(1, difference1);
      } else {
        set(0, hn::Add(sum1, sum));
        set(1, times(2, difference, difference1));
        set(2, times(4, sum, sum1));
        set(3, times(8, difference, difference1));
      }
    }
  }
};

// The outer two of the three taps read pixels 0, 2, 4, 6 and 8: F(4, 2). The middle tap reads pixels 1, 3, 5 and 7,
// which are used as points without a transform. Points, by pass: 1, −1 and 2; 0, pixels 1 and 3; ∞, pixels 5 and 7.
struct Stride2 {
  static constexpr int kStride = 2;
  static constexpr WinogradVariant kVariant = winograd_variant(kStride);
  static constexpr int kIn = kVariant.in, kRows = kVariant.rows;
  static constexpr bool reads(int pass, int i) {
    if (i % 2 == 1) return pass == i / kOut + 1;
    return (i > 0 || pass == 1) && (i < kIn - 1 || pass == 2);
  }

  template <int kPass, int kN>
  static HWY_INLINE void points(const Floats (&d)[kIn], Floats (&to)[kN], int at = 0) {
    if constexpr (kPass == 0) {
      to[at] = times(-2, d[2], hn::Sub(d[6], d[4]));
      to[at + 1] = times(-3, d[4], times(2, d[2], d[6]));
      to[at + 2] = hn::Sub(d[6], d[2]);
    } else {
      const Floats step = hn::Sub(d[6], d[2]);
      to[at] = kPass == 1 ? times(2, hn::Sub(d[0], d[4]), step) : times(-2, step, hn::Sub(d[8], d[4]));
      to[at + 1] = d[kPass == 1 ? 1 : 5];
      to[at + 2] = d[kPass == 1 ? 3 : 7];
    }
  }
  static HWY_INLINE void all_points(const Floats (&d)[kIn], Floats (&to)[kIn]) {
    points<0>(d, to, 0);
    points<1>(d, to, 3);
    points<2>(d, to, 6);
  }

  // The second and the third pass both include the middle tap, the weight of the plain pixels.
  template <int kPass, int kN>
  static HWY_INLINE void weights(const Floats (&g)[3], Floats (&to)[kN], int at = 0) {
    if constexpr (kPass == 0) {
      to[at] = scaled(-1 / 2.0f, hn::Add(g[0], g[2]));
      to[at + 1] = scaled(-1 / 6.0f, hn::Sub(g[0], g[2]));
      to[at + 2] = scaled(1 / 6.0f, hn::Add(g[0], hn::Add(g[2], g[2])));
    } else {
      to[at] = kPass == 1 ? scaled(1 / 2.0f, g[0]) : g[1];
      to[at + 1] = kPass == 1 ? g[1] : g[2];
    }
  }

  static HWY_INLINE void outputs(const Floats (&m)[kIn], Floats (&y)[kOut]) {
    const Floats sum = hn::Add(m[0], m[1]), difference = hn::Sub(m[0], m[1]);
    y[0] = hn::Add(hn::Add(sum, m[2]), hn::Add(m[3], m[4]));
    y[1] = hn::Add(times(2, m[2], difference), m[5]);
    y[2] = hn::Add(times(4, m[2], sum), m[7]);
    y[3] = hn::Add(times(8, m[2], difference), hn::Add(m[6], m[8]));
  }

  template <int kPass>
  static HWY_INLINE void add(const Floats (&m)[kRows], float* sums, Floats (&y)[kOut]) {
    const auto at = [sums](int i) HWY_ATTR { return hn::Load(kFloats, sums + i * kRow); };
    const auto set = [sums](int i, Floats value) HWY_ATTR { hn::Store(value, kFloats, sums + i * kRow); };
    if constexpr (kPass == 0) {
      const Floats sum = hn::Add(m[0], m[1]), difference = hn::Sub(m[0], m[1]);
      set(0, hn::Add(sum, m[2]));
      set(1, times(2, m[2], difference));
      set(2, times(4, m[2], sum));
      set(3, times(8, m[2], difference));
    } else if constexpr (kPass == 1) {
      set(0, hn::Add(at(0), hn::Add(m[0], m[1])));
      set(1, hn::Add(at(1), m[2]));
    } else {
      y[0] = at(0);
      y[1] = at(1);
      y[2] = hn::Add(at(2), m[1]);
      y[3] = hn::Add(at(3), hn::Add(m[0], m[2]));
    }
  }
};

// Transforms the weights of `count` channels and one block for a pass: G g Gᵀ. `taps` are channel, 9, kConv2dBlock;
// `to` is weight, channel, kConv2dBlock, with `point` floats from one weight to the next. Each product is rounded
// separately (-ffp-contract=off forbids fused multiply-adds), so that the result is the same on all instruction sets.
template <class Variant, int kPass>
HWY_INLINE void transform_weights(const float* taps, std::size_t count, float* to, std::size_t point) {
  constexpr int kRows = Variant::kVariant.weight_rows[kPass];
  for (std::size_t e = 0; e < count * kConv2dBlock; e += kLanes) {
    const float* tap = taps + e / kConv2dBlock * 9 * kConv2dBlock + e % kConv2dBlock;
    Floats half[kRows][3];  // G g
    HWY_UNROLL(3)
    for (int s = 0; s < 3; ++s) {
      Floats g[3], rows[kRows];
      HWY_UNROLL(3)
      for (int r = 0; r < 3; ++r) g[r] = hn::LoadU(kFloats, tap + (r * 3 + s) * kConv2dBlock);
      Variant::template weights<kPass>(g, rows);
      HWY_UNROLL(3)
      for (int i = 0; i < kRows; ++i) half[i][s] = rows[i];
    }
    HWY_UNROLL(3)
    for (int i = 0; i < kRows; ++i) {
      Floats row[kWinogradSide];
      Variant::template weights<0>(half[i], row, Variant::kVariant.weight_row[0]);
      Variant::template weights<1>(half[i], row, Variant::kVariant.weight_row[1]);
      Variant::template weights<2>(half[i], row, Variant::kVariant.weight_row[2]);
      HWY_UNROLL(6)
      for (int j = 0; j < kWinogradSide; ++j) hn::StoreU(row[j], kFloats, to + (i * kWinogradSide + j) * point + e);
    }
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace cudet
HWY_AFTER_NAMESPACE();

#endif
