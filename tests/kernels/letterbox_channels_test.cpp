// Networks whose input has another number of channels than 3.
#include <gtest/gtest.h>

#include <cstring>

#include "kernels/letterbox/letterbox.h"
#include "tests/kernels/compare.h"
#include "tests/kernels/picture.h"

namespace cudet::test {
namespace {

// The channels of an interleaved frame are independent: each equals the only channel of a grey frame.
TEST(LetterboxChannels, EachIsAGreyImage) {
  for (const int count : {1, 2, 4, 5})
    for (const bool bytes : {false, true}) {
      SCOPED_TRACE(count);
      constexpr int kWidth = 37, kHeight = 23;
      const Picture all = random_picture(kWidth * count, kHeight, PixelFormat::grey, 3, count == 2, 5);
      Frame frame{all.frame.data, kWidth, kHeight, all.frame.stride, PixelFormat::interleaved};
      frame.count = count;
      const Extent input{64, 96};
      Arena arena(Space::arena);
      Letterbox op{frame, letterbox_fit(kWidth, kHeight, input), arena.place(2, input.h, input.w, count), 1};
      if (bytes) op.y.type = Type::u8;
      std::vector<float> want = arena.values, got = arena.values;
      run_reference(op, {reinterpret_cast<std::byte*>(want.data()), nullptr});
      for (int tile = 0; tile < op.tiles(); ++tile)
        letterbox_cpu(op, {reinterpret_cast<std::byte*>(got.data()), nullptr}, tile, tile + 1);
      EXPECT_EQ(std::memcmp(got.data(), want.data(), want.size() * sizeof(float)), 0);
      if (bytes) continue;

      std::vector<std::uint8_t> one(static_cast<std::size_t>(kWidth * kHeight));
      for (int k = 0; k < count; ++k) {
        for (int v = 0; v < kHeight; ++v)
          for (int u = 0; u < kWidth; ++u)
            one[static_cast<std::size_t>(v * kWidth + u)] = frame.data[v * frame.stride + u * count + k];
        Arena grey(Space::arena);
        const Letterbox plain{
            {one.data(), kWidth, kHeight, kWidth, PixelFormat::grey}, op.fit, grey.place(1, input.h, input.w, 3), 0};
        letterbox_cpu(plain, {reinterpret_cast<std::byte*>(grey.values.data()), nullptr}, 0, plain.tiles());
        for (int v = 0; v < input.h; ++v)
          for (int u = 0; u < input.w; ++u)
            ASSERT_EQ(got[op.y.offset / sizeof(float) + op.y.pixel(1, v, u) + static_cast<std::size_t>(k)],
                      grey.at(plain.y, 0, v, u, 0))
                << "row " << v << ", column " << u << ", channel " << k;
      }
    }
}

}  // namespace
}  // namespace cudet::test
