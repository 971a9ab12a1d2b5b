// Compares files that decoders treat in different ways with what OpenCV reads from them, as RGB, grey and BGRA, and
// checks what is refused (tests/data/make_decoder_images.py).
#include <gtest/gtest.h>

#include "apps/image/decode.h"
#include "kernels/error.h"
#include "runtime/model/file.h"
#include "runtime/model/safetensors.h"

namespace cudet::test {
namespace {

const std::string kFolder = "tests/data/images/decoders/";
constexpr std::size_t kMaxPixels = 10'000;

DecodedImage decode_file(const std::string& name, int channels = 3) {
  return decode_image(read_file(kFolder + name), name, kMaxPixels, channels);
}

std::string error_of(const std::string& name, int channels = 3) {
  try {
    decode_file(name, channels);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

bool is_built(const std::string& name) {
  return error_of(name).find("not supported by this build") == std::string::npos;
}

/// Files that OpenCV reads and detect refuses.
bool is_refused(const std::string& name) {
  return name == "signed.tif";
}

TEST(Decoders, MatchOpenCv) {
  const Safetensors expected = Safetensors::read(kFolder + "expected.safetensors");
  int compared = 0;
  for (const auto& [key, tensor] : expected.tensors()) {
    std::string name = key;
    int channels = 3;
    if (name.ends_with(".grey")) channels = 1, name.resize(name.size() - 5);
    if (name.ends_with(".bgra")) channels = 4, name.resize(name.size() - 5);
    if (is_refused(name) || !is_built(name)) continue;
    SCOPED_TRACE(key);
    const DecodedImage decoded = decode_file(name, channels);
    const Image& image = decoded.image;
    ASSERT_EQ(image.channels, channels);
    ASSERT_EQ((std::vector<std::int64_t>{image.height, image.width}),
              (std::vector<std::int64_t>{tensor.shape[0], tensor.shape[1]}));
    ASSERT_EQ(static_cast<std::size_t>(image.width) * image.height * channels, tensor.data.size());
    EXPECT_EQ(std::memcmp(image.pixels.get(), tensor.data.data(), tensor.data.size()), 0);
    ++compared;
  }
  EXPECT_GT(compared, 60);
}

TEST(Decoders, TellOfDamage) {
  for (const char* name : {"cut.jpg", "no-end.jpg", "damaged.jpg", "extraneous.jpg", "bad-end.png", "bad-text.png"}) {
    const std::string damage = decode_file(name).damage;
    EXPECT_TRUE(damage.starts_with(std::string(name) + ": the image is damaged: ")) << damage;
    EXPECT_EQ(damage.find('\n'), std::string::npos);
  }
  for (const char* name : {"restart.jpg", "arithmetic.jpg", "no-tables.jpg", "two.mpo", "gamma.png", "runs8.bmp"})
    EXPECT_EQ(decode_file(name).damage, "") << name;
}

TEST(Decoders, RefuseWhatTheyCannotRead) {
  const std::pair<const char*, const char*> cases[] = {
      {"bad-checksum.png", "CRC error"},    {"bad-data.png", "invalid PNG"},
      {"runs8-cut.bmp", "truncated"},       {"runs4-cut.bmp", "truncated"},
      {"run-too-long.bmp", "a run leaves"}, {"cut.webp", "truncated"},
      {"float.tif", "floating-point"},      {"signed.tif", "signed"}};
  for (const auto& [name, reason] : cases) {
    if (!is_built(name)) continue;
    const std::string error = error_of(name);
    EXPECT_TRUE(error.starts_with(std::string(name) + ": ")) << error;
    EXPECT_NE(error.find(reason), std::string::npos) << error;
    EXPECT_EQ(error.find('\n'), std::string::npos);
  }
}

TEST(Decoders, NeedAnAlphaChannelForFourChannels) {
  for (const char* name : {"restart.jpg", "gamma.png", "runs8.bmp", "lossy.webp", "tiles.tif"})
    if (is_built(name)) {
      EXPECT_NE(error_of(name, 4).find("no alpha channel"), std::string::npos) << name << ": " << error_of(name, 4);
    }
}

TEST(ToRgb, RepeatsGreyAndDropsAlpha) {
  Image grey(2, 1, 1), bgra(1, 2, 4);
  grey.pixels[0] = 7, grey.pixels[1] = 9;
  for (int i = 0; i < 8; ++i) bgra.pixels[i] = static_cast<std::uint8_t>(i);
  const Image one = to_rgb(grey), four = to_rgb(bgra);
  EXPECT_EQ(std::vector(one.pixels.get(), one.pixels.get() + 6), (std::vector<std::uint8_t>{7, 7, 7, 9, 9, 9}));
  EXPECT_EQ(std::vector(four.pixels.get(), four.pixels.get() + 6), (std::vector<std::uint8_t>{2, 1, 0, 6, 5, 4}));
}

TEST(Decoders, TurnTiffs) {
  if (!is_built("turned.tif")) GTEST_SKIP() << "built without libtiff";
  const Image image = decode_file("turned.tif").image, stored = decode_file("tiff_lzw.tif").image;
  ASSERT_EQ(image.width, stored.height);
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x) ASSERT_EQ(image.at(x, y)[0], stored.at(y, stored.height - 1 - x)[0]);
}

TEST(Decoders, RefuseTiffsThatDoNotSayWhatTheirChannelsAre) {
  if (!is_built("tiff_lzw.tif")) GTEST_SKIP() << "built without libtiff";
  std::vector<std::byte> file = read_file(kFolder + "tiff_lzw.tif");
  const auto at = [&](std::size_t offset) { return number(file, offset, 2, Endian::little); };
  std::size_t entry = number(file, 4, 4, Endian::little) + 2;
  while (at(entry) != 262) entry += 12;  // PhotometricInterpretation
  file[entry + 2] = std::byte{2};        // a text
  try {
    decode_image(file, "a.tif", kMaxPixels);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "a.tif: invalid TIFF: it does not say what its channels are");
  }
}

TEST(Decoders, TurnWebpsWhoseHeaderHasTheExifFlag) {
  if (!is_built("exif-6.webp")) GTEST_SKIP() << "built without libwebp";
  std::vector<std::byte> file = read_file(kFolder + "exif-6.webp");
  EXPECT_EQ(decode_image(file, "a.webp", kMaxPixels).image.width, 21);
  file[20] &= ~std::byte{8};
  EXPECT_EQ(decode_image(file, "a.webp", kMaxPixels).image.width, 27);
}

TEST(Decoders, LimitPixelsBeforeTheyAllocate) {
  for (const char* name : {"restart.jpg", "arithmetic-progressive.jpg", "rgba.png", "runs8.bmp", "lossy.webp",
                           "lossless.webp", "animated.webp", "tiles.tif", "rgb16.tif"}) {
    if (!is_built(name)) continue;
    try {
      decode_image(read_file(kFolder + name), name, 21 * 27 - 1);
      ADD_FAILURE() << name;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("27x21 pixels exceed the maximum of "), std::string::npos)
          << error.what();
    }
  }
}

TEST(Decoders, SurviveAnyByteChanged) {
  for (const char* name :
       {"arithmetic.jpg", "restart.jpg", "rgba.png", "runs4.bmp", "runs8.bmp", "lossy.webp", "alpha.webp",
        "animated-alpha.webp", "tiff_lzw.tif", "tiles.tif", "jpeg.tif", "planes.tif"}) {
    const std::vector<std::byte> file = read_file(kFolder + name);
    for (std::size_t i = 0; i < file.size(); ++i)
      for (const std::byte value : {std::byte{0}, std::byte{0xff}, file[i] ^ std::byte{0x10}}) {
        std::vector<std::byte> changed = file;
        changed[i] = value;
        try {
          decode_image(changed, "x.img", kMaxPixels);
        } catch (const Error& error) {
          ASSERT_TRUE(std::string(error.what()).starts_with("x.img: ")) << error.what();
          ASSERT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
        }
      }
  }
}

}  // namespace
}  // namespace cudet::test
