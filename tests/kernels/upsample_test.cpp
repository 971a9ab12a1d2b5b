#include "tests/kernels/upsample_cases.h"

namespace cudet::test {

class UpsampleTest : public testing::TestWithParam<UpsampleCase> {};

TEST_P(UpsampleTest, Cpu) {
  const auto [arena, op] = UpsampleProblem(GetParam());
  Arena want = arena, got = arena;
  run_reference(op, {want.data(), nullptr});
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
  run_reference(op, {arena.data(), nullptr});
  const float row[] = {3, 3, 5, 5};
  for (int v = 0; v < 2; ++v)
    for (int u = 0; u < 4; ++u) EXPECT_EQ(arena.at(op.y, 0, v, u, 0), row[u]) << v << ", " << u;
}

}  // namespace cudet::test
