// Loops over compile-time indices.
#pragma once
#include <utility>

namespace cudet {

template <class F, int... index>
__device__ __forceinline__ void unroll(F& f, std::integer_sequence<int, index...>) {
  (f(std::integral_constant<int, index>{}), ...);
}
/// Calls f(std::integral_constant<int, i>) for i from 0 to kCount - 1. In f, decltype(i)::value is a constant
/// expression, which the offsets in kernels/ptx.cuh require.
template <int kCount, class F>
__device__ __forceinline__ void unroll(F f) {
  unroll(f, std::make_integer_sequence<int, kCount>{});
}

}  // namespace cudet
