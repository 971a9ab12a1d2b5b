// Tests of reading the orientation from valid and invalid TIFF blocks, and of applying it to pixels.
#include "apps/image/exif.h"

#include <gtest/gtest.h>

namespace cudet::test {
namespace {

std::vector<unsigned char> block(char order, unsigned char orientation) {
  if (order == 'I') return {'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0};
  return {'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0};
}

int read_orientation(const std::vector<unsigned char>& bytes) {
  return exif_orientation(std::as_bytes(std::span(bytes)));
}

TEST(ExifOrientation, IsReadInBothByteOrders) {
  for (unsigned char value = 1; value <= 8; ++value) {
    EXPECT_EQ(read_orientation(block('I', value)), value);
    EXPECT_EQ(read_orientation(block('M', value)), value);
  }
}

TEST(ExifOrientation, IsReadWithAnyTypeAndCount) {
  std::vector<unsigned char> other = block('I', 6);
  other[12] = 4, other[14] = 9;
  EXPECT_EQ(read_orientation(other), 6);
}

TEST(ExifOrientation, IsUprightIfTheBlockIsInvalid) {
  EXPECT_EQ(read_orientation({}), 1);
  EXPECT_EQ(read_orientation(block('I', 0)), 1);
  EXPECT_EQ(read_orientation(block('I', 9)), 1);
  std::vector<unsigned char> far = block('I', 6);
  far[4] = far[5] = far[6] = far[7] = 0xff;  // the directory is past the end
  EXPECT_EQ(read_orientation(far), 1);
  std::vector<unsigned char> many = block('I', 6);
  many[8] = many[9] = 0xff;  // more entries than the block holds
  many[10] = 0;
  EXPECT_EQ(read_orientation(many), 1);
  for (std::size_t size = 0; size < block('M', 6).size(); ++size) {
    std::vector<unsigned char> cut = block('M', 6);
    cut.resize(size);
    EXPECT_EQ(read_orientation(cut), 1) << size;
  }
}

// Pixels are letters: the stored image is "abc / def"; `expected` is the upright image for each orientation.
TEST(Upright, TurnsAndMirrors) {
  const char* const expected[8] = {"abc/def",  "cba/fed",  "fed/cba",  "def/abc",
                                   "ad/be/cf", "da/eb/fc", "fc/eb/da", "cf/be/ad"};
  for (int orientation = 1; orientation <= 8; ++orientation) {
    Image stored(3, 2);
    for (int i = 0; i < 6; ++i)
      for (int k = 0; k < 3; ++k) stored.pixels[3 * i + k] = static_cast<std::uint8_t>('a' + i);
    const Image image = upright(std::move(stored), orientation);
    std::string rows;
    for (int y = 0; y < image.height; ++y) {
      if (y > 0) rows += '/';
      for (int x = 0; x < image.width; ++x) rows += static_cast<char>(image.at(x, y)[2]);
    }
    EXPECT_EQ(rows, expected[orientation - 1]) << orientation;
  }
}

// The image is larger than one tile in both directions.
TEST(Upright, TwiceMirroredIsTheSame) {
  for (const int orientation : {2, 3, 4, 5, 7}) {
    Image stored(71, 45);
    for (int i = 0; i < 71 * 45 * 3; ++i) stored.pixels[i] = static_cast<std::uint8_t>(i * 31 % 251);
    const std::vector<std::uint8_t> before(stored.pixels.get(), stored.pixels.get() + 71 * 45 * 3);
    const Image image = upright(upright(std::move(stored), orientation), orientation);
    EXPECT_EQ(std::vector<std::uint8_t>(image.pixels.get(), image.pixels.get() + 71 * 45 * 3), before) << orientation;
  }
}

}  // namespace
}  // namespace cudet::test
