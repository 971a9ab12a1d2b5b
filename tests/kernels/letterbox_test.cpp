#include "kernels/letterbox/letterbox.h"

#include <string>

#include "runtime/safetensors.h"
#include "tests/kernels/compare.h"

namespace cudet::test {

// Bytes of a picture whose rows lie as a Frame may have them.
struct Picture {
  Picture(int width, int height, PixelFormat format, int spare, bool bottom_up)
      : row(static_cast<std::size_t>(width) * channels(format) + spare), bytes(row * height) {
    const std::ptrdiff_t stride = static_cast<std::ptrdiff_t>(row);
    frame = {bottom_up ? bytes.data() + row * (height - 1) : bytes.data(), width, height, bottom_up ? -stride : stride,
             format};
  }
  void randomise(unsigned seed) {
    std::mt19937 random(seed);
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
  }
  std::size_t row;
  std::vector<std::uint8_t> bytes;
  Frame frame;
};

struct LetterboxCase {
  int width, height;
  PixelFormat format;
  Extent input;
  int images, spare;  // of the input: its N, of which the last is written, and further channels
  bool bottom_up;
};

const std::vector<LetterboxCase> kLetterboxCases = {
    {810, 1080, PixelFormat::bgr, {640, 480}, 1, 0, false},
    {1, 1, PixelFormat::rgb, {32, 32}, 1, 0, false},
    {1, 1, PixelFormat::grey, {1, 1}, 1, 0, true},
    {37, 23, PixelFormat::rgba, {64, 96}, 2, 1, true},
    {300, 7, PixelFormat::bgra, {33, 601}, 3, 0, false},  // more columns than are taken at a time
    {5, 90, PixelFormat::grey, {32, 64}, 1, 2, true},
    {100000, 1, PixelFormat::rgb, {64, 64}, 1, 0, false},
    {1, 100000, PixelFormat::bgr, {64, 32}, 1, 0, true},
    {128, 96, PixelFormat::rgb, {48, 64}, 1, 0, false},  // halved
    {64, 32, PixelFormat::bgra, {32, 64}, 1, 5, false},  // as it is
};

class LetterboxTest : public testing::TestWithParam<LetterboxCase> {};

TEST_P(LetterboxTest, Cpu) {
  const auto [width, height, format, input, images, spare, bottom_up] = GetParam();
  Picture picture(width, height, format, bottom_up ? 3 : 0, bottom_up);
  picture.randomise(1);
  Arena arena(Space::arena);
  const Letterbox op{picture.frame, fit(width, height, input), arena.place(images, input.h, input.w, 3, spare),
                     images - 1};
  Arena want = arena, got = arena, at_once = arena;
  letterbox_reference(op, {want.data(), nullptr});
  for (int tile = op.tiles(); tile-- > 0;) letterbox_cpu(op, {got.data(), nullptr}, tile, tile + 1);
  letterbox_cpu(op, {at_once.data(), nullptr}, 0, op.tiles());
  expect_close(got.values, want.values, 0);
  expect_close(at_once.values, want.values, 0);
}

INSTANTIATE_TEST_SUITE_P(Pictures, LetterboxTest, testing::ValuesIn(kLetterboxCases));

// Ultralytics' LetterBox on OpenCV: make_kernel_cases.py.
class LetterboxGoldenTest : public testing::TestWithParam<int> {
 protected:
  static const StoredTensor& golden(const std::string& name) {
    static const Safetensors file = Safetensors::read("tests/data/letterbox.safetensors");
    return *file.find(std::to_string(100 + GetParam()).substr(1) + "." + name);
  }
};

TEST_P(LetterboxGoldenTest, EveryPixel) {
  const StoredTensor &picture = golden("picture"), &want = golden("input");
  const std::vector<float> options = golden("options").to_f32();  // format, height and width of the limit, stride
  const auto integer = [](auto number) { return static_cast<int>(number); };
  const int height = integer(picture.shape[0]), width = integer(picture.shape[1]), stride = integer(options[3]);
  const Extent limit{integer(options[1]), integer(options[2])};
  const Extent input = stride > 0 ? least_input(width, height, limit, stride) : limit;
  ASSERT_EQ(input.h, want.shape[0]);
  ASSERT_EQ(input.w, want.shape[1]);

  Arena arena(Space::arena);
  Letterbox op{{reinterpret_cast<const std::uint8_t*>(picture.data.data()), width, height,
                width * std::ptrdiff_t{picture.shape[2]}, static_cast<PixelFormat>(integer(options[0]))},
               fit(width, height, limit, input),
               arena.place(1, input.h, input.w, 3),
               0};
  ASSERT_EQ(channels(op.frame.format), picture.shape[2]);
  for (const bool cpu : {false, true}) {
    Arena got = arena;
    const Memory memory{got.data(), nullptr};
    if (cpu)
      letterbox_cpu(op, memory, 0, op.tiles());
    else
      letterbox_reference(op, memory);
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

TEST(FitTest, AsUltralytics) {
  struct Case {
    int width, height;
    Extent limit;
    Placement whole;  // within the limit
    Extent least;
    Placement placed;  // within the least input of stride 32
  };
  const Case cases[] = {
      {810, 1080, {640, 640}, {480, 640, 80, 0}, {640, 480}, {480, 640, 0, 0}},
      {1280, 720, {640, 640}, {640, 360, 0, 140}, {384, 640}, {640, 360, 0, 12}},
      {640, 480, {640, 640}, {640, 480, 0, 80}, {480, 640}, {640, 480, 0, 0}},
      {100, 37, {320, 640}, {640, 237, 0, 41}, {256, 640}, {640, 237, 0, 9}},  // 236.8; margins 41 and 42, 9 and 10
      {640, 5, {64, 64}, {64, 1, 0, 31}, {32, 64}, {64, 1, 0, 15}},            // half a pixel is not nothing
      {100000, 1, {640, 640}, {640, 1, 0, 319}, {32, 640}, {640, 1, 0, 15}},   // 0.0064 pixels high
      {512, 2, {640, 640}, {640, 2, 0, 319}, {32, 640}, {640, 2, 0, 15}},      // 2.5 is rounded to even
      {64, 1280, {640, 640}, {32, 640, 304, 0}, {640, 32}, {32, 640, 0, 0}},
      {65, 1285, {640, 640}, {32, 640, 304, 0}, {640, 32}, {32, 640, 0, 0}},  // 32.37: alone, 32 is a smaller gain
  };
  const auto equal = [](const Placement& a, const Placement& b) {
    return a.width == b.width && a.height == b.height && a.left == b.left && a.top == b.top;
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(std::to_string(c.width) + " x " + std::to_string(c.height));
    EXPECT_TRUE(equal(fit(c.width, c.height, c.limit), c.whole));
    const Extent least = least_input(c.width, c.height, c.limit, 32);
    EXPECT_EQ(least.h, c.least.h);
    EXPECT_EQ(least.w, c.least.w);
    EXPECT_TRUE(equal(fit(c.width, c.height, c.limit, least), c.placed));
  }
}

}  // namespace cudet::test
