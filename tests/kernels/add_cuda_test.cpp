#include "tests/kernels/add_cases.h"
#include "tests/kernels/on_device.h"

namespace cudet::test {

class AddCudaTest : public testing::TestWithParam<AddCase> {};

TEST_P(AddCudaTest, AsReference) {
  const AddProblem problem(GetParam());
  for_types_and_shifts(problem.arena, [&](Type type, Shift shift) {
    const Add op{shifted(problem.op.a, shift.x), problem.op.b, shifted(problem.op.y, shift.y)};
    Arena want = problem.arena;
    round_to(want.values, type);
    run_reference(op, {want.data(), nullptr});
    round_to(want.values, type);  // the sums
    const auto got = on_device(problem.arena, type, [&](const Memory& memory, const CudaStream& on) {
      add_cuda({retyped(op.a, type), retyped(op.b, type), retyped(op.y, type)}, memory, on);
    });
    expect_close(got, want.values, 0);
  });
}

INSTANTIATE_TEST_SUITE_P(Shapes, AddCudaTest, testing::ValuesIn(kAddCases));

}  // namespace cudet::test
