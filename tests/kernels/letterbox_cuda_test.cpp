#include <algorithm>
#include <memory>
#include <numeric>
#include <string>

#include "kernels/letterbox/letterbox.h"
#include "tests/kernels/device_arena.h"
#include "tests/kernels/picture.h"

namespace cudet::test {

struct LetterboxCudaCase {
  int width, height;
  PixelFormat format;
  Extent input;
  int images, spare;  // y's N, of which the last is written, and its channels after the third
  int start;          // elements from an aligned offset to y's first
  int row_spare;      // bytes after each row of the image
  bool bottom_up;
};

const std::vector<LetterboxCudaCase> kLetterboxCudaCases = {
    {81, 108, PixelFormat::bgr, {64, 48}, 1, 0, 0, 0, false},
    {81, 108, PixelFormat::rgb, {64, 300}, 1, 1, 0, 5, true},  // three runs of columns, two of them grey
    {1, 1, PixelFormat::rgb, {32, 32}, 1, 1, 0, 0, false},
    {1, 1, PixelFormat::grey, {1, 1}, 1, 0, 1, 0, true},
    {37, 23, PixelFormat::rgba, {64, 96}, 2, 5, 0, 0, true},
    {37, 23, PixelFormat::rgba, {64, 96}, 2, 1, 1, 3, false},  // neither the image nor y is aligned to words
    {300, 7, PixelFormat::bgra, {33, 601}, 3, 1, 0, 0, false},
    {5, 90, PixelFormat::grey, {32, 64}, 1, 5, 0, 2, true},
    {20000, 1, PixelFormat::rgb, {64, 64}, 1, 0, 3, 0, false},
    {1, 20000, PixelFormat::bgr, {64, 32}, 1, 2, 0, 0, true},
    {128, 96, PixelFormat::rgb, {48, 64}, 2, 1, 0, 0, false},     // halved
    {64, 32, PixelFormat::bgra, {32, 64}, 1, 1, 0, 0, false},     // the same size
    {131, 150, PixelFormat::rgb, {160, 290}, 1, 1, 0, 0, false},  // more tiles than blocks
    {400, 300, PixelFormat::bgr, {60, 40}, 1, 1, 0, 0, false},    // pairs of rows, and tiles with grey above and below
    {322, 182, PixelFormat::nv12, {64, 128}, 1, 1, 0, 0, false},
    {37, 23, PixelFormat::nv12, {64, 96}, 2, 1, 0, 3, true},
    {301, 7, PixelFormat::nv12, {33, 601}, 1, 5, 0, 0, false},
    {35, 301, PixelFormat::nv12, {48, 32}, 3, 0, 0, 1, true},  // every row of y has rows of luma and chroma of its own
    {400, 300, PixelFormat::nv12, {60, 40}, 1, 1, 0, 0, false},
    {64, 99, PixelFormat::nv12, {32, 32}, 1, 1, 0, 0, false},
    {1, 1, PixelFormat::nv12, {16, 32}, 1, 1, 0, 0, true},
};

class LetterboxCudaTest : public testing::TestWithParam<LetterboxCudaCase> {
 protected:
  LetterboxCudaTest()
      : picture(random_picture(GetParam().width, GetParam().height, GetParam().format, GetParam().row_spare,
                               GetParam().bottom_up, 1)) {
    const LetterboxCudaCase& c = GetParam();
    op = {picture.frame, letterbox_fit(c.width, c.height, c.input),
          arena.place(c.images, c.input.h, c.input.w, 3, c.spare), c.images - 1};
    op.y.offset += sizeof(float) * c.start;
  }
  // The expected arena; channels after the third are 0.
  std::vector<float> want(Type type) {
    Arena wanted = arena;
    run_reference(op, {wanted.data(), nullptr});
    for (int v = 0; v < op.y.h; ++v)
      for (int u = 0; u < op.y.w; ++u)
        for (int k = 3; k < op.y.pitch; ++k) wanted.at(op.y, op.image, v, u, k) = 0;
    round_to(wanted.values, type);
    return wanted.values;
  }
  Letterbox on_device(Type type) const {
    Letterbox moved = op;
    moved.y = retyped(op.y, type);
    return moved;
  }

  Arena arena{Space::arena};
  Picture picture;
  Letterbox op{};
};

TEST_P(LetterboxCudaTest, WholeFrame) {
  const DeviceArray<std::uint8_t> bytes(picture.bytes);
  for (const Type type : {Type::f32, Type::f16}) {
    Letterbox moved = on_device(type);
    moved.frame.data = bytes.data() + (op.frame.data - picture.bytes.data());
    if (op.frame.chroma != nullptr) moved.frame.chroma = bytes.data() + (op.frame.chroma - picture.bytes.data());
    moved.frame.on_device = true;
    const DeviceSpace got(arena.values, type);
    letterbox_cuda(moved, {got.data(), nullptr}, stream_for_few_blocks());
    expect_close(got.values(), want(type), 0);
  }
}

TEST_P(LetterboxCudaTest, Strips) {
  const Frame& frame = op.frame;
  const std::size_t row = static_cast<std::size_t>(frame.width) * channels(frame.format) + 3;  // packed, maximum
  const std::size_t min_bytes = row * (frame.format == PixelFormat::nv12 ? 4 : 2);             // for a row of y
  for (const Type type : {Type::f32, Type::f16})
    for (const std::size_t budget : {min_bytes, 7 * min_bytes, 1000 * min_bytes}) {
      SCOPED_TRACE(std::to_string(budget) + " bytes");
      Letterbox moved = on_device(type);
      moved.frame.data = moved.frame.chroma = nullptr;
      const DeviceSpace got(arena.values, type);
      std::vector<LetterboxStrip> strips;
      for (int first = 0; first < op.y.h; first = strips.back().last) {
        strips.push_back(letterbox_strip(op, first, budget));
        if (budget == 7 * min_bytes && first < op.fit.top) strips.back() = {first, op.fit.top, 0};  // all grey
      }
      std::reverse(strips.begin(), strips.end());  // so that no strip hides what another wrote outside of its rows
      std::vector<std::unique_ptr<DeviceArray<std::uint8_t>>> uploaded;  // until the device has finished
      for (const LetterboxStrip& strip : strips) {
        std::vector<std::uint8_t> packed(budget);
        packed.resize(letterbox_pack(op, strip, packed.data()));
        if (!packed.empty()) uploaded.push_back(std::make_unique<DeviceArray<std::uint8_t>>(packed));
        letterbox_strip_cuda(moved, strip, packed.empty() ? nullptr : uploaded.back()->data(), {got.data(), nullptr},
                             default_stream());
      }
      expect_close(got.values(), want(type), 0);
    }
}

INSTANTIATE_TEST_SUITE_P(Pictures, LetterboxCudaTest, testing::ValuesIn(kLetterboxCudaCases));

// Each of the 256 values is divided as in the reference.
TEST(LetterboxCudaValuesTest, AsTheReferenceDivides) {
  Picture picture(256, 1, PixelFormat::grey, 0, false);
  std::iota(picture.bytes.begin(), picture.bytes.end(), std::uint8_t{0});
  const DeviceArray<std::uint8_t> bytes(picture.bytes);
  Arena arena(Space::arena);
  Letterbox op{picture.frame, letterbox_fit(256, 1, {1, 256}), arena.place(1, 1, 256, 3), 0};
  Arena want = arena;
  run_reference(op, {want.data(), nullptr});
  op.frame.data = bytes.data();
  const DeviceSpace got(arena.values, Type::f32);
  letterbox_cuda(op, {got.data(), nullptr}, default_stream());
  expect_close(got.values(), want.values, 0);
}

}  // namespace cudet::test
