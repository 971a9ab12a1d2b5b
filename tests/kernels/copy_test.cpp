#include "kernels/copy/copy.h"

#include "tests/kernels/compare.h"

namespace cudet::test {

struct CopyCase {
  int n, h, w, c;
  int spare_x, spare_y;  // further channels of the wider tensors that x and y are slices of
};

const std::vector<CopyCase> kCopyCases = {
    {1, 40, 40, 128, 0, 0}, {1, 40, 40, 128, 0, 64}, {1, 1, 1, 1, 0, 0},
    {2, 7, 5, 3, 5, 0},     {3, 9, 17, 37, 0, 3},    {2, 3, 4, 5, 2, 2},
};

class CopyTest : public testing::TestWithParam<CopyCase> {};

TEST_P(CopyTest, Cpu) {
  const auto [n, h, w, c, spare_x, spare_y] = GetParam();
  Arena arena(Space::arena);
  Copy op{};
  op.x = arena.place_random(n, h, w, c, spare_x, 1);
  op.y = arena.place(n, h, w, c, spare_y);
  Arena want = arena, got = arena;
  copy_reference(op, {want.data(), nullptr});
  for (int tile = op.tiles(); tile-- > 0;) copy_cpu(op, {got.data(), nullptr}, tile, tile + 1);
  expect_close(got.values, want.values, 0);
}

INSTANTIATE_TEST_SUITE_P(Shapes, CopyTest, testing::ValuesIn(kCopyCases));

TEST(CopyReferenceTest, MovesEachChannel) {
  Arena arena(Space::arena);
  Copy op{};
  op.x = arena.place_random(1, 2, 3, 4, 1, 1);
  op.y = arena.place(1, 2, 3, 4, 2);
  copy_reference(op, {arena.data(), nullptr});
  EXPECT_EQ(arena.at(op.y, 0, 1, 2, 3), arena.at(op.x, 0, 1, 2, 3));
  EXPECT_EQ(arena.at(op.y, 0, 0, 1, 0), arena.at(op.x, 0, 0, 1, 0));
}

}  // namespace cudet::test
