#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <string>

#include "kernels/error.h"
#include "kernels/letterbox/nv12.h"
#include "kernels/letterbox/taps.h"
#include "tests/kernels/picture.h"

namespace cudet::test {

struct StripsCase {
  int width, height;
  PixelFormat format;
  Extent input;
  bool bottom_up;
};

const std::vector<StripsCase> kStripsCases = {
    {64, 48, PixelFormat::rgb, {96, 96}, false},    // enlarged
    {63, 100, PixelFormat::bgr, {70, 64}, true},    // shrunk by less than 2
    {64, 64, PixelFormat::rgba, {32, 32}, false},   // shrunk by 2
    {30, 203, PixelFormat::grey, {64, 32}, true},   // shrunk by 3.2
    {33, 101, PixelFormat::nv12, {128, 64}, true},  // enlarged
    {64, 99, PixelFormat::nv12, {32, 32}, false},   // shrunk by 3.1: two luma rows per row, every chroma row
    {35, 301, PixelFormat::nv12, {48, 32}, true},   // shrunk by 6.3: two luma and two chroma rows per row
    {300, 2, PixelFormat::nv12, {32, 64}, false},   // one row of the image, the rest is border
    {1, 1, PixelFormat::bgra, {8, 8}, true},
};

class LetterboxStripsTest : public testing::TestWithParam<StripsCase> {
 protected:
  LetterboxStripsTest()
      : picture(random_picture(GetParam().width, GetParam().height, GetParam().format, 5, GetParam().bottom_up, 1)) {
    const auto [width, height, format, input, bottom_up] = GetParam();
    op = {
        picture.frame, letterbox_fit(width, height, input), {Space::arena, Type::f32, 0, 1, input.h, input.w, 3, 3}, 0};
    nv12 = format == PixelFormat::nv12;
    row_bytes = static_cast<std::size_t>(width) * channels(format);
    max_row_bytes = packed_pitch(op.frame) * (nv12 ? 4 : 2);
  }
  // The image rows that rows [first, last) of y read.
  std::set<int> needed(int first, int last) const {
    std::set<int> rows;
    const double step = tap_step(op.fit.height, op.frame.height);
    for (int v = std::max(first - op.fit.top, 0); v < std::min(last - op.fit.top, op.fit.height); ++v) {
      const Taps tap = taps(v, step, op.frame.height, false);
      rows.insert({tap.first, tap.second});
    }
    return rows;
  }
  // Packed size of rows [first, last) of y, in bytes.
  std::size_t packed_bytes(int first, int last) const {
    std::vector<std::uint8_t> packed(packed_pitch(op.frame) * 2 * (op.frame.height + 2 * op.y.h));
    return letterbox_pack(op, {first, last, 0}, packed.data());
  }
  void expect_rows(const std::vector<std::uint8_t>& packed, const LetterboxStrip& strip) const;

  Picture picture;
  Letterbox op{};
  bool nv12;
  std::size_t row_bytes, max_row_bytes;
};

// Expects the luma rows that the strip reads, each once and in order, and no other. Expects all chroma rows that it
// reads, at most as many as luma rows, and at most all chroma rows in the range.
void LetterboxStripsTest::expect_rows(const std::vector<std::uint8_t>& packed, const LetterboxStrip& strip) const {
  const std::size_t pitch = packed_pitch(op.frame);
  const std::set<int> luma = needed(strip.first, strip.last);
  ASSERT_EQ(strip.rows, static_cast<int>(luma.size()));
  const std::uint8_t* at = packed.data();
  for (const int row : luma) {
    ASSERT_EQ(std::memcmp(at, op.frame.data + row * op.frame.stride, row_bytes), 0) << "row " << row;
    at += pitch;
  }
  if (!nv12 || luma.empty()) {
    ASSERT_EQ(at, packed.data() + packed.size());
    return;
  }
  std::set<int> missing;
  for (const int row : luma) missing.insert(row / 2);
  const std::size_t chroma_bytes = static_cast<std::size_t>(op.frame.width + 1) / 2 * 2;
  const int chroma_rows = static_cast<int>((packed.data() + packed.size() - at) / static_cast<std::ptrdiff_t>(pitch));
  EXPECT_LE(chroma_rows, std::min(strip.rows, (*luma.rbegin() - *luma.begin()) / 2 + 2));
  for (; at != packed.data() + packed.size(); at += pitch)
    for (const int row : missing)
      if (std::memcmp(at, op.frame.chroma + row * op.frame.stride, chroma_bytes) == 0) {
        missing.erase(row);
        break;
      }
  EXPECT_TRUE(missing.empty()) << "chroma row " << *missing.begin() << " is missing";
}

TEST_P(LetterboxStripsTest, CoversEveryRowOnce) {
  for (const std::size_t bytes : {max_row_bytes, max_row_bytes * 5 / 2, max_row_bytes * 1000}) {
    SCOPED_TRACE(std::to_string(bytes) + " bytes");
    for (int first = 0; first < op.y.h;) {
      const LetterboxStrip strip = letterbox_strip(op, first, bytes);
      ASSERT_EQ(strip.first, first);
      ASSERT_GT(strip.last, first);
      ASSERT_LE(strip.last, op.y.h);
      std::vector<std::uint8_t> packed(bytes);
      const std::size_t used = letterbox_pack(op, strip, packed.data());
      ASSERT_LE(used, bytes);
      packed.resize(used);
      ASSERT_NO_FATAL_FAILURE(expect_rows(packed, strip));
      if (strip.last < op.y.h) {
        EXPECT_GT(packed_bytes(first, strip.last + 1), bytes) << "one more row fits";
      }
      first = strip.last;
    }
  }
}

TEST_P(LetterboxStripsTest, ThrowsIfOneRowDoesNotFit) {
  const int first = op.fit.top + op.fit.height / 2;
  const std::size_t row_bytes_needed = packed_bytes(first, first + 1);
  EXPECT_NO_THROW(letterbox_strip(op, first, row_bytes_needed));
  EXPECT_THROW(letterbox_strip(op, first, row_bytes_needed - 1), Error);
  if (op.fit.top == 0) return;
  const LetterboxStrip border = letterbox_strip(op, 0, 0);  // the border needs no image rows
  EXPECT_EQ(border.last, op.fit.top);
  EXPECT_EQ(border.rows, 0);
  EXPECT_EQ(letterbox_pack(op, border, nullptr), 0u);
}

INSTANTIATE_TEST_SUITE_P(Pictures, LetterboxStripsTest, testing::ValuesIn(kStripsCases));

}  // namespace cudet::test
