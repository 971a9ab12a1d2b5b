#include "tests/kernels/on_device.h"
#include "tests/kernels/upsample_cases.h"

namespace cudet::test {

class UpsampleCudaTest : public testing::TestWithParam<UpsampleCase> {};

TEST_P(UpsampleCudaTest, AsReference) {
  const UpsampleProblem problem(GetParam());
  for_types_and_shifts(problem.arena, [&](Type type, Shift shift) {
    const Upsample op{shifted(problem.op.x, shift.x), shifted(problem.op.y, shift.y), problem.op.scale};
    Arena want = problem.arena;
    round_to(want.values, type);
    run_reference(op, {want.data(), nullptr});
    const auto got = on_device(problem.arena, type, [&](const Memory& memory, const CudaStream& on) {
      upsample_cuda({retyped(op.x, type), retyped(op.y, type), op.scale}, memory, on);
    });
    expect_close(got, want.values, 0);
  });
}

INSTANTIATE_TEST_SUITE_P(Shapes, UpsampleCudaTest, testing::ValuesIn(kUpsampleCases));

}  // namespace cudet::test
