#include <cuda_fp16.h>

#include <algorithm>
#include <cstdint>

#include "kernels/launch.cuh"
#include "kernels/letterbox/nv12.h"
#include "kernels/letterbox/taps.h"
#include "kernels/ptx.cuh"

namespace cudet {
namespace {

constexpr int kTileRows = 4;  // rows per tile; a thread has the loads of all rows in flight at the same time
constexpr int kGrey = 114;    // value outside the fit

// How pixels are read. bytes: red, green and blue separately; words: 4 bytes in one access.
enum class Read { grey, bytes, words, nv12 };

struct Source {
  const std::uint8_t *data, *chroma;  // rows of the frame, or packed rows
  std::ptrdiff_t stride;
  PackedPlanes planes;
};

struct Job {
  Letterbox op;
  Source source;
  double column_step, row_step;
  int first, last;  // rows of y
  int top, bottom;  // those of them within the fit: none unless top < bottom
  int pixel_bytes;
  bool blue_first;
  bool quads;  // y's pixels are groups of four aligned elements

  CUDET_HD int tiles_across() const { return (op.y.w + kThreads - 1) / kThreads; }
  CUDET_HD int tiles() const { return tiles_across() * ((last - first + kTileRows - 1) / kTileRows); }
};

// The two rows of the frame that a row of y blends, and their weights.
struct Rows {
  const std::uint8_t *data[2], *chroma[2];
  int weight[2];
  bool within;  // whether the row is within the fit; otherwise the values are those of the nearest row that is
};

__device__ Rows find_rows(const Job& job, int v) {
  const int row = min(max(v, job.top), job.bottom - 1) - job.op.fit.top;
  const Taps tap = taps(row, job.row_step, job.op.frame.height, false);
  const Source& source = job.source;
  Rows rows{{}, {}, {tap.first_weight, tap.second_weight}, v >= job.top && v < job.bottom};
  for (int r = 0; r < 2; ++r) {
    const int from = r == 0 ? tap.first : tap.second;
    rows.data[r] = source.data + source.planes.luma.index(row, r == 1, from) * source.stride;
    if (source.chroma != nullptr)
      rows.chroma[r] = source.chroma + source.planes.chroma.index(row, r == 1, from / 2) * source.stride;
  }
  return rows;
}

template <Read kRead>
__device__ Rgb load(const std::uint8_t* data, const std::uint8_t* chroma, std::ptrdiff_t column, int bytes) {
  if (kRead == Read::grey) {
    const int value = data[column];
    return {value, value, value};
  }
  if (kRead == Read::nv12) {
    const std::uint8_t* pair = chroma + chroma_pair(column);
    return nv12_to_rgb(data[column], pair[0], pair[1]);
  }
  const std::uint8_t* pixel = data + column * bytes;
  if (kRead == Read::bytes) return {pixel[0], pixel[1], pixel[2]};
  const unsigned word = *reinterpret_cast<const unsigned*>(pixel);
  return {static_cast<int>(word & 255), static_cast<int>(word >> 8 & 255), static_cast<int>(word >> 16 & 255)};
}

// Sums of a row have 19 bits: see reference.cpp.
__device__ int blend_row(int first, int second, const Taps& x, int weight) {
  return (((first * x.first_weight + second * x.second_weight) >> 4) * weight) >> 16;
}

template <Read kRead>
__device__ Rgb blend(const Rows& rows, const Taps& x, int bytes) {
  Rgb sum{2, 2, 2};
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    const Rgb first = load<kRead>(rows.data[r], rows.chroma[r], x.first, bytes);
    const Rgb second = load<kRead>(rows.data[r], rows.chroma[r], x.second, bytes);
    sum.r += blend_row(first.r, second.r, x, rows.weight[r]);
    sum.g += blend_row(first.g, second.g, x, rows.weight[r]);
    sum.b += blend_row(first.b, second.b, x, rows.weight[r]);
  }
  return {sum.r >> 2, sum.g >> 2, sum.b >> 2};
}

// v / 255 = v * 257/65536, which is exact, + v * a small rest. Rounds like the quotient for each v of 0..255.
__device__ float unit(int value) {
  const float v = static_cast<float>(value);
  return __fmaf_rn(v, 257.0f / 65536, __fmul_rn(v, 1.0f / (255 * 65536.0f)));
}

__device__ void store_four(float* to, float a, float b, float c) {
  *reinterpret_cast<float4*>(to) = make_float4(a, b, c, 0);
}
struct alignas(8) FourHalves {
  __half2 low, high;
};
__device__ void store_four(__half* to, float a, float b, float c) {
  *reinterpret_cast<FourHalves*>(to) = {__floats2half2_rn(a, b), __floats2half2_rn(c, 0)};
}

template <class T>
__device__ void store(T* to, int pitch, bool quads, float r, float g, float b) {
  if (quads) {
    store_four(to, r, g, b);
    for (int k = 4; k < pitch; k += 4) store_four(to + k, 0, 0, 0);
  } else {
    to[0] = static_cast<T>(r);
    to[1] = static_cast<T>(g);
    to[2] = static_cast<T>(b);
    for (int k = 3; k < pitch; ++k) to[k] = static_cast<T>(0.0f);
  }
}

// A tile is kTileRows rows by one column per thread. The taps of a column are used for all rows and those of a row for
// all columns, because they are computed in double, which is slow on most devices.
template <Read kRead, class T>
__device__ void letterbox_tile(const Job& job, const Memory& memory, int tile) {
  const Letterbox& op = job.op;
  const int thread = static_cast<int>(threadIdx.x), first = job.first + tile / job.tiles_across() * kTileRows;
  const int u = tile % job.tiles_across() * kThreads + thread, column = u - op.fit.left;
  const bool any_row = job.top < job.bottom;
  Rows* rows = reinterpret_cast<Rows*>(shared_memory());  // kTileRows
  __syncthreads();                                        // all have read the rows of the tile before
  if (thread < kTileRows && any_row) rows[thread] = find_rows(job, first + thread);
  __syncthreads();
  if (u >= op.y.w) return;
  Rgb pixels[kTileRows];
  for (Rgb& pixel : pixels) pixel = {kGrey, kGrey, kGrey};
  if (any_row && column >= 0 && column < op.fit.width) {
    const Taps x = taps(column, job.column_step, op.frame.width, true);
#pragma unroll
    for (int r = 0; r < kTileRows; ++r) {  // all loads come before any store, without branches
      const Rgb pixel = blend<kRead>(rows[r], x, job.pixel_bytes);
      if (rows[r].within) pixels[r] = pixel;
    }
  }
  T* y = arena_data<T>(memory, op.y) + op.y.pixel(op.image, first, u);
#pragma unroll
  for (int r = 0; r < kTileRows; ++r, y += op.y.pixel(0, 1, 0))
    if (first + r < job.last) {
      const Rgb& p = pixels[r];
      store(y, op.y.pitch, job.quads, unit(job.blue_first ? p.b : p.r), unit(p.g), unit(job.blue_first ? p.r : p.b));
    }
}

template <Read kRead, class T>
__global__ void __launch_bounds__(kThreads)
    letterbox_kernel(const __grid_constant__ Job job, const __grid_constant__ Memory memory) {
  for (int tile = static_cast<int>(blockIdx.x); tile < job.tiles(); tile += static_cast<int>(gridDim.x))
    letterbox_tile<kRead, T>(job, memory, tile);
}

// For networks whose input has another number of channels than 3: those of the frame, in its order. A thread computes a
// pixel of y.
template <class T>
__global__ void __launch_bounds__(kThreads)
    letterbox_channels_kernel(const __grid_constant__ Job job, const __grid_constant__ Memory memory) {
  const Letterbox& op = job.op;
  const int pixels = (job.last - job.first) * op.y.w;
  for (int i = static_cast<int>(blockIdx.x * kThreads + threadIdx.x); i < pixels;
       i += static_cast<int>(gridDim.x) * kThreads) {
    const int v = job.first + i / op.y.w, u = i % op.y.w, column = u - op.fit.left;
    const bool within = v >= job.top && v < job.bottom && column >= 0 && column < op.fit.width;
    T* y = arena_data<T>(memory, op.y) + op.y.pixel(op.image, v, u);
    Rows rows{};
    Taps x{};
    if (within) rows = find_rows(job, v), x = taps(column, job.column_step, op.frame.width, true);
    for (int k = 0; k < op.y.pitch; ++k) {
      int value = kGrey;
      if (within && k < op.y.c) {
        value = 2;
        for (int r = 0; r < 2; ++r)
          value +=
              blend_row(rows.data[r][static_cast<std::ptrdiff_t>(x.first) * job.pixel_bytes + k],
                        rows.data[r][static_cast<std::ptrdiff_t>(x.second) * job.pixel_bytes + k], x, rows.weight[r]);
        value >>= 2;
      }
      y[k] = static_cast<T>(k < op.y.c ? unit(value) : 0.0f);
    }
  }
}

Read how_to_read(const Frame& frame, const Source& source) {
  if (frame.format == PixelFormat::nv12) return Read::nv12;
  if (frame.format == PixelFormat::grey) return Read::grey;
  const bool aligned =
      (reinterpret_cast<std::uintptr_t>(source.data) | static_cast<std::uintptr_t>(source.stride)) % 4 == 0;
  return channels(frame) == 4 && aligned ? Read::words : Read::bytes;
}

template <Read kRead>
void launch_letterbox(const Job& job, const Memory& memory, const CudaStream& on) {
  launch("letterbox", on, std::min(job.tiles(), kBlocksPerMultiprocessor * on.multiprocessors),
         kTileRows * sizeof(Rows),
         job.op.y.type == Type::f16 ? letterbox_kernel<kRead, __half> : letterbox_kernel<kRead, float>, job, memory);
}

void letterbox(const Letterbox& op, const Source& source, int first, int last, const Memory& memory,
               const CudaStream& on) {
  const Frame& frame = op.frame;
  const std::size_t four = 4 * size_of(op.y.type), pixel = op.y.pitch * size_of(op.y.type);
  const std::uintptr_t y = reinterpret_cast<std::uintptr_t>(memory.arena + op.y.offset);
  const Job job{op,
                source,
                tap_step(op.fit.width, frame.width),
                tap_step(op.fit.height, frame.height),
                first,
                last,
                std::max(first, op.fit.top),
                std::min(last, op.fit.top + op.fit.height),
                channels(frame),
                frame.format == PixelFormat::bgr || frame.format == PixelFormat::bgra,
                y % four == 0 && pixel % four == 0};
  if (op.y.c != 3)
    return launch("letterbox", on,
                  std::min(ceil_div((last - first) * op.y.w, kThreads), kBlocksPerMultiprocessor * on.multiprocessors),
                  0, op.y.type == Type::f16 ? letterbox_channels_kernel<__half> : letterbox_channels_kernel<float>, job,
                  memory);
  switch (how_to_read(frame, source)) {
    case Read::grey:
      return launch_letterbox<Read::grey>(job, memory, on);
    case Read::bytes:
      return launch_letterbox<Read::bytes>(job, memory, on);
    case Read::words:
      return launch_letterbox<Read::words>(job, memory, on);
    case Read::nv12:
      return launch_letterbox<Read::nv12>(job, memory, on);
  }
}

}  // namespace

void letterbox_strip_cuda(const Letterbox& op, const LetterboxStrip& strip, const std::uint8_t* packed,
                          const Memory& memory, const CudaStream& on) {
  const std::size_t pitch = packed_pitch(op.frame);
  const PackedPlanes planes = packed_planes(op, strip.first, strip.last);
  const bool nv12 = op.frame.format == PixelFormat::nv12 && planes.luma.count > 0;
  const Source source{packed, nv12 ? packed + planes.luma.count * pitch : nullptr, static_cast<std::ptrdiff_t>(pitch),
                      planes};
  letterbox(op, source, strip.first, strip.last, memory, on);
}

void letterbox_cuda(const Letterbox& op, const Memory& memory, const CudaStream& on) {
  const Frame& frame = op.frame;
  const bool nv12 = frame.format == PixelFormat::nv12;
  letterbox(op, {frame.data, nv12 ? chroma_plane(frame) : nullptr, frame.stride, {}}, 0, op.y.h, memory, on);
}

}  // namespace cudet
