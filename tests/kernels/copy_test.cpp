#include "tests/kernels/copy_cases.h"

namespace cudet::test {

class CopyTest : public testing::TestWithParam<CopyCase> {};

TEST_P(CopyTest, Cpu) {
  const auto [arena, op] = CopyProblem(GetParam());
  Arena want = arena, got = arena;
  run_reference(op, {want.data(), nullptr});
  for (int tile = op.tiles(); tile-- > 0;) copy_cpu(op, {got.data(), nullptr}, tile, tile + 1);
  expect_close(got.values, want.values, 0);
}

INSTANTIATE_TEST_SUITE_P(Shapes, CopyTest, testing::ValuesIn(kCopyCases));

TEST(CopyReferenceTest, MovesEachChannel) {
  Arena arena(Space::arena);
  Copy op{};
  op.x = arena.place_random(1, 2, 3, 4, 1, 1);
  op.y = arena.place(1, 2, 3, 4, 2);
  run_reference(op, {arena.data(), nullptr});
  EXPECT_EQ(arena.at(op.y, 0, 1, 2, 3), arena.at(op.x, 0, 1, 2, 3));
  EXPECT_EQ(arena.at(op.y, 0, 0, 1, 0), arena.at(op.x, 0, 0, 1, 0));
}

}  // namespace cudet::test
