#include "tests/kernels/max_pool_cases.h"
#include "tests/kernels/on_device.h"

namespace cudet::test {
namespace {

class MaxPoolCudaTest : public testing::TestWithParam<MaxPoolCase>, protected MaxPoolProblem {
 protected:
  MaxPoolCudaTest() : MaxPoolProblem(GetParam()) {}
  void expect_as_reference() {
    for_types_and_shifts(arena, [&](Type type, Shift shift) {
      MaxPool moved = op;
      moved.x = shifted(op.x, shift.x);
      moved.y = shifted(op.y, shift.y);
      Arena want = arena;
      round_to(want.values, type);
      run_reference(moved, {want.data(), nullptr});
      moved.x = retyped(moved.x, type);
      moved.y = retyped(moved.y, type);
      const auto got =
          on_device(arena, type, [&](const Memory& memory, const CudaStream& on) { max_pool_cuda(moved, memory, on); });
      expect_same(got, want.values);
    });
  }
};

TEST_P(MaxPoolCudaTest, AsReference) {
  expect_as_reference();
}

TEST_P(MaxPoolCudaTest, NanAndInfinityAsReference) {
  place_nan_and_infinity(arena, op.x);
  expect_as_reference();
}

INSTANTIATE_TEST_SUITE_P(Shapes, MaxPoolCudaTest, testing::ValuesIn(kMaxPoolCases));

struct ChainCase {
  int n, h, w, c;
  int kernel, count;
  int multiprocessors;  // of the device that the tiling is for
};

class MaxPoolChainCudaTest : public testing::TestWithParam<ChainCase> {
 protected:
  void SetUp() override {
    const auto [n, h, w, c, kernel, count, multiprocessors] = GetParam();
    op.count = count;
    op.kernel = kernel;
    const Tensor all = arena.place_random(n, h, w, (1 + count) * c, 0, 1, -9, -1);  // as SPPF's Concat
    for (int i = 0; i <= count; ++i) {
      Tensor& slice = i == 0 ? op.x : op.y[i - 1];
      slice = shifted(all, i * c);
      slice.c = c;
    }
  }
  void expect_as_reference() {
    for (const Type type : {Type::f32, Type::f16}) {
      SCOPED_TRACE(type == Type::f32 ? "f32" : "f16");
      Arena want = arena;
      round_to(want.values, type);
      for (int i = 0; i < op.count; ++i) run_reference(op.step(i), {want.data(), nullptr});
      MaxPoolChain typed = op;
      typed.x = retyped(op.x, type);
      for (Tensor& y : typed.y) y = retyped(y, type);
      const auto got = on_device(arena, type, [&](const Memory& memory, CudaStream on) {
        on.multiprocessors = GetParam().multiprocessors;
        max_pool_chain_cuda(typed, memory, on);
      });
      expect_same(got, want.values);
    }
  }
  MaxPoolChain op{};
  Arena arena{Space::arena};
};

TEST_P(MaxPoolChainCudaTest, AsReference) {
  expect_as_reference();
}

TEST_P(MaxPoolChainCudaTest, NanAndInfinityAsReference) {
  place_nan_and_infinity(arena, op.x);
  expect_as_reference();
}

INSTANTIATE_TEST_SUITE_P(Shapes, MaxPoolChainCudaTest,
                         testing::Values(ChainCase{1, 20, 20, 128, 5, 3, 100},  // SPPF of YOLOv8n
                                         ChainCase{1, 20, 20, 128, 5, 3, 16}, ChainCase{3, 13, 9, 16, 5, 3, 2},
                                         ChainCase{2, 7, 30, 32, 3, 4, 1},   // wide strips
                                         ChainCase{1, 31, 3, 8, 7, 2, 40},   // one row per strip
                                         ChainCase{2, 4, 5, 24, 9, 1, 4},    // the window is larger than the image
                                         ChainCase{1, 1, 1, 8, 1, 2, 4},     // windows of one pixel
                                         ChainCase{1, 14, 160, 8, 5, 3, 4},  // too wide for shared memory
                                         ChainCase{2, 6, 5, 13, 5, 3, 4}));  // no 16-byte vectors

}  // namespace
}  // namespace cudet::test
