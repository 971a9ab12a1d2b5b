// A tensor: its description in a Program, and its address for kernels. C++17, because nvcc reads this header too.
#pragma once
#include <cstddef>
#include <cstdint>

#ifdef __CUDACC__
#define CUDET_HD __host__ __device__
#else
#define CUDET_HD
#endif

namespace cudet {

enum class Type : unsigned char { f32, f16, u8 };  // u8: quantised (kernels/quantization.h)
enum class Space : unsigned char { arena, weights };

/// Bytes of one element.
CUDET_HD constexpr std::size_t size_of(Type type) {
  return type == Type::f32 ? 4 : type == Type::f16 ? 2 : 1;
}

/// Plain data, the same for every executor. Layout N,H,W,C.
/// If `pitch > c`, the tensor is a slice of a wider tensor's channels. Slices let Concat work without copies.
struct Tensor {
  Space space;
  Type type;
  std::size_t offset;  // bytes from the start of the space, a multiple of the element size
  int n, h, w, c;      // images, rows, columns, channels
  int pitch;           // elements from one pixel to the next, >= c

  /// Index of the first element of pixel (image i, row y, column x).
  CUDET_HD std::size_t pixel(int i, int y, int x) const {
    return ((static_cast<std::size_t>(i) * h + y) * w + x) * pitch;
  }
};

CUDET_HD constexpr bool operator==(const Tensor& a, const Tensor& b) {
  return a.space == b.space && a.type == b.type && a.offset == b.offset && a.n == b.n && a.h == b.h && a.w == b.w &&
         a.c == b.c && a.pitch == b.pitch;
}

/// Whether every run of `channels` channels, counted from a pixel's first channel, consists of whole, aligned 16-byte
/// vectors; spaces are 16-byte aligned. With 0 channels: whether every pixel starts at a multiple of 16 bytes.
CUDET_HD constexpr bool in_vectors(const Tensor& t, int channels) {
  return t.offset % 16 == 0 && t.pitch * size_of(t.type) % 16 == 0 && channels * size_of(t.type) % 16 == 0;
}

struct CudaStream;                                  // kernels/launch.cuh
constexpr std::size_t kScratchCounters = 16 << 10;  // bytes of counters at the start of a CudaStream's scratch memory
constexpr std::size_t kCpuScratch = 736 << 10;      // bytes of Memory::scratch
constexpr std::size_t kSharedByDefault = 48 << 10;  // bytes of shared memory that a block may use without opting in

/// The address of each space in the memory of the executor's processor.
struct Memory {
  std::byte* arena;
  const std::byte* weights;
  std::byte* scratch = nullptr;  // for convolutions on the CPU: kCpuScratch bytes that belong to the calling thread,
                                 // 64-byte aligned, uninitialised
};

template <class T>
CUDET_HD T* arena_data(const Memory& memory, const Tensor& t) {
  return reinterpret_cast<T*>(memory.arena + t.offset);
}
template <class T>
CUDET_HD const T* weights_data(const Memory& memory, const Tensor& t) {
  return reinterpret_cast<const T*>(memory.weights + t.offset);
}

/// A height and a width: sizes, or distances such as strides, in pixels.
struct Extent {
  int h, w;
};

CUDET_HD constexpr bool operator==(Extent a, Extent b) {
  return a.h == b.h && a.w == b.w;
}

/// a / b rounded up, for a >= 0 and b > 0.
CUDET_HD constexpr int ceil_div(int a, int b) {
  return (a + b - 1) / b;
}

}  // namespace cudet
