// The parts of CUDA C++ that nvcc provides without a header, for an ordinary C++ compiler: keywords, built-in variables
// and device functions. A kernel runs as plain code on a fiber (thread.h).
#pragma once
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <source_location>
#include <type_traits>

#define __global__
#define __device__
#define __host__
#define __constant__
#define __grid_constant__
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))
#define __forceinline__ inline __attribute__((always_inline))
// __shared__ is omitted on purpose: kernels use shared_memory() of kernels/ptx.cuh.

// ---- Vectors, aligned as on a GPU, where one access reads a whole vector

#define SIMT_VECTORS(T, name, align2, align4)         \
  struct alignas(align2) name##2 {                    \
    T x, y;                                           \
  };                                                  \
  struct name##3 {                                    \
    T x, y, z;                                        \
  };                                                  \
  struct alignas(align4) name##4 {                    \
    T x, y, z, w;                                     \
  };                                                  \
  inline name##2 make_##name##2(T x, T y) {           \
    return {x, y};                                    \
  }                                                   \
  inline name##3 make_##name##3(T x, T y, T z) {      \
    return {x, y, z};                                 \
  }                                                   \
  inline name##4 make_##name##4(T x, T y, T z, T w) { \
    return {x, y, z, w};                              \
  }
SIMT_VECTORS(float, float, 8, 16)
SIMT_VECTORS(int, int, 8, 16)
SIMT_VECTORS(unsigned, uint, 8, 16)
SIMT_VECTORS(unsigned short, ushort, 4, 8)
SIMT_VECTORS(signed char, char, 2, 4)
SIMT_VECTORS(unsigned char, uchar, 2, 4)
#undef SIMT_VECTORS

struct dim3 {
  unsigned x = 1, y = 1, z = 1;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};

extern __thread uint3 threadIdx, blockIdx, blockDim, gridDim;
constexpr int warpSize = 32;

// ---- Synchronisation of threads. `site` is the source line of the call: reports name it, and it identifies a barrier.

namespace simt {
using Site = std::source_location;

/// Waits for all threads of the block. Returns the sum of their predicates.
int barrier(int predicate, Site site);
/// Waits for all lanes of the mask. ballot() returns the lanes whose predicate is true; shuffle() returns the value of
/// lane `source`.
void sync_warp(unsigned mask, Site site);
unsigned ballot(unsigned mask, bool predicate, Site site);
std::uint64_t shuffle(unsigned mask, std::uint64_t value, unsigned source, Site site);
/// The thread has read `value` at p, and may read it in a loop. If it read the same value there last time, other
/// threads and blocks run before it continues.
void polled(const void* p, std::uint64_t value, Site site);
/// The thread has written a value that others may poll. A draw decides whether other blocks run before it continues.
void news();

template <class T>
T shuffle_value(unsigned mask, T value, unsigned source, Site site) {
  static_assert(sizeof(T) <= 8);
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  bits = shuffle(mask, bits, source, site);
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
template <class T>
using Value = std::common_type_t<T>;  // an atomic's operand: T is deduced from the pointer alone
inline unsigned lane() {
  return (threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z)) % 32;
}
}  // namespace simt

#define SIMT_SITE simt::Site site = simt::Site::current()
inline void __syncthreads(SIMT_SITE) {
  simt::barrier(0, site);
}
inline int __syncthreads_count(int p, SIMT_SITE) {
  return simt::barrier(p != 0, site);
}
inline int __syncthreads_or(int p, SIMT_SITE) {
  return simt::barrier(p != 0, site) != 0;
}
inline int __syncthreads_and(int p, SIMT_SITE) {
  return simt::barrier(p == 0, site) == 0;
}
inline void __syncwarp(unsigned mask = ~0u, SIMT_SITE) {
  simt::sync_warp(mask, site);
}
inline unsigned __ballot_sync(unsigned mask, int p, SIMT_SITE) {
  return simt::ballot(mask, p != 0, site);
}
inline int __any_sync(unsigned mask, int p, SIMT_SITE) {
  return simt::ballot(mask, p != 0, site) != 0;
}
inline int __all_sync(unsigned mask, int p, SIMT_SITE) {
  return simt::ballot(mask, p != 0, site) == mask;
}
inline unsigned __activemask() {
  return 1u << simt::lane();  // CUDA does not guarantee that any other lane is active
}

template <class T>
T __shfl_sync(unsigned mask, T value, int from, int width = 32, SIMT_SITE) {
  const unsigned w = static_cast<unsigned>(width), segment = simt::lane() / w * w;
  return simt::shuffle_value(mask, value, segment + static_cast<unsigned>(from) % w, site);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, SIMT_SITE) {
  const unsigned lane = simt::lane(), position = lane % static_cast<unsigned>(width);
  return simt::shuffle_value(mask, value, position >= delta ? lane - delta : lane, site);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, SIMT_SITE) {
  const unsigned lane = simt::lane(), w = static_cast<unsigned>(width);
  return simt::shuffle_value(mask, value, lane % w + delta < w ? lane + delta : lane, site);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32, SIMT_SITE) {
  const unsigned lane = simt::lane(), w = static_cast<unsigned>(width), from = lane ^ static_cast<unsigned>(bits);
  return simt::shuffle_value(mask, value, from / w <= lane / w ? from : lane, site);
}

// ---- Atomics (relaxed, as on a GPU) and fences

inline void __threadfence() {
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
}
inline void __threadfence_block() {
  __threadfence();
}
inline void __nanosleep(unsigned, SIMT_SITE) {
  simt::polled(nullptr, 0, site);
}

template <class T>
T atomicExch(T* p, simt::Value<T> value) {
  T before;
  __atomic_exchange(p, &value, &before, __ATOMIC_RELAXED);
  simt::news();
  return before;
}
template <class T>
T atomicCAS(T* p, simt::Value<T> compare, simt::Value<T> value, SIMT_SITE) {
  if (__atomic_compare_exchange_n(p, &compare, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
    simt::news();
  else
    simt::polled(p, static_cast<std::uint64_t>(compare), site);
  return compare;
}
namespace simt {
template <class T, class Next>
T atomic(T* p, Next next) {
  T before, after;
  __atomic_load(p, &before, __ATOMIC_RELAXED);
  do after = next(before);
  while (!__atomic_compare_exchange(p, &before, &after, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
  news();
  return before;
}
}  // namespace simt
#define SIMT_ATOMIC(name, after)                           \
  template <class T>                                       \
  T atomic##name(T* p, simt::Value<T> v) {                 \
    return simt::atomic(p, [v](T b) { return T(after); }); \
  }
SIMT_ATOMIC(Add, b + v)
SIMT_ATOMIC(Sub, b - v)
SIMT_ATOMIC(Max, b < v ? v : b)
SIMT_ATOMIC(Min, v < b ? v : b)
SIMT_ATOMIC(And, b& v)
SIMT_ATOMIC(Or, b | v)
SIMT_ATOMIC(Xor, b ^ v)
#undef SIMT_ATOMIC

// ---- Arithmetic. Approximate functions are exact here: the tolerance of a test must allow for a GPU's.

template <class T>
T __ldg(const T* p) {
  return *p;
}
#define SIMT_MIN_MAX(T)    \
  inline T min(T a, T b) { \
    return b < a ? b : a;  \
  }                        \
  inline T max(T a, T b) { \
    return a < b ? b : a;  \
  }
SIMT_MIN_MAX(int)
SIMT_MIN_MAX(unsigned)
SIMT_MIN_MAX(long)
SIMT_MIN_MAX(unsigned long)
#undef SIMT_MIN_MAX
inline float min(float a, float b) {
  return std::fmin(a, b);
}
inline float max(float a, float b) {
  return std::fmax(a, b);
}

inline float __saturatef(float x) {
  return x > 0 ? std::min(x, 1.f) : 0;  // NaN gives 0
}
inline float __expf(float x) {
  return std::exp(x);
}
inline float __logf(float x) {
  return std::log(x);
}
inline float __fdividef(float a, float b) {
  return a / b;
}
inline float rsqrtf(float x) {
  return 1 / std::sqrt(x);
}
inline float __frcp_rn(float x) {
  return 1 / x;
}
inline float __fadd_rn(float a, float b) {
  return a + b;
}
inline float __fsub_rn(float a, float b) {
  return a - b;
}
inline float __fmul_rn(float a, float b) {
  return a * b;
}
inline float __fdiv_rn(float a, float b) {
  return a / b;
}
inline float __fsqrt_rn(float x) {
  return std::sqrt(x);
}
inline float __fmaf_rn(float a, float b, float c) {
  return std::fma(a, b, c);
}

inline int __float_as_int(float x) {
  return std::bit_cast<int>(x);
}
inline unsigned __float_as_uint(float x) {
  return std::bit_cast<unsigned>(x);
}
inline float __int_as_float(int x) {
  return std::bit_cast<float>(x);
}
inline float __uint_as_float(unsigned x) {
  return std::bit_cast<float>(x);
}
inline int __float2int_rd(float x) {
  return static_cast<int>(std::floor(x));
}
inline int __float2int_rn(float x) {
  return static_cast<int>(std::nearbyint(x));
}
inline int __float2int_rz(float x) {
  return static_cast<int>(x);
}
inline float __int2float_rn(int x) {
  return static_cast<float>(x);
}
inline int __popc(unsigned x) {
  return std::popcount(x);
}
inline int __ffs(int x) {
  return __builtin_ffs(x);
}
inline int __clz(int x) {
  return std::countl_zero(static_cast<unsigned>(x));
}
