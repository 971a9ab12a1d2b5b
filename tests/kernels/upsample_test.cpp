#include "kernels/upsample/upsample.h"

#include "tests/kernels/compare.h"

namespace cudet::test {

struct UpsampleCase {
  int n, h, w, c, scale;
  int spare_x, spare_y;  // further channels of the wider tensors that x and y are slices of
};

const std::vector<UpsampleCase> kUpsampleCases = {
    {1, 20, 20, 256, 2, 0, 128}, {1, 1, 1, 1, 2, 0, 0}, {2, 7, 5, 3, 3, 5, 0},
    {3, 5, 9, 37, 2, 1, 3},      {2, 3, 4, 8, 1, 0, 8}, {1, 1, 6, 5, 4, 0, 0},
};

class UpsampleTest : public testing::TestWithParam<UpsampleCase> {};

TEST_P(UpsampleTest, Cpu) {
  const auto [n, h, w, c, scale, spare_x, spare_y] = GetParam();
  Arena arena(Space::arena);
  Upsample op{};
  op.scale = scale;
  op.x = arena.place_random(n, h, w, c, spare_x, 1);
  op.y = arena.place(n, scale * h, scale * w, c, spare_y);
  Arena want = arena, got = arena;
  upsample_reference(op, {want.data(), nullptr});
  for (int tile = op.tiles(); tile-- > 0;) upsample_cpu(op, {got.data(), nullptr}, tile, tile + 1);
  expect_close(got.values, want.values, 0);
}

INSTANTIATE_TEST_SUITE_P(Shapes, UpsampleTest, testing::ValuesIn(kUpsampleCases));

TEST(UpsampleReferenceTest, RepeatsEachPixel) {
  Arena arena(Space::arena);
  Upsample op{};
  op.scale = 2;
  op.x = arena.place(1, 1, 2, 1);
  op.y = arena.place(1, 2, 4, 1);
  arena.at(op.x, 0, 0, 0, 0) = 3;
  arena.at(op.x, 0, 0, 1, 0) = 5;
  upsample_reference(op, {arena.data(), nullptr});
  const float row[] = {3, 3, 5, 5};
  for (int v = 0; v < 2; ++v)
    for (int u = 0; u < 4; ++u) EXPECT_EQ(arena.at(op.y, 0, v, u, 0), row[u]) << v << ", " << u;
}

}  // namespace cudet::test
