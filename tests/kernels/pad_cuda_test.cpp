#include "tests/kernels/on_device.h"
#include "tests/kernels/pad_cases.h"

namespace cudet::test {

class PadCudaTest : public testing::TestWithParam<PadCase> {};

TEST_P(PadCudaTest, AsReference) {
  const PadProblem problem(GetParam());
  for_types_and_shifts(problem.arena, [&](Type type, Shift shift) {
    Pad op = problem.op;
    op.x = shifted(op.x, shift.x);
    op.y = shifted(op.y, shift.y);
    Arena want = problem.arena;
    round_to(want.values, type);
    run_reference(op, {want.data(), nullptr});
    op.x = retyped(op.x, type);
    op.y = retyped(op.y, type);
    const auto got =
        on_device(problem.arena, type, [&](const Memory& memory, const CudaStream& on) { pad_cuda(op, memory, on); });
    expect_close(got, want.values, 0);
  });
}

INSTANTIATE_TEST_SUITE_P(Shapes, PadCudaTest, testing::ValuesIn(kPadCases));

}  // namespace cudet::test
