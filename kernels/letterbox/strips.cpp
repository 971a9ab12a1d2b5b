#include <algorithm>
#include <cstring>
#include <string>

#include "kernels/error.h"
#include "kernels/letterbox/nv12.h"
#include "kernels/letterbox/taps.h"

namespace cudet {
namespace {

// Returns the rows of a plane that rows [first, last) of the scaled image need. A row of the plane covers
// `rows_per_plane_row` rows of the frame. If rows of the scaled image are more than two rows of the plane apart, their
// pairs of taps do not overlap.
PackedRows packed_rows(const Letterbox& op, int first, int last, int rows_per_plane_row) {
  const int height = op.frame.height;
  if (height > 2L * rows_per_plane_row * op.fit.height) return {true, first, 2 * (last - first)};
  const double step = tap_step(op.fit.height, height);
  const int from = taps(first, step, height, false).first / rows_per_plane_row;
  return {false, from, taps(last - 1, step, height, false).second / rows_per_plane_row - from + 1};
}

std::size_t packed_bytes(const Letterbox& op, int first, int last) {
  const PackedPlanes planes = packed_planes(op, first, last);
  return packed_pitch(op.frame) * (static_cast<std::size_t>(planes.luma.count) + planes.chroma.count);
}

// Copies the plane's `rows` to `packed`. Returns the address after them, at which the next plane begins.
std::uint8_t* pack(const Letterbox& op, const PackedRows& rows, const std::uint8_t* plane, int rows_per_plane_row,
                   std::size_t row_bytes, std::uint8_t* packed) {
  const std::size_t pitch = packed_pitch(op.frame);
  const double step = tap_step(op.fit.height, op.frame.height);
  for (int r = 0; r < rows.count; ++r, packed += pitch) {
    int row = rows.first + r;
    if (rows.pairs) {
      const Taps pair = taps(rows.first + r / 2, step, op.frame.height, false);
      row = (r % 2 == 0 ? pair.first : pair.second) / rows_per_plane_row;
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
  return (static_cast<std::size_t>(frame.width) * channels(frame) + 3) / 4 * 4;
}

LetterboxStrip letterbox_strip(const Letterbox& op, int first, std::size_t bytes) {
  if (const std::size_t needed = packed_bytes(op, first, first + 1); needed > bytes)
    throw Error("an image " + std::to_string(op.frame.width) + " pixels wide needs " + std::to_string(needed) +
                " bytes per row of the network's input, there is room for " + std::to_string(bytes));
  int last = first + 1;
  for (int limit = op.y.h; last < limit;) {  // bisection: longer strips take at least as many bytes
    const int middle = last + (limit - last + 1) / 2;
    if (packed_bytes(op, first, middle) <= bytes)
      last = middle;
    else
      limit = middle - 1;
  }
  return {first, last, packed_planes(op, first, last).luma.count};
}

std::size_t letterbox_pack(const Letterbox& op, const LetterboxStrip& strip, std::uint8_t* packed) {
  const Frame& frame = op.frame;
  const PackedPlanes planes = packed_planes(op, strip.first, strip.last);
  std::uint8_t* end =
      pack(op, planes.luma, frame.data, 1, static_cast<std::size_t>(frame.width) * channels(frame), packed);
  if (frame.format == PixelFormat::nv12)
    end = pack(op, planes.chroma, chroma_plane(frame), 2, (static_cast<std::size_t>(frame.width) + 1) / 2 * 2, end);
  return static_cast<std::size_t>(end - packed);
}

}  // namespace cudet
