#include "tests/kernels/copy_cases.h"
#include "tests/kernels/on_device.h"

namespace cudet::test {

class CopyCudaTest : public testing::TestWithParam<CopyCase> {};

TEST_P(CopyCudaTest, AsReference) {
  const CopyProblem problem(GetParam());
  for_types_and_shifts(problem.arena, [&](Type type, Shift shift) {
    const Copy op{shifted(problem.op.x, shift.x), shifted(problem.op.y, shift.y)};
    Arena want = problem.arena;
    round_to(want.values, type);
    run_reference(op, {want.data(), nullptr});
    const auto got = on_device(problem.arena, type, [&](const Memory& memory, const CudaStream& on) {
      copy_cuda({retyped(op.x, type), retyped(op.y, type)}, memory, on);
    });
    expect_close(got, want.values, 0);
  });
}

INSTANTIATE_TEST_SUITE_P(Shapes, CopyCudaTest, testing::ValuesIn(kCopyCases));

}  // namespace cudet::test
