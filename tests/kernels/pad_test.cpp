#include "tests/kernels/pad_cases.h"

namespace cudet::test {

class PadTest : public testing::TestWithParam<PadCase> {};

TEST_P(PadTest, Cpu) {
  const auto [arena, op] = PadProblem(GetParam());
  Arena want = arena, got = arena;
  run_reference(op, {want.data(), nullptr});
  for (int tile = op.tiles(); tile-- > 0;) pad_cpu(op, {got.data(), nullptr}, tile, tile + 1);
  expect_close(got.values, want.values, 0);
}

INSTANTIATE_TEST_SUITE_P(Shapes, PadTest, testing::ValuesIn(kPadCases));

TEST(PadReferenceTest, SurroundsTheMap) {
  Arena arena(Space::arena);
  Pad op{};
  op.left = 1;
  op.x = arena.place(1, 1, 2, 1);
  op.y = arena.place(1, 2, 5, 1);  // 2 columns on the right, a row below
  arena.at(op.x, 0, 0, 0, 0) = 3;
  arena.at(op.x, 0, 0, 1, 0) = 5;
  run_reference(op, {arena.data(), nullptr});
  const float want[2][5] = {{0, 3, 5, 0, 0}, {0, 0, 0, 0, 0}};
  for (int v = 0; v < 2; ++v)
    for (int u = 0; u < 5; ++u) EXPECT_EQ(arena.at(op.y, 0, v, u, 0), want[v][u]) << v << ", " << u;
}

}  // namespace cudet::test
