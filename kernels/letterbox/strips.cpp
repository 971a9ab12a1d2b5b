#include <algorithm>
#include <cstring>
#include <string>

#include "kernels/error.h"
#include "kernels/letterbox/nv12.h"
#include "kernels/letterbox/taps.h"

namespace cudet {
namespace {

// What rows [first, last) of the scaled picture need of a plane, one row of which serves `rows_of_one` of the
// picture's. Where the scaled picture's rows are more than two of the plane's apart, no two of their pairs meet.
PackedRows packed_rows(const Letterbox& op, int first, int last, int rows_of_one) {
  const int height = op.frame.height;
  if (height > 2L * rows_of_one * op.fit.height) return {true, first, 2 * (last - first)};
  const double step = tap_step(op.fit.height, height);
  const int from = taps(first, step, height, false).first / rows_of_one;
  return {false, from, taps(last - 1, step, height, false).second / rows_of_one - from + 1};
}

std::size_t packed_bytes(const Letterbox& op, int first, int last) {
  const PackedPlanes planes = packed_planes(op, first, last);
  return packed_pitch(op.frame) * (static_cast<std::size_t>(planes.luma.count) + planes.chroma.count);
}

// Copies the plane's rows that the scaled picture's rows [first, last) need; returns where the next plane begins.
std::uint8_t* pack(const Letterbox& op, const PackedRows& rows, const std::uint8_t* plane, int rows_of_one,
                   std::size_t row_bytes, std::uint8_t* packed) {
  const std::size_t pitch = packed_pitch(op.frame);
  const double step = tap_step(op.fit.height, op.frame.height);
  for (int r = 0; r < rows.count; ++r, packed += pitch) {
    int row = rows.first + r;
    if (rows.pairs) {
      const Taps pair = taps(rows.first + r / 2, step, op.frame.height, false);
      row = (r % 2 == 0 ? pair.first : pair.second) / rows_of_one;
    }
    std::memcpy(packed, plane + row * op.frame.stride, row_bytes);
  }
  return packed;
}

}  // namespace

PackedPlanes packed_planes(const Letterbox& op, int first, int last) {
  const int begin = std::max(first - op.fit.top, 0), end = std::min(last - op.fit.top, op.fit.height);
  if (begin >= end) return {};
  return {packed_rows(op, begin, end, 1),
          op.frame.format == PixelFormat::nv12 ? packed_rows(op, begin, end, 2) : PackedRows{}};
}

std::size_t packed_pitch(const Frame& frame) {
  return (static_cast<std::size_t>(frame.width) * channels(frame.format) + 3) / 4 * 4;
}

LetterboxStrip letterbox_strip(const Letterbox& op, int first, std::size_t bytes) {
  if (const std::size_t least = packed_bytes(op, first, first + 1); least > bytes)
    throw Error("a picture " + std::to_string(op.frame.width) + " pixels wide needs " + std::to_string(least) +
                " bytes for a row of the network's input, there is room for " + std::to_string(bytes));
  int last = first + 1;
  for (int most = op.y.h; last < most;) {  // by halves: longer strips take no fewer bytes
    const int middle = last + (most - last + 1) / 2;
    if (packed_bytes(op, first, middle) <= bytes)
      last = middle;
    else
      most = middle - 1;
  }
  return {first, last, packed_planes(op, first, last).luma.count};
}

std::size_t letterbox_pack(const Letterbox& op, const LetterboxStrip& strip, std::uint8_t* packed) {
  const Frame& frame = op.frame;
  const PackedPlanes planes = packed_planes(op, strip.first, strip.last);
  std::uint8_t* end =
      pack(op, planes.luma, frame.data, 1, static_cast<std::size_t>(frame.width) * channels(frame.format), packed);
  if (frame.format == PixelFormat::nv12)
    end = pack(op, planes.chroma, chroma_plane(frame), 2, (static_cast<std::size_t>(frame.width) + 1) / 2 * 2, end);
  return static_cast<std::size_t>(end - packed);
}

}  // namespace cudet
