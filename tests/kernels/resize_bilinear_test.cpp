#include "tests/kernels/resize_bilinear_cases.h"

namespace cudet::test {

class ResizeBilinearTest : public testing::TestWithParam<ResizeBilinearCase> {};

TEST_P(ResizeBilinearTest, Cpu) {
  const auto [arena, op] = ResizeBilinearProblem(GetParam());
  Arena want = arena, got = arena;
  run_reference(op, {want.data(), nullptr});
  for (int tile = op.tiles(); tile-- > 0;) resize_bilinear_cpu(op, {got.data(), nullptr}, tile, tile + 1);
  expect_close(got.values, want.values, 4e-7);
}

INSTANTIATE_TEST_SUITE_P(Shapes, ResizeBilinearTest, testing::ValuesIn(kResizeBilinearCases));

// y for a row of x = 0, 4, 8. The values are those of torch.nn.Upsample.
void expect_row(int scale, bool align_corners, const std::vector<float>& want) {
  Arena arena(Space::arena);
  ResizeBilinear op{};
  op.scale = scale;
  op.align_corners = align_corners;
  op.x = arena.place(1, 1, 3, 1);
  op.y = arena.place(1, scale, 3 * scale, 1);
  for (int u = 0; u < 3; ++u) arena.at(op.x, 0, 0, u, 0) = static_cast<float>(4 * u);
  run_reference(op, {arena.data(), nullptr});
  for (int v = 0; v < scale; ++v)
    for (int u = 0; u < 3 * scale; ++u)
      EXPECT_FLOAT_EQ(arena.at(op.y, 0, v, u, 0), want[static_cast<std::size_t>(u)]) << v << ", " << u;
}

TEST(ResizeBilinearReferenceTest, InterpolatesAsPyTorch) {
  expect_row(2, false, {0, 1, 3, 5, 7, 8});
  expect_row(2, true, {0, 1.6f, 3.2f, 4.8f, 6.4f, 8});
  expect_row(3, false, {0, 0, 4.0f / 3, 8.0f / 3, 4, 16.0f / 3, 20.0f / 3, 8, 8});
}

// Every row and column, for maps far larger than those of the cases.
TEST(ResizeSourceTest, IsTheCoordinateOfPyTorch) {
  for (const bool align_corners : {false, true})
    for (const int scale : {1, 2, 3, 7, 16})
      for (const int size : {1, 2, 37, 1280}) {
        const ResizeBilinear op{{}, {}, scale, align_corners};
        for (int d = 0; d < scale * size; ++d) {
          const double want =
              align_corners ? d * (size - 1.0) / std::max(scale * size - 1, 1) : std::max((d + 0.5) / scale - 0.5, 0.0);
          const ResizeSource source(op, d, size);
          ASSERT_NEAR(source.low + static_cast<double>(source.weight), want, 1e-6)
              << scale << ", " << size << ", " << d;
          ASSERT_TRUE(source.low >= 0 && source.low <= source.high && source.high < size);
          ASSERT_TRUE(source.weight >= 0 && source.weight < 1);
          ASSERT_TRUE(source.high == source.low + 1 || source.low == size - 1);
        }
      }
}

}  // namespace cudet::test
