#include "tests/kernels/on_device.h"
#include "tests/kernels/resize_bilinear_cases.h"

namespace cudet::test {

class ResizeBilinearCudaTest : public testing::TestWithParam<ResizeBilinearCase> {};

TEST_P(ResizeBilinearCudaTest, AsReference) {
  const ResizeBilinearProblem problem(GetParam());
  for_types_and_shifts(problem.arena, [&](Type type, Shift shift) {
    ResizeBilinear op = problem.op;
    op.x = shifted(op.x, shift.x);
    op.y = shifted(op.y, shift.y);
    Arena want = problem.arena;
    round_to(want.values, type);
    run_reference(op, {want.data(), nullptr});
    op.x = retyped(op.x, type);
    op.y = retyped(op.y, type);
    const auto got = on_device(
        problem.arena, type, [&](const Memory& memory, const CudaStream& on) { resize_bilinear_cuda(op, memory, on); });
    expect_close(got, want.values, type == Type::f16 ? 6e-4 : 4e-7);
  });
}

INSTANTIATE_TEST_SUITE_P(Shapes, ResizeBilinearCudaTest, testing::ValuesIn(kResizeBilinearCases));

}  // namespace cudet::test
