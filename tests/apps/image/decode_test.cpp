// Compares decoded images of each kind with the output of OpenCV, and checks that invalid files are rejected.
#include "apps/image/decode.h"

#include <gtest/gtest.h>

#include "kernels/error.h"
#include "runtime/model/file.h"
#include "runtime/model/safetensors.h"

namespace cudet::test {
namespace {

const std::string kImages = "tests/data/images/";
constexpr std::size_t kMaxPixels = 1'000'000;

DecodedImage decode_file(const std::string& name) {
  return decode_image(read_file(kImages + name), name, kMaxPixels);
}

std::string error_of(Bytes file, std::size_t max_pixels = kMaxPixels) {
  try {
    decode_image(file, "x.img", max_pixels);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::string error_of(const std::vector<unsigned char>& file, std::size_t max_pixels = kMaxPixels) {
  return error_of(std::as_bytes(std::span(file)), max_pixels);
}

void put(std::vector<unsigned char>& file, std::size_t offset, int size, unsigned value, Endian endian) {
  for (int i = 0; i < size; ++i)
    file[offset + i] = static_cast<unsigned char>(value >> 8 * (endian == Endian::little ? i : size - 1 - i));
}

/// Returns a file of `size` bytes with the header of a 24-bit BMP of width x height pixels.
std::vector<unsigned char> bmp_with_header(std::size_t size, unsigned width, unsigned height) {
  std::vector<unsigned char> file(size);
  file[0] = 'B', file[1] = 'M';
  put(file, 10, 4, 54, Endian::little);
  put(file, 14, 4, 40, Endian::little);
  put(file, 18, 4, width, Endian::little);
  put(file, 22, 4, height, Endian::little);
  put(file, 26, 2, 1, Endian::little);
  put(file, 28, 2, 24, Endian::little);
  return file;
}

class DecodeImage : public testing::TestWithParam<const char*> {};

TEST_P(DecodeImage, MatchesOpenCv) {
  static const Safetensors all = Safetensors::read(kImages + "expected.safetensors");
  const StoredTensor* expected = all.find(GetParam());
  ASSERT_NE(expected, nullptr);
  const Image image = decode_file(GetParam()).image;
  ASSERT_EQ((std::vector<std::int64_t>{image.height, image.width, 3}), expected->shape);
  for (std::size_t i = 0; i < expected->data.size(); ++i)
    ASSERT_EQ(image.pixels[i], std::to_integer<int>(expected->data[i])) << "byte " << i;
}

INSTANTIATE_TEST_SUITE_P(Kinds, DecodeImage,
                         testing::Values("baseline.jpg", "progressive.jpg", "full-chroma.jpg", "grey.jpg", "cmyk.jpg",
                                         "exif-1.jpg", "exif-2.jpg", "exif-3.jpg", "exif-4.jpg", "exif-5.jpg",
                                         "exif-6.jpg", "exif-7.jpg", "exif-8.jpg", "rgb.png", "grey.png", "bilevel.png",
                                         "rgba.png", "grey-alpha.png", "palette.png", "rgb16.png", "grey16.png",
                                         "interlaced.png", "exif-6.png", "palette1.bmp", "palette4.bmp", "palette8.bmp",
                                         "rgb24.bmp", "top-down.bmp", "rgb32.bmp", "rgb555.bmp", "rgb565.bmp"),
                         [](const auto& test) {
                           std::string name = test.param;
                           for (char& c : name)
                             if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
                           return name;
                         });

TEST(DecodeImage, TellsTheFormat) {
  EXPECT_EQ(decode_file("baseline.jpg").format, ImageFormat::jpeg);
  EXPECT_EQ(decode_file("rgb.png").format, ImageFormat::png);
  EXPECT_EQ(decode_file("rgb24.bmp").format, ImageFormat::bmp);
}

TEST(DecodeImage, RefusesFilesTruncatedAnywhere) {
  for (const char* name : {"palette.png", "rgb.png", "palette4.bmp"}) {
    const std::vector<std::byte> file = read_file(kImages + name);
    for (std::size_t size = 0; size < file.size(); ++size) {
      const std::string error = error_of(Bytes(file).first(size));
      ASSERT_TRUE(error.starts_with("x.img: ")) << name << " cut to " << size << ": " << error;
      ASSERT_EQ(error.find('\n'), std::string::npos);
    }
  }
  for (const char* name : {"cut-rgb.png", "cut-rgb24.bmp"}) EXPECT_THROW(decode_file(name), Error) << name;
}

TEST(DecodeImage, ReadsTruncatedJpegsAsFarAsTheyGo) {
  for (const char* name : {"baseline.jpg", "progressive.jpg", "grey.jpg", "cmyk.jpg"}) {
    const std::vector<std::byte> file = read_file(kImages + name);
    std::size_t decoded = 0;
    for (std::size_t size = 0; size < file.size(); ++size) {
      try {
        const DecodedImage image = decode_image(Bytes(file).first(size), "x.img", kMaxPixels);
        ASSERT_EQ(image.image.width, 37);
        ASSERT_TRUE(image.damage.starts_with("x.img: the image is damaged: ")) << image.damage;
        ++decoded;
      } catch (const Error& error) {
        ASSERT_TRUE(std::string(error.what()).starts_with("x.img: ")) << error.what();
        // A cut in the tables between the scans of a progressive JPEG is an error, as in OpenCV.
        ASSERT_TRUE(decoded == 0 || std::string(name) == "progressive.jpg") << size << ": " << error.what();
      }
    }
    EXPECT_GT(decoded, 100u) << name;
  }
  EXPECT_NE(decode_file("cut-baseline.jpg").damage, "");
  EXPECT_EQ(decode_file("baseline.jpg").damage, "");
}

TEST(DecodeImage, SurvivesAnyByteChanged) {
  for (const char* name :
       {"baseline.jpg", "progressive.jpg", "cmyk.jpg", "palette.png", "interlaced.png", "palette8.bmp", "rgb565.bmp"}) {
    const std::vector<std::byte> file = read_file(kImages + name);
    for (std::size_t i = 0; i < file.size(); ++i)
      for (const std::byte value : {std::byte{0}, std::byte{0xff}, file[i] ^ std::byte{0x10}}) {
        std::vector<std::byte> changed = file;
        changed[i] = value;
        const std::string error = error_of(changed);
        ASSERT_TRUE(error.empty() || error.starts_with("x.img: ")) << error;
      }
  }
}

TEST(DecodeImage, RefusesSixtyBytesWithABmpHeaderOf65535Squared) {
  const std::string error = error_of(bmp_with_header(60, 65535, 65535), SIZE_MAX);
  EXPECT_NE(error.find("65535x65535"), std::string::npos) << error;
}

/// Returns a BMP of one pixel with the masks of its channels.
std::vector<unsigned char> bmp_with_masks(int bits, unsigned red, unsigned green, unsigned blue, unsigned pixel) {
  std::vector<unsigned char> file = bmp_with_header(70, 1, 1);
  put(file, 10, 4, 66, Endian::little);
  put(file, 28, 2, static_cast<unsigned>(bits), Endian::little);
  put(file, 30, 4, 3, Endian::little);
  put(file, 54, 4, red, Endian::little);
  put(file, 58, 4, green, Endian::little);
  put(file, 62, 4, blue, Endian::little);
  put(file, 66, 4, pixel, Endian::little);
  return file;
}

std::vector<int> pixel_of(const std::vector<unsigned char>& file) {
  const Image image = decode_image(std::as_bytes(std::span(file)), "masks.bmp", SIZE_MAX).image;
  return {image.pixels[0], image.pixels[1], image.pixels[2]};
}

TEST(DecodeImage, ScalesTheChannelsOfBmpsWithMasks) {
  EXPECT_EQ(pixel_of(bmp_with_masks(32, 0x3ff00000, 0xffc00, 0x3ff, 0x3ff801ff)), (std::vector{255, 127, 127}));
  EXPECT_EQ(pixel_of(bmp_with_masks(32, 0x7c00, 0x3e0, 0x1f, 31 << 10 | 16 << 5 | 1)), (std::vector{255, 131, 8}));
  EXPECT_EQ(pixel_of(bmp_with_masks(32, 0xff, 0xff00, 0x80000000, 0x80030201)), (std::vector{1, 2, 255}));
  EXPECT_EQ(pixel_of(bmp_with_masks(16, 0x7c00, 0x3e0, 0x1f, 31 << 10 | 16 << 5 | 1)), (std::vector{248, 128, 8}));
}

TEST(DecodeImage, RefusesBmpsWithWrongMasks) {
  EXPECT_NE(error_of(bmp_with_masks(32, 0xff0008, 0xff00, 0xff, 0)).find("not contiguous"), std::string::npos);
  EXPECT_NE(error_of(bmp_with_masks(32, 0xff0000, 0, 0xff, 0)).find("not contiguous"), std::string::npos);
  EXPECT_NE(error_of(bmp_with_masks(16, 0xf00, 0xf0, 0xf, 0)).find("5-6-5"), std::string::npos);
}

TEST(DecodeImage, RefusesBmpsWithWrongHeaders) {
  std::vector<unsigned char> file = bmp_with_header(2000, 1, 1);
  put(file, 28, 2, 8, Endian::little);
  put(file, 46, 4, 257, Endian::little);
  EXPECT_NE(error_of(file).find("257 colours"), std::string::npos);
  put(file, 46, 4, 256, Endian::little);
  EXPECT_EQ(error_of(file), "");
  put(file, 14, 4, 41, Endian::little);
  EXPECT_NE(error_of(file).find("unknown BMP version"), std::string::npos);
}

/// Returns a BMP of 3x2 pixels in run lengths.
std::vector<unsigned char> bmp_with_runs(int bits, std::initializer_list<unsigned char> runs) {
  std::vector<unsigned char> file = bmp_with_header(54 + (4u << bits), 3, 2);
  put(file, 10, 4, 54 + (4u << bits), Endian::little);
  put(file, 28, 2, static_cast<unsigned>(bits), Endian::little);
  put(file, 30, 4, bits == 8 ? 1 : 2, Endian::little);
  file.insert(file.end(), runs);
  return file;
}

TEST(DecodeImage, RefusesRunsOfBmpsAfterAFullRow) {
  EXPECT_EQ(error_of(bmp_with_runs(8, {3, 1, 3, 1, 0, 1})), "") << "run, run, end";
  EXPECT_EQ(error_of(bmp_with_runs(8, {3, 1, 0, 3, 1, 1, 1, 0, 0, 1})), "") << "run, literal pixels, end";
  EXPECT_EQ(error_of(bmp_with_runs(8, {0, 3, 1, 1, 1, 0, 0, 0, 3, 1, 0, 1})), "")
      << "literal pixels, end of row, run, end";
  const char* why = "a run leaves the image";
  EXPECT_NE(error_of(bmp_with_runs(8, {0, 3, 1, 1, 1, 0, 3, 1, 0, 1})).find(why), std::string::npos);
  EXPECT_NE(error_of(bmp_with_runs(4, {3, 1, 3, 1, 0, 1})).find(why), std::string::npos);
  EXPECT_NE(error_of(bmp_with_runs(4, {0, 3, 1, 1, 3, 1, 0, 1})).find(why), std::string::npos);
}

TEST(DecodeImage, RefusesBmpsWithoutASize) {
  EXPECT_NE(error_of(bmp_with_header(60, 0, 1)), "");
  EXPECT_NE(error_of(bmp_with_header(60, 1, 0)), "");
  EXPECT_NE(error_of(bmp_with_header(60, 0x80000000u, 1)), "");
  EXPECT_NE(error_of(bmp_with_header(60, 1, 0x80000000u)), "");
  EXPECT_EQ(error_of(bmp_with_header(60, 1, 1)), "");
}

TEST(DecodeImage, RefusesAPngHeaderOf60000Squared) {
  const std::vector<std::byte> file = read_file(kImages + "rgb.png");
  std::vector<unsigned char> changed(file.size());
  std::memcpy(changed.data(), file.data(), file.size());
  put(changed, 16, 4, 60000, Endian::big);
  put(changed, 20, 4, 60000, Endian::big);
  put(changed, 29, 4, 0x0fb0e215, Endian::big);  // the checksum
  const std::string error = error_of(changed, 100'000'000);
  EXPECT_NE(error.find("60000x60000"), std::string::npos) << error;
  EXPECT_NE(error.find("--max-pixels"), std::string::npos) << error;
}

TEST(DecodeImage, DoesNotAllocateTheLengthThatAPngChunkStates) {
  const std::vector<std::byte> file = read_file(kImages + "rgb.png");
  for (const char* type : {"eXIf", "iCCP", "PLTE", "abCd"}) {
    std::vector<unsigned char> changed(file.size() + 8);
    constexpr std::size_t kAfterHeader = 33;
    std::memcpy(changed.data(), file.data(), kAfterHeader);
    put(changed, kAfterHeader, 4, 0x7fff0000, Endian::big);
    std::memcpy(changed.data() + kAfterHeader + 4, type, 4);
    std::memcpy(changed.data() + kAfterHeader + 8, file.data() + kAfterHeader, file.size() - kAfterHeader);
    EXPECT_TRUE(error_of(changed).starts_with("x.img: invalid PNG: ")) << type << error_of(changed);
  }
}

TEST(DecodeImage, LimitsPixelsOfEveryFormat) {
  for (const char* name : {"baseline.jpg", "rgb.png", "rgb24.bmp"}) {
    const std::vector<std::byte> file = read_file(kImages + name);
    EXPECT_EQ(error_of(file, 29 * 37), "") << name;
    EXPECT_NE(error_of(file, 29 * 37 - 1).find("37x29"), std::string::npos) << name;
  }
}

TEST(DecodeImage, RefusesJpegsWithTooManyScans) {
  const std::vector<std::byte> file = read_file(kImages + "progressive.jpg");
  const auto find = [&](std::size_t from, int marker) {
    while (file[from] != std::byte{0xff} || std::to_integer<int>(file[from + 1]) != marker) ++from;
    return from;
  };
  const std::size_t scan = find(0, 0xda), next = std::min(find(scan + 2, 0xda), find(scan + 2, 0xc4));
  std::vector<std::byte> many(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(scan));
  for (int i = 0; i < 120; ++i)
    many.insert(many.end(), file.begin() + static_cast<std::ptrdiff_t>(scan),
                file.begin() + static_cast<std::ptrdiff_t>(next));
  EXPECT_NE(error_of(many).find("100 scans"), std::string::npos) << error_of(many);
}

TEST(DecodeImage, SaysWhatItReads) {
  EXPECT_NE(error_of(std::vector<unsigned char>{'G', 'I', 'F', '8'}).find("not a JPEG, PNG, BMP, WebP or TIFF image"),
            std::string::npos);
  EXPECT_NE(error_of(std::vector<unsigned char>{}).find("empty"), std::string::npos);
}

}  // namespace
}  // namespace cudet::test
