// Tests of drawing, and of clipping to the image.
#include "apps/image/draw.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <set>

#include "apps/image/decode.h"
#include "apps/image/encode.h"

namespace cudet::test {
namespace {

constexpr Colour kPaper = {200, 200, 200}, kRed = {220, 20, 30};

Image paper(int width, int height) {
  Image image(width, height);
  fill(image, 0, 0, width, height, kPaper);
  return image;
}

Colour pixel(const Image& image, int x, int y) {
  return {image.at(x, y)[0], image.at(x, y)[1], image.at(x, y)[2]};
}

TEST(ClassColour, IsDistinctAndLegible) {
  std::set<Colour> met;
  for (int id = 0; id < 80; ++id) met.insert(class_colour(id));
  EXPECT_EQ(met.size(), 80u);
  EXPECT_EQ(class_colour(7), class_colour(7));
  for (int id = 0; id < 80; ++id) {
    int difference = 0;
    for (int k = 0; k < 3; ++k) difference += std::abs(class_colour(id)[k] - text_colour(class_colour(id))[k]);
    EXPECT_GT(difference, 200) << id;
  }
  for (int id = 0; id < 8; ++id) {
    int difference = 0;
    for (int k = 0; k < 3; ++k) difference += std::abs(class_colour(id)[k] - class_colour(id + 1)[k]);
    EXPECT_GT(difference, 150) << id;
  }
}

TEST(DecodeUtf8, ReplacesWhatIsNotValid) {
  EXPECT_EQ(decode_utf8("aé€😀"), U"aé€😀");
  EXPECT_EQ(decode_utf8("a\tb\x7f"), U"a b ");
  EXPECT_EQ(decode_utf8("\xff z"), U"\xfffd z");
  EXPECT_EQ(decode_utf8("\xc0\x80"), U"\xfffd");      // overlong encoding
  EXPECT_EQ(decode_utf8("\xed\xa0\x80"), U"\xfffd");  // a single surrogate
  EXPECT_EQ(decode_utf8("\xe2\x82"), U"\xfffd");      // truncated
}

TEST(Painter, OutlinesABox) {
  Image image = paper(200, 100);
  const Painter painter(200, 100);
  painter.box(image, {20, 30, 120, 80}, kRed);
  EXPECT_EQ(pixel(image, 20, 30), kRed);
  EXPECT_EQ(pixel(image, 119, 79), kRed);
  EXPECT_EQ(pixel(image, 21, 50), kRed);
  EXPECT_EQ(pixel(image, 22, 50), kPaper);  // inside of a line of two pixels
  EXPECT_EQ(pixel(image, 19, 50), kPaper);  // outside
  EXPECT_EQ(pixel(image, 120, 50), kPaper);
}

TEST(Painter, ClipsBoxesToTheImage) {
  Image image = paper(60, 40);
  const Painter painter(60, 40);
  painter.box(image, {-1e30f, -5, 1e30f, 20}, kRed);
  painter.box(image, {NAN, NAN, NAN, NAN}, kRed);
  painter.box(image, {50, 30, 10, 5}, kRed);  // corners swapped
  EXPECT_EQ(pixel(image, 30, 0), kRed);
}

TEST(Painter, WritesALegibleLabel) {
  Image image = paper(400, 300);
  Painter painter(400, 300);
  const Area area = painter.label(image, {50, 100, 200, 200}, "person 0.87", kRed);
  EXPECT_EQ(area.bottom, 100);  // the label touches the box
  EXPECT_EQ(area.left, 50);
  int ink = 0;
  for (int y = area.top; y < area.bottom; ++y)
    for (int x = area.left; x < area.right; ++x) ink += pixel(image, x, y)[1] > 200;
  const int pixels = (area.bottom - area.top) * (area.right - area.left);
  EXPECT_GT(ink, pixels / 20);  // white letters on red
  EXPECT_LT(ink, pixels / 2);
  EXPECT_EQ(pixel(image, area.left, area.top), kRed);
  EXPECT_EQ(pixel(image, area.right, area.top), kPaper);
}

TEST(Painter, KeepsLabelsInsideThePicture) {
  constexpr float kCorners[][2] = {{-50, -50}, {395, 3}, {399, 299}, {0, 299}, {200, 0}, {1e9f, 1e9f}};
  for (const auto& [x, y] : kCorners) {
    Image image = paper(400, 300);
    Painter painter(400, 300);
    const Area area = painter.label(image, {x, y, x + 10, y + 10}, "giraffe 0.42", kRed);
    EXPECT_GE(area.left, 0);
    EXPECT_GE(area.top, 0);
    EXPECT_LE(area.right, 400);
    EXPECT_LE(area.bottom, 300);
    EXPECT_GT(area.right - area.left, 60) << "not clipped";
    EXPECT_GT(area.bottom - area.top, 12) << "not clipped";
  }
}

TEST(Painter, CutsLongLabels) {
  Image image = paper(200, 100), same = paper(200, 100);
  const std::string start(100, 'm');  // wider than the image
  Painter painter(200, 100);
  painter.label(image, {10, 50, 60, 90}, start, kRed);
  painter.label(same, {10, 50, 60, 90}, start + std::string(1 << 20, 'm'), kRed);
  EXPECT_EQ(std::memcmp(image.pixels.get(), same.pixels.get(), 3 * 200 * 100), 0);
}

TEST(Painter, SurvivesTinyPictures) {
  for (const int size : {1, 2, 5, 9}) {
    Image image = paper(size, size);
    Painter painter(size, size);
    painter.box(image, {0, 0, 3, 3}, kRed);
    painter.label(image, {0, 0, 3, 3}, "traffic light 0.99", kRed);
  }
}

TEST(Encode, PngIsExactAndJpegIsClose) {
  Image image = paper(40, 30);
  fill(image, 5, 5, 20, 20, kRed);
  const DecodedImage png = decode_image(encode_png(image), "png", 10000);
  ASSERT_EQ(png.format, ImageFormat::png);
  EXPECT_EQ(std::memcmp(png.image.pixels.get(), image.pixels.get(), 40 * 30 * 3), 0);
  const DecodedImage jpeg = decode_image(encode_jpeg(image, 95), "jpeg", 10000);
  ASSERT_EQ(jpeg.format, ImageFormat::jpeg);
  for (int k = 0; k < 3; ++k) EXPECT_NEAR(pixel(jpeg.image, 12, 12)[k], kRed[k], 12);
}

}  // namespace
}  // namespace cudet::test
