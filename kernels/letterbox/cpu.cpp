#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "kernels/letterbox/letterbox.h"
#include "kernels/letterbox/nv12.h"
#include "kernels/letterbox/taps.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/letterbox/cpu.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace cudet {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int kChunk = 256;  // columns whose taps are on the stack at a time, for all rows

// For each column of a chunk: bytes from the row's start to its two pixels, and their weights, in 1/2048. Columns past
// `count` are padding, so that vectors need no remainder.
struct Columns {
  std::size_t first[kChunk], second[kChunk];
  std::int32_t first_weight[kChunk], second_weight[kChunk];
  int count;
  int roomy;  // columns whose pixels are followed by a byte of the row, so that 3 bytes can be read as 4
};

// The two pixels of each column in an upper and a lower row: red, green, blue or blue, green, red, from the lowest byte
// on.
struct Pixels {
  std::uint32_t first[2][kChunk], second[2][kChunk];
};

// The two rows of the frame that a row of y blends, and their weights.
struct Rows {
  const std::uint8_t* row[2];
  const std::uint8_t* chroma[2];  // nv12
  int weight[2];
};

// Rounds half to even, for |x| < 2^22: the sum has no fractional bits. Unlike std::nearbyint this vectorises.
inline float round_even(float x) {
  return x + 0x1.8p23f - 0x1.8p23f;
}

// Computes taps() of every column, in a form that vectorises.
void find_columns(const Letterbox& op, int start, int count, Columns& columns) {
  const int size = op.frame.width, bytes = channels(op.frame);
  const double step = tap_step(op.fit.width, size);
  columns.count = count;
  for (int c = 0; c < count; ++c) {
    const float coordinate = static_cast<float>((start + c + 0.5) * step - 0.5);
    const int towards_zero = static_cast<int>(coordinate);
    const int first = towards_zero - (static_cast<float>(towards_zero) > coordinate);  // floor
    const float fraction = first < 0 || first >= size - 1 ? 0 : coordinate - static_cast<float>(first);
    columns.first[c] = static_cast<std::size_t>(std::min(std::max(first, 0), size - 1)) * bytes;
    columns.second[c] = static_cast<std::size_t>(std::min(first + 1, size - 1)) * bytes;
    columns.first_weight[c] = static_cast<int>(round_even((1 - fraction) * 2048));
    columns.second_weight[c] = static_cast<int>(round_even(fraction * 2048));
  }
  const std::size_t row_bytes = static_cast<std::size_t>(size) * bytes;
  columns.roomy = count;
  while (columns.roomy > 0 && columns.second[columns.roomy - 1] + 4 > row_bytes) --columns.roomy;
}

Rows find_rows(const Letterbox& op, int row) {
  const Taps row_taps = taps(row, tap_step(op.fit.height, op.frame.height), op.frame.height, false);
  const int from[] = {row_taps.first, row_taps.second};
  Rows rows{{}, {}, {row_taps.first_weight, row_taps.second_weight}};
  for (int r = 0; r < 2; ++r) {
    rows.row[r] = op.frame.data + from[r] * op.frame.stride;
    if (op.frame.format == PixelFormat::nv12) rows.chroma[r] = chroma_plane(op.frame) + from[r] / 2 * op.frame.stride;
  }
  return rows;
}

template <int kBytes>
inline std::uint32_t load_pixel(const std::uint8_t* at) {
  std::uint32_t pixel = 0;
  std::memcpy(&pixel, at, kBytes);
  return kBytes == 1 ? pixel * 0x010101u : pixel;
}

// Loads pixels of kBytes, as kRead bytes where these are within the row.
template <int kBytes, int kRead>
void load_pixels(const Columns& columns, const Rows& rows, Pixels& pixels) {
  const int roomy = kRead > kBytes ? columns.roomy : 0;
  for (int r = 0; r < 2; ++r) {
    const std::uint8_t* row = rows.row[r];
    for (int c = 0; c < roomy; ++c) {
      pixels.first[r][c] = load_pixel<kRead>(row + columns.first[c]);
      pixels.second[r][c] = load_pixel<kRead>(row + columns.second[c]);
    }
    for (int c = roomy; c < columns.count; ++c) {
      pixels.first[r][c] = load_pixel<kBytes>(row + columns.first[c]);
      pixels.second[r][c] = load_pixel<kBytes>(row + columns.second[c]);
    }
  }
}

void load_pixels_nv12(const Columns& columns, const Rows& rows, Pixels& pixels) {
  for (int r = 0; r < 2; ++r) {
    const std::uint8_t *row = rows.row[r], *chroma = rows.chroma[r];
    const auto load = [&](std::size_t column) {
      const std::uint8_t* pair = chroma + chroma_pair(static_cast<std::ptrdiff_t>(column));
      const Rgb rgb = nv12_to_rgb(row[column], pair[0], pair[1]);
      return static_cast<std::uint32_t>(rgb.r | rgb.g << 8 | rgb.b << 16);
    };
    for (int c = 0; c < columns.count; ++c) {
      pixels.first[r][c] = load(columns.first[c]);
      pixels.second[r][c] = load(columns.second[c]);
    }
  }
}

void load_pixels(const Frame& frame, const Columns& columns, const Rows& rows, Pixels& pixels) {
  if (frame.format == PixelFormat::nv12) return load_pixels_nv12(columns, rows, pixels);
  switch (channels(frame)) {
    case 1:
      return load_pixels<1, 1>(columns, rows, pixels);
    case 3:
      return load_pixels<3, 4>(columns, rows, pixels);
    default:
      return load_pixels<4, 4>(columns, rows, pixels);
  }
}

// Converts integers of 0..255 to elements of y.
template <class D, class V = hn::Vec<hn::RebindToSigned<D>>>
HWY_INLINE auto to_pixel(D d, V v, float) {
  // v / 255 = v · 257/65536, which is exact, + v · a small rest. Rounds like the quotient for each v of 0..255.
  const auto value = hn::ConvertTo(d, v);
  return hn::MulAdd(value, hn::Set(d, 257.0f / 65536), hn::Mul(value, hn::Set(d, 1.0f / (255 * 65536.0f))));
}
template <class D, class V = hn::Vec<hn::RebindToSigned<D>>>
HWY_INLINE auto to_pixel(D, V v, std::uint8_t) {
  return hn::DemoteTo(hn::Rebind<std::uint8_t, D>(), v);
}

// rgb: kChunk pixels of red, green, blue in 0..1, or 0..255; those past columns.count are undefined.
template <class T>
void blend(const Columns& columns, const Pixels& pixels, const int* row_weight, bool blue_first, T* rgb) {
  const hn::ScalableTag<float> df;
  const hn::RebindToSigned<decltype(df)> d;
  using V = hn::Vec<decltype(d)>;
  const V upper_weight = hn::Set(d, row_weight[0]), lower_weight = hn::Set(d, row_weight[1]);
  const auto load = [&](const std::uint32_t* from)
                        HWY_ATTR { return hn::LoadU(d, reinterpret_cast<const std::int32_t*>(from)); };
  for (int c = 0; c < columns.count; c += static_cast<int>(hn::Lanes(d))) {
    const V first_weight = hn::LoadU(d, columns.first_weight + c);
    const V second_weight = hn::LoadU(d, columns.second_weight + c);
    const V upper_first = load(pixels.first[0] + c), upper_second = load(pixels.second[0] + c);
    const V lower_first = load(pixels.first[1] + c), lower_second = load(pixels.second[1] + c);
    const auto channel = [&](int shift) HWY_ATTR {
      const auto byte = [&](V v) HWY_ATTR { return hn::And(hn::ShiftRightSame(v, shift), hn::Set(d, 255)); };
      const auto row = [&](V a, V b, V weight) HWY_ATTR {
        const V sum = hn::Add(hn::Mul(byte(a), first_weight), hn::Mul(byte(b), second_weight));
        return hn::ShiftRight<16>(hn::Mul(hn::ShiftRight<4>(sum), weight));
      };
      const V sum = hn::Add(row(upper_first, upper_second, upper_weight), row(lower_first, lower_second, lower_weight));
      return to_pixel(df, hn::ShiftRight<2>(hn::Add(sum, hn::Set(d, 2))), T());
    };
    const auto lowest = channel(0), green = channel(8), highest = channel(16);
    hn::StoreInterleaved3(blue_first ? highest : lowest, green, blue_first ? lowest : highest,
                          hn::Rebind<T, decltype(df)>(), rgb + 3 * c);
  }
}

float to_element(int value, float) {
  return static_cast<float>(value) / 255;
}
std::uint8_t to_element(int value, std::uint8_t) {
  return static_cast<std::uint8_t>(value);
}

// For networks whose input does not have 3 channels: those of the frame, in its order.
template <class T>
void blend_channels(const Letterbox& op, const Columns& columns, const Rows& rows, T* y) {
  for (int c = 0; c < columns.count; ++c, y += op.y.pitch)
    for (int k = 0; k < op.y.c; ++k) {
      int sum = 2;
      for (int r = 0; r < 2; ++r) {
        const int first = rows.row[r][columns.first[c] + static_cast<std::size_t>(k)] * columns.first_weight[c];
        const int second = rows.row[r][columns.second[c] + static_cast<std::size_t>(k)] * columns.second_weight[c];
        sum += (((first + second) >> 4) * rows.weight[r]) >> 16;
      }
      y[k] = to_element(sum >> 2, T());
    }
}

template <class T>
void resize_to(const Letterbox& op, T* y, int first, int last) {
  static_assert(HWY_MAX_BYTES / 4 <= kChunk && kChunk % (HWY_MAX_BYTES / 4) == 0, "a chunk is whole vectors");
  const bool blue_first = op.frame.format == PixelFormat::bgr || op.frame.format == PixelFormat::bgra;
  Columns columns{};
  Pixels pixels{};
  T rgb[3 * kChunk];
  for (int start = 0; start < op.fit.width; start += kChunk) {
    find_columns(op, start, std::min(kChunk, op.fit.width - start), columns);
    for (int v = first; v < last; ++v) {
      const Rows rows = find_rows(op, v - op.fit.top);
      T* to = y + op.y.pixel(0, v, op.fit.left + start);
      if (op.y.c != 3) {
        blend_channels(op, columns, rows, to);
        continue;
      }
      load_pixels(op.frame, columns, rows, pixels);
      blend(columns, pixels, rows.weight, blue_first, rgb);
      if (op.y.pitch == 3)
        std::memcpy(to, rgb, sizeof(T) * 3 * columns.count);
      else
        for (int c = 0; c < columns.count; ++c) std::memcpy(to + op.y.pixel(0, 0, c), rgb + 3 * c, sizeof(T) * 3);
    }
  }
}

// Computes rows [first, last) of y, which are all rows of the fit.
void resize(const Letterbox& op, const Memory& memory, int first, int last) {
  const std::size_t image = op.y.pixel(op.image, 0, 0);
  op.y.type == Type::u8 ? resize_to(op, arena_data<std::uint8_t>(memory, op.y) + image, first, last)
                        : resize_to(op, arena_data<float>(memory, op.y) + image, first, last);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace cudet
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cudet {

HWY_EXPORT(resize);

namespace {

template <class T>
void fill_grey(const Letterbox& op, const Memory& memory, int first, int last, T grey) {
  T* y = arena_data<T>(memory, op.y) + op.y.pixel(op.image, 0, 0);
  const auto fill = [&](int v, int from, int to) {
    T* pixel = y + op.y.pixel(0, v, from);
    for (int u = from; u < to; ++u, pixel += op.y.pitch) std::fill(pixel, pixel + op.y.c, grey);
  };
  for (int v = first; v < last; ++v) {
    const bool within = v >= op.fit.top && v < op.fit.top + op.fit.height;
    fill(v, 0, within ? op.fit.left : op.y.w);
    if (within) fill(v, op.fit.left + op.fit.width, op.y.w);
  }
}

}  // namespace

void letterbox_cpu(const Letterbox& op, const Memory& memory, int first, int last) {
  if (op.y.type == Type::u8)
    fill_grey<std::uint8_t>(op, memory, first, last, 114);
  else
    fill_grey(op, memory, first, last, 114.0f / 255);
  const int top = std::clamp(op.fit.top, first, last), bottom = std::clamp(op.fit.top + op.fit.height, first, last);
  HWY_DYNAMIC_DISPATCH(resize)(op, memory, top, bottom);
}

}  // namespace cudet
#endif
