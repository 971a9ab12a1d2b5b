#include "kernels/detect_decode/detect_decode.h"

#include <limits>

#include "tests/kernels/detect_decode_cases.h"

namespace cudet::test {

class DetectDecodeTest : public testing::TestWithParam<DetectDecodeCase> {
 protected:
  Arena cpu() {
    Arena got = arena;
    for (int tile = op.tiles(); tile-- > 0;) detect_decode_cpu(op, {got.data(), nullptr}, tile, tile + 1);
    return got;
  }
  Arena reference() { return head.reference(); }

  DetectHead head{GetParam()};
  const DetectDecode& op = head.op;
  Arena& arena = head.arena;
};

TEST_P(DetectDecodeTest, CpuMatchesReference) {
  expect_decoded(cpu(), reference(), op.y, 1e-6);
}

TEST_P(DetectDecodeTest, ExtremeLogitsMatchReference) {
  const DetectDecode::Level& level = op.level[0];
  for (int k = 0; k < level.box.c; ++k) arena.at(level.box, 0, 0, 0, k) = k % 2 ? 3e38f : -3e38f;
  for (int k = 0; k < level.score.c; ++k) arena.at(level.score, 0, 0, 0, k) = k % 2 ? 3e38f : -3e38f;
  Arena got = cpu();
  expect_close(got.values, reference().values, 1e-6);
  EXPECT_LE(got.at(op.y, 0, 0, 0, 4), 1e-38f);
  if (level.score.c > 1) {
    EXPECT_EQ(got.at(op.y, 0, 0, 0, 5), 1);
  }
}

TEST_P(DetectDecodeTest, NanAffectsOnlyItsBoxAxisAndScore) {
  const DetectDecode::Level& level = op.level[op.levels - 1];
  const int i = op.y.n - 1, v = level.box.h - 1, u = level.box.w - 1, a = op.y.w - 1;
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  arena.at(level.box, i, v, u, 4 * op.bins - 1) = nan;  // distance to the bottom side
  arena.at(level.score, i, v, u, level.score.c - 1) = nan;
  for (Arena y : {reference(), cpu()}) {
    EXPECT_TRUE(std::isnan(y.at(op.y, i, 0, a, 1)));
    EXPECT_TRUE(std::isnan(y.at(op.y, i, 0, a, 3)));
    EXPECT_TRUE(std::isnan(y.at(op.y, i, 0, a, op.y.c - 1)));
    EXPECT_FALSE(std::isnan(y.at(op.y, i, 0, a, 0)));
    EXPECT_FALSE(std::isnan(y.at(op.y, i, 0, a, 2)));
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, DetectDecodeTest, testing::ValuesIn(kDetectDecodeCases));

TEST(DetectDecodeReferenceTest, BoxFromSharpDistributions) {
  Arena arena(Space::arena);
  DetectDecode op{};
  op.levels = op.rows = 1;
  op.bins = 4;
  op.level[0] = {arena.place_random(1, 1, 3, 16, 0, 1, -100, -90), arena.place_random(1, 1, 3, 1, 0, 2), 16, 8, 0, 0};
  op.y = arena.place(1, 1, 3, 5);
  const int sides[] = {1, 0, 2, 3};  // bins from the anchor point to the left, top, right and bottom
  for (int side = 0; side < 4; ++side) arena.at(op.level[0].box, 0, 0, 2, 4 * side + sides[side]) = 0;
  arena.at(op.level[0].score, 0, 0, 2, 0) = 0;
  run_reference(op, {arena.data(), nullptr});
  const float want[] = {8 * (2.5f + 0.5f), 16 * (0.5f + 1.5f), 8 * 3, 16 * 3, 0.5f};
  for (int k = 0; k < 5; ++k) EXPECT_FLOAT_EQ(arena.at(op.y, 0, 0, 2, k), want[k]) << k;
}

}  // namespace cudet::test
