#include "tests/kernels/max_pool_cases.h"

namespace cudet::test {

class MaxPoolTest : public testing::TestWithParam<MaxPoolCase>, protected MaxPoolProblem {
 protected:
  MaxPoolTest() : MaxPoolProblem(GetParam()) {}
  Arena cpu() {
    Arena got = arena;
    for (int tile = op.tiles(); tile-- > 0;) max_pool_cpu(op, {got.data(), nullptr}, tile, tile + 1);
    return got;
  }
  Arena reference() {
    Arena want = arena;
    run_reference(op, {want.data(), nullptr});
    return want;
  }
};

TEST_P(MaxPoolTest, Cpu) {
  expect_close(cpu().values, reference().values, 0);
}

TEST_P(MaxPoolTest, NanAndInfinityAsReference) {
  place_nan_and_infinity(arena, op.x);
  expect_same(cpu().values, reference().values);
}

INSTANTIATE_TEST_SUITE_P(Shapes, MaxPoolTest, testing::ValuesIn(kMaxPoolCases));

TEST(MaxPoolReferenceTest, NanWinsWhereverItStands) {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  Arena arena(Space::arena);
  MaxPool op{};
  op.kernel = 3;
  op.stride = 1;
  op.pad = 1;
  op.x = arena.place(1, 1, 5, 1);
  op.y = arena.place(1, 1, 5, 1);
  const float x[] = {nan, 1, 2, 4, 3};
  for (int u = 0; u < 5; ++u) arena.at(op.x, 0, 0, u, 0) = x[u];
  run_reference(op, {arena.data(), nullptr});
  EXPECT_TRUE(std::isnan(arena.at(op.y, 0, 0, 0, 0)));
  EXPECT_TRUE(std::isnan(arena.at(op.y, 0, 0, 1, 0)));
  EXPECT_EQ(arena.at(op.y, 0, 0, 2, 0), 4);
  EXPECT_EQ(arena.at(op.y, 0, 0, 4, 0), 4);
}

}  // namespace cudet::test
