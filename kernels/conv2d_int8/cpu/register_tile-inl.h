// The register tile and the epilogue of the CPU's 8-bit convolution kernels, for Highway. Included once per target, so
// the guard below toggles.
#if defined(CUDET_KERNELS_CONV2D_INT8_CPU_REGISTER_TILE_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef CUDET_KERNELS_CONV2D_INT8_CPU_REGISTER_TILE_INL_H
#undef CUDET_KERNELS_CONV2D_INT8_CPU_REGISTER_TILE_INL_H
#else
#define CUDET_KERNELS_CONV2D_INT8_CPU_REGISTER_TILE_INL_H
#endif

#include <cstring>

#include "hwy/highway.h"
#include "kernels/conv2d/cpu/register_tile-inl.h"
#include "kernels/conv2d_int8/conv2d_int8.h"

HWY_BEFORE_NAMESPACE();
namespace cudet {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

constexpr hn::RebindToSigned<decltype(kFloats)> kInts;
constexpr hn::RebindToUnsigned<decltype(kFloats)> kBits;
constexpr hn::Rebind<std::uint8_t, decltype(kInts)> kBytes;
using Ints = hn::Vec<decltype(kInts)>;

// sums + the products of both halves of each 32-bit lane.
HWY_INLINE Ints add_products(Ints sums, Ints a, Ints b) {
#if HWY_ARCH_X86 && HWY_TARGET != HWY_EMU128 && HWY_TARGET != HWY_SCALAR
  constexpr hn::Repartition<std::int16_t, decltype(kInts)> kShorts;
  Ints none = hn::Zero(kInts);  // x86 adds pairs of neighbours and does not use the second sum
  return hn::ReorderWidenMulAccumulate(kInts, hn::BitCast(kShorts, a), hn::BitCast(kShorts, b), sums, none);
#else
  const auto odd = [](Ints v) { return hn::ShiftRight<16>(v); };
  const auto even = [](Ints v) { return hn::ShiftRight<16>(hn::ShiftLeft<16>(v)); };
  return hn::Add(sums, hn::Add(hn::Mul(even(a), even(b)), hn::Mul(odd(a), odd(b))));
#endif
}

// sums += x[pixel][0, 2 · pairs) · weight[0, pairs), each of kConv2dBlock pairs.
template <int kM, int kB>
HWY_INLINE void accumulate_pairs(const std::int16_t* const (&x)[kM], const std::int32_t* weight,
                                 std::size_t block_pairs, int pairs, Ints (&sums)[kM][kB * kVectors]) {
  HWY_UNROLL(2)
  for (int p = 0; p < pairs; ++p, weight += kConv2dBlock) {
    Ints w[kB * kVectors];
    HWY_UNROLL(16)
    for (int n = 0; n < kB * kVectors; ++n)
      w[n] = hn::LoadU(kInts, weight + n / kVectors * block_pairs + n % kVectors * kLanes);
    HWY_UNROLL(16)
    for (int m = 0; m < kM; ++m) {
      std::int32_t pair;
      std::memcpy(&pair, x[m] + 2 * p, sizeof pair);
      const Ints value = hn::Set(kInts, pair);
      HWY_UNROLL(16)
      for (int n = 0; n < kB * kVectors; ++n) sums[m][n] = add_products(sums[m][n], value, w[n]);
    }
  }
}

// x · σ(x) for an 8-bit result: error at most 5e-4 · |x|, an eighth of the quantisation step. The same algorithm as
// silu in activation-inl.h, with a shorter polynomial (minimax relative error 7.5e-5) and an approximate reciprocal of
// at least 11 bits.
HWY_INLINE Floats rough_silu(Floats x) {
  const Floats round = hn::Set(kFloats, 0x1.8p23f + 127);
  const Floats power =
      hn::Mul(hn::Min(hn::Max(x, hn::Set(kFloats, -87.0f)), hn::Set(kFloats, 87.0f)), hn::Set(kFloats, -1.44269504f));
  const Floats rounded = hn::Add(power, round);
  const Floats f = hn::Sub(power, hn::Sub(rounded, round));
  const Floats whole = hn::BitCast(kFloats, hn::ShiftLeft<23>(hn::BitCast(kBits, rounded)));
  Floats p = hn::MulAdd(hn::Set(kFloats, 0.05517166f), f, hn::Set(kFloats, 0.24261112f));
  p = hn::MulAdd(p, f, hn::Set(kFloats, 0.69326099f));
  p = hn::MulAdd(p, f, hn::Set(kFloats, 0.99992807f));
  const Floats divisor = hn::MulAdd(p, whole, hn::Set(kFloats, 1.0f));
  Floats inverse = hn::ApproximateReciprocal(divisor);
#if HWY_ARCH_ARM  // the reciprocal has 8 bits; a Newton step doubles them
  inverse = hn::Mul(inverse, hn::NegMulAdd(divisor, inverse, hn::Set(kFloats, 2.0f)));
#endif
  return hn::Mul(x, inverse);
}

// The operations after the sums: activation, residual, quantisation.
struct Epilogue {
  ActivationFunction activation;
  bool add, bytes;  // residual; y is u8
  Floats residual_scale, residual_zero, scale, zero;

  explicit Epilogue(const Conv2dInt8& op)
      : activation(op.conv.function()),
        add(op.conv.add),
        bytes(op.conv.y.type == Type::u8),
        residual_scale(hn::Set(kFloats, op.residual.scale)),
        residual_zero(hn::Set(kFloats, -op.residual.scale * static_cast<float>(op.residual.zero))),
        scale(hn::Set(kFloats, 1 / op.y.scale)),
        zero(hn::Set(kFloats, kRound + static_cast<float>(op.y.zero))) {}

  /// Whether the activation is SiLU and the result 8-bit. This is true for all but a few of a quantised network's
  /// convolutions; store_usual handles them without a branch for each vector.
  bool usual() const { return activation.kind == Activation::silu && bytes; }

  HWY_INLINE Floats added(Floats value, const std::uint8_t* residual) const {
    const Floats q = hn::ConvertTo(kFloats, hn::PromoteTo(kInts, hn::LoadU(kBytes, residual)));
    return hn::Add(value, hn::MulAdd(q, residual_scale, residual_zero));
  }
  HWY_INLINE hn::Vec<decltype(kBytes)> quantized(Floats value) const {
    // Adding 1.5 · 2^23 rounds to an integer, which is in the low bits.
    const Floats q = hn::Max(hn::MulAdd(value, scale, zero), hn::Set(kFloats, kRound));
    const auto bits = hn::BitCast(kBits, hn::Min(q, hn::Set(kFloats, kRound + 255)));
    return hn::U8FromU32(hn::And(bits, hn::Set(kBits, 255)));
  }

 private:
  static constexpr float kRound = 0x1.8p23f;
};

// Stores y = SiLU(value) + residual in 8 bits: a whole vector of an output pixel.
template <bool kAdd>
HWY_INLINE void store_usual(const Epilogue& end, Floats value, const std::uint8_t* residual, std::byte* y) {
  value = rough_silu(value);
  if constexpr (kAdd) value = end.added(value, residual);
  hn::StoreU(end.quantized(value), kBytes, reinterpret_cast<std::uint8_t*>(y));
}

// Stores y = act(value) + residual for any activation and type; only the first `channels` channels of the vector exist.
// y and residual point to the first channel's element, of the tensor's type.
HWY_INLINE void store_vector(const Epilogue& end, Floats value, const std::uint8_t* residual, std::byte* y,
                             int channels) {
  if (end.activation.kind == Activation::silu)
    value = end.bytes ? rough_silu(value) : silu(kFloats, value);
  else if (end.activation.kind != Activation::none)
    activate_vectors(kFloats, end.activation, &value, 1);
  const std::size_t count = static_cast<std::size_t>(std::min(channels, kLanes));
  if (end.add) {
    HWY_ALIGN std::uint8_t vector[kLanes] = {};
    std::memcpy(vector, residual, count);
    value = end.added(value, vector);
  }
  if (end.bytes) {
    HWY_ALIGN std::uint8_t vector[kLanes];
    hn::StoreU(end.quantized(value), kBytes, vector);
    std::memcpy(y, vector, count);
  } else {
    HWY_ALIGN float vector[kLanes];
    hn::StoreU(value, kFloats, vector);
    std::memcpy(y, vector, sizeof(float) * count);
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace cudet
HWY_AFTER_NAMESPACE();

#endif
