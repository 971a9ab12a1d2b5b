#include "tests/error_of.h"
#include "tests/kernels/conv_transpose2d_cases.h"

namespace cudet::test {

class ConvTranspose2dTest : public testing::TestWithParam<ConvTranspose2dCase>, protected ConvTranspose2dProblem {
 protected:
  ConvTranspose2dTest() : ConvTranspose2dProblem(GetParam()) {}
};

TEST_P(ConvTranspose2dTest, Cpu) {
  Arena want = arena, got = arena;
  run_reference(op, {want.data(), weights.data()});
  const std::vector<float> packed = pack();
  for (int tile = op.tiles(); tile-- > 0;)
    conv_transpose2d_cpu(op, {got.data(), reinterpret_cast<const std::byte*>(packed.data())}, tile, tile + 1);
  expect_close(got.values, want.values, 1e-5);
}

INSTANTIATE_TEST_SUITE_P(Shapes, ConvTranspose2dTest, testing::ValuesIn(kConvTranspose2dCases));

// Each pixel of x adds the kernel, times its value, to the pixels of y around it.
TEST(ConvTranspose2dReferenceTest, SpreadsEachPixel) {
  ConvTranspose2dProblem problem({1, 1, 2, 1, 1, {2, 3}, {1, 2}});
  const ConvTranspose2d& op = problem.op;
  const float x[] = {1, 10}, kernel[2][3] = {{1, 2, 3}, {4, 5, 6}};
  for (int u = 0; u < 2; ++u) problem.arena.at(op.x, 0, 0, u, 0) = x[u];
  for (int r = 0; r < 2; ++r)
    for (int s = 0; s < 3; ++s) problem.weights.at(op.weight, 0, 0, r, s) = kernel[r][s];
  problem.weights.at(op.bias, 0, 0, 0, 0) = 100;
  run_reference(op, {problem.arena.data(), problem.weights.data()});
  const float want[2][5] = {{101, 102, 113, 120, 130}, {104, 105, 146, 150, 160}};
  for (int v = 0; v < 2; ++v)
    for (int u = 0; u < 5; ++u) EXPECT_EQ(problem.arena.at(op.y, 0, v, u, 0), want[v][u]) << v << ", " << u;
}

TEST(ConvTranspose2dPackTest, RefusesWeightsThatOverflowF16) {
  ConvTranspose2dProblem problem({1, 1, 1, 1, 1, {1, 1}});
  problem.op.weight.type = Type::f16;
  std::vector<std::byte> packed(conv_transpose2d_packed_bytes(problem.op));
  const float fits = 65504, large = 65520;
  conv_transpose2d_pack(problem.op, &fits, packed.data());
  EXPECT_EQ(error_of([&] { conv_transpose2d_pack(problem.op, &large, packed.data()); }),
            "fp16 cannot hold a weight of 65520.000000");
}

}  // namespace cudet::test
