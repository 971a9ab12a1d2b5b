#include "kernels/letterbox/letterbox.h"

#include <string>

#include "kernels/letterbox/nv12.h"
#include "runtime/model/safetensors.h"
#include "tests/kernels/compare.h"
#include "tests/kernels/picture.h"

namespace cudet::test {

struct LetterboxCase {
  int width, height;
  PixelFormat format;
  Extent input;
  int images, spare;  // of the input: N, of which the last image is written; channels of padding
  bool bottom_up;
};

const std::vector<LetterboxCase> kLetterboxCases = {
    {810, 1080, PixelFormat::bgr, {640, 480}, 1, 0, false},
    {1, 1, PixelFormat::rgb, {32, 32}, 1, 0, false},
    {1, 1, PixelFormat::grey, {1, 1}, 1, 0, true},
    {37, 23, PixelFormat::rgba, {64, 96}, 2, 1, true},
    {300, 7, PixelFormat::bgra, {33, 601}, 3, 0, false},  // more columns than the kernel computes in one pass
    {5, 90, PixelFormat::grey, {32, 64}, 1, 2, true},
    {100000, 1, PixelFormat::rgb, {64, 64}, 1, 0, false},
    {1, 100000, PixelFormat::bgr, {64, 32}, 1, 0, true},
    {128, 96, PixelFormat::rgb, {48, 64}, 1, 0, false},  // halved
    {64, 32, PixelFormat::bgra, {32, 64}, 1, 5, false},  // unchanged
    {322, 182, PixelFormat::nv12, {64, 128}, 1, 0, false},
    {37, 23, PixelFormat::nv12, {64, 96}, 2, 1, true},  // the last column and row have chroma pairs of their own
    {301, 7, PixelFormat::nv12, {33, 601}, 1, 0, false},
    {1, 1, PixelFormat::nv12, {32, 32}, 1, 0, true},
};

class LetterboxTest : public testing::TestWithParam<LetterboxCase> {};

TEST_P(LetterboxTest, CpuMatchesReference) {
  const auto [width, height, format, input, images, spare, bottom_up] = GetParam();
  const Picture picture = random_picture(width, height, format, bottom_up ? 3 : 0, bottom_up, 1);
  Arena arena(Space::arena);
  const Letterbox op{picture.frame, letterbox_fit(width, height, input),
                     arena.place(images, input.h, input.w, 3, spare), images - 1};
  Arena want = arena, got = arena, one_call = arena;
  run_reference(op, {want.data(), nullptr});
  for (int tile = op.tiles(); tile-- > 0;) letterbox_cpu(op, {got.data(), nullptr}, tile, tile + 1);
  letterbox_cpu(op, {one_call.data(), nullptr}, 0, op.tiles());
  expect_close(got.values, want.values, 0);
  expect_close(one_call.values, want.values, 0);
}

INSTANTIATE_TEST_SUITE_P(Pictures, LetterboxTest, testing::ValuesIn(kLetterboxCases));

// Expected values: OpenCV's COLOR_YUV2RGB_NV12.
TEST(Nv12Test, ConvertsAsOpenCv) {
  struct Case {
    int luma, cb, cr;
    Rgb rgb;
  };
  const Case cases[] = {
      {0, 128, 128, {0, 0, 0}},     {16, 128, 128, {0, 0, 0}},        {17, 127, 129, {3, 1, 0}},
      {93, 141, 77, {8, 126, 116}}, {200, 100, 150, {249, 207, 158}}, {235, 128, 128, {255, 255, 255}},
      {81, 90, 240, {254, 0, 0}},   {145, 54, 34, {0, 255, 1}},       {41, 240, 110, {0, 0, 255}},
      {120, 0, 0, {0, 255, 0}},     {120, 255, 255, {255, 0, 255}},
  };
  for (const auto& [luma, cb, cr, want] : cases) {
    SCOPED_TRACE(luma);
    const Rgb got = nv12_to_rgb(luma, cb, cr);
    EXPECT_EQ(got.r, want.r);
    EXPECT_EQ(got.g, want.g);
    EXPECT_EQ(got.b, want.b);
  }
}

// An nv12 image gives the same input as the same image converted to rgb.
TEST(Nv12Test, ConvertsEachPixelBeforeScaling) {
  for (const bool bottom_up : {false, true}) {
    const Picture nv12 = random_picture(13, 9, PixelFormat::nv12, 6, bottom_up, 2);
    Picture rgb(13, 9, PixelFormat::rgb, 0, false);
    for (int row = 0; row < 9; ++row)
      for (int column = 0; column < 13; ++column) {
        const std::uint8_t* pair = nv12.frame.chroma + row / 2 * nv12.frame.stride + column / 2 * 2;
        const Rgb pixel = nv12_to_rgb(nv12.frame.data[row * nv12.frame.stride + column], pair[0], pair[1]);
        std::uint8_t* to = rgb.bytes.data() + (row * 13 + column) * 3;
        to[0] = static_cast<std::uint8_t>(pixel.r), to[1] = static_cast<std::uint8_t>(pixel.g);
        to[2] = static_cast<std::uint8_t>(pixel.b);
      }
    Arena arena(Space::arena);
    Letterbox op{rgb.frame, letterbox_fit(13, 9, {32, 32}), arena.place(1, 32, 32, 3), 0};
    Arena want = arena, got = arena, unset = arena;
    run_reference(op, {want.data(), nullptr});
    op.frame = nv12.frame;
    run_reference(op, {got.data(), nullptr});
    expect_close(got.values, want.values, 0);
    if (bottom_up) continue;
    op.frame.chroma = nullptr;  // the chroma then follows the luma, as in Picture
    run_reference(op, {unset.data(), nullptr});
    expect_close(unset.values, want.values, 0);
  }
}

// Expected values: Ultralytics' LetterBox on OpenCV, by make_kernel_cases.py.
class LetterboxGoldenTest : public testing::TestWithParam<int> {
 protected:
  static const StoredTensor& golden(const std::string& name) {
    static const Safetensors file = Safetensors::read("tests/data/letterbox.safetensors");
    return *file.find(std::to_string(100 + GetParam()).substr(1) + "." + name);
  }
};

TEST_P(LetterboxGoldenTest, MatchesEveryPixel) {
  const StoredTensor &picture = golden("picture"), &want = golden("input");
  const std::vector<float> options = golden("options").to_f32();  // format, height and width of the limit, stride
  const auto integer = [](auto number) { return static_cast<int>(number); };
  const int height = integer(picture.shape[0]), width = integer(picture.shape[1]), stride = integer(options[3]);
  const Extent limit{integer(options[1]), integer(options[2])};
  const Extent input = stride > 0 ? min_input(width, height, limit, stride) : limit;
  ASSERT_EQ(input.h, want.shape[0]);
  ASSERT_EQ(input.w, want.shape[1]);

  Arena arena(Space::arena);
  Letterbox op{{reinterpret_cast<const std::uint8_t*>(picture.data.data()), width, height,
                width * std::ptrdiff_t{picture.shape[2]}, static_cast<PixelFormat>(integer(options[0]))},
               letterbox_fit(width, height, limit, input),
               arena.place(1, input.h, input.w, 3),
               0};
  ASSERT_EQ(channels(op.frame.format), picture.shape[2]);
  for (const bool cpu : {false, true}) {
    Arena got = arena;
    const Memory memory{got.data(), nullptr};
    if (cpu)
      letterbox_cpu(op, memory, 0, op.tiles());
    else
      run_reference(op, memory);
    for (int v = 0; v < input.h; ++v)
      for (int u = 0; u < input.w; ++u)
        for (int k = 0; k < 3; ++k) {
          const int byte = std::to_integer<int>(want.data[(static_cast<std::size_t>(v) * input.w + u) * 3 + k]);
          ASSERT_EQ(got.at(op.y, 0, v, u, k), static_cast<float>(byte) / 255)
              << (cpu ? "cpu" : "reference") << " at row " << v << ", column " << u << ", channel " << k;
        }
  }
}

INSTANTIATE_TEST_SUITE_P(Ultralytics, LetterboxGoldenTest, testing::Range(0, 16));

TEST(FitTest, MatchesUltralytics) {
  struct Case {
    int width, height;
    Extent limit;
    LetterboxFit whole;  // fit into the limit
    Extent least;
    LetterboxFit tight;  // fit into the smallest input of stride 32
  };
  const Case cases[] = {
      {810, 1080, {640, 640}, {480, 640, 80, 0}, {640, 480}, {480, 640, 0, 0}},
      {1280, 720, {640, 640}, {640, 360, 0, 140}, {384, 640}, {640, 360, 0, 12}},
      {640, 480, {640, 640}, {640, 480, 0, 80}, {480, 640}, {640, 480, 0, 0}},
      {100, 37, {320, 640}, {640, 237, 0, 41}, {256, 640}, {640, 237, 0, 9}},  // height 236.8; margins 41 and 42, 9 and
                                                                               // 10
      {640, 5, {64, 64}, {64, 1, 0, 31}, {32, 64}, {64, 1, 0, 15}},            // height 0.5 becomes 1
      {100000, 1, {640, 640}, {640, 1, 0, 319}, {32, 640}, {640, 1, 0, 15}},   // height 0.0064
      {512, 2, {640, 640}, {640, 2, 0, 319}, {32, 640}, {640, 2, 0, 15}},      // height 2.5 rounds to even
      {64, 1280, {640, 640}, {32, 640, 304, 0}, {640, 32}, {32, 640, 0, 0}},
      {65, 1285, {640, 640}, {32, 640, 304, 0}, {640, 32}, {32, 640, 0, 0}},  // width 32.37; fitting into width 32
                                                                              // alone would give a smaller gain
  };
  const auto equal = [](const LetterboxFit& a, const LetterboxFit& b) {
    return a.width == b.width && a.height == b.height && a.left == b.left && a.top == b.top;
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(std::to_string(c.width) + " x " + std::to_string(c.height));
    EXPECT_TRUE(equal(letterbox_fit(c.width, c.height, c.limit), c.whole));
    const Extent least = min_input(c.width, c.height, c.limit, 32);
    EXPECT_EQ(least.h, c.least.h);
    EXPECT_EQ(least.w, c.least.w);
    EXPECT_TRUE(equal(letterbox_fit(c.width, c.height, c.limit, least), c.tight));
  }
}

}  // namespace cudet::test
