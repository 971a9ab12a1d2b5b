#include "kernels/max_pool/max_pool.h"

#include <limits>

#include "tests/kernels/compare.h"

namespace cudet::test {

struct MaxPoolCase {
  int n, h, w, c;
  int kernel, stride, pad;
  int spare_x, spare_y;  // further channels of the wider tensors that x and y are slices of
};

const std::vector<MaxPoolCase> kMaxPoolCases = {
    {1, 20, 20, 128, 5, 1, 2, 384, 384},                               // SPPF of YOLOv8n, in and out of one wide tensor
    {1, 1, 1, 1, 5, 1, 2, 0, 0},                                       // all but one of the window outside
    {2, 3, 2, 5, 5, 1, 2, 0, 3},                                       // the window is larger than the picture
    {3, 9, 17, 37, 3, 2, 1, 1, 0},       {2, 8, 7, 4, 2, 2, 0, 0, 0},  // the last column is of no window
    {1, 6, 5, 9, 1, 1, 0, 0, 0},         {1, 11, 13, 19, 9, 3, 4, 2, 5},
};

class MaxPoolTest : public testing::TestWithParam<MaxPoolCase> {
 protected:
  void SetUp() override {
    const auto [n, h, w, c, kernel, stride, pad, spare_x, spare_y] = GetParam();
    op.kernel = kernel;
    op.stride = stride;
    op.pad = pad;
    op.x = arena.place_random(n, h, w, c, spare_x, 1, -9, -1);  // negative: an outside taken for 0 would win
    op.y = arena.place(n, (h + 2 * pad - kernel) / stride + 1, (w + 2 * pad - kernel) / stride + 1, c, spare_y);
  }
  Arena cpu() {
    Arena got = arena;
    for (int tile = op.tiles(); tile-- > 0;) max_pool_cpu(op, {got.data(), nullptr}, tile, tile + 1);
    return got;
  }
  Arena reference() {
    Arena want = arena;
    max_pool_reference(op, {want.data(), nullptr});
    return want;
  }
  MaxPool op{};
  Arena arena{Space::arena};
};

TEST_P(MaxPoolTest, Cpu) {
  expect_close(cpu().values, reference().values, 0);
}

TEST_P(MaxPoolTest, NanAndInfinityAsReference) {
  arena.at(op.x, 0, op.x.h / 2, op.x.w / 2, op.x.c - 1) = std::numeric_limits<float>::quiet_NaN();
  arena.at(op.x, op.x.n - 1, 0, 0, 0) = -std::numeric_limits<float>::infinity();
  const Arena got = cpu(), want = reference();
  for (std::size_t e = 0; e < want.values.size(); ++e)
    ASSERT_TRUE(std::isnan(want.values[e]) ? std::isnan(got.values[e]) : got.values[e] == want.values[e]) << e;
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
  max_pool_reference(op, {arena.data(), nullptr});
  EXPECT_TRUE(std::isnan(arena.at(op.y, 0, 0, 0, 0)));
  EXPECT_TRUE(std::isnan(arena.at(op.y, 0, 0, 1, 0)));
  EXPECT_EQ(arena.at(op.y, 0, 0, 2, 0), 4);
  EXPECT_EQ(arena.at(op.y, 0, 0, 4, 0), 4);
}

}  // namespace cudet::test
