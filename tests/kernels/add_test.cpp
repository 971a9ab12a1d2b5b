#include "tests/kernels/add_cases.h"

namespace cudet::test {

void expect_cpu_as_reference(const Add& op, const Arena& arena) {
  Arena want = arena, got = arena;
  run_reference(op, {want.data(), nullptr});
  for (int tile = op.tiles(); tile-- > 0;) add_cpu(op, {got.data(), nullptr}, tile, tile + 1);
  expect_close(got.values, want.values, 0);
}

class AddTest : public testing::TestWithParam<AddCase> {};

TEST_P(AddTest, Cpu) {
  const AddProblem problem(GetParam());
  expect_cpu_as_reference(problem.op, problem.arena);
}

TEST_P(AddTest, OneTensorTwice) {
  AddProblem problem(GetParam());
  problem.op.b = problem.op.a;
  expect_cpu_as_reference(problem.op, problem.arena);
}

INSTANTIATE_TEST_SUITE_P(Shapes, AddTest, testing::ValuesIn(kAddCases));

// As in a C2f or a GhostBottleneck whose sum goes into a Concat.
TEST(AddSlicesTest, OfOneTensor) {
  Arena arena(Space::arena);
  const Tensor all = arena.place_random(2, 5, 7, 15, 0, 1);
  Add op{all, all, all};
  int first = 0;
  for (Tensor* t : {&op.a, &op.y, &op.b}) {
    t->c = 5;
    t->offset += static_cast<std::size_t>(first) * sizeof(float);
    first += 5;
  }
  expect_cpu_as_reference(op, arena);
}

TEST(AddReferenceTest, AddsEachChannel) {
  Arena arena(Space::arena);
  Add op{};
  op.a = arena.place_random(1, 2, 3, 4, 1, 1);
  op.b = arena.place_random(1, 2, 3, 4, 0, 2);
  op.y = arena.place(1, 2, 3, 4, 2);
  run_reference(op, {arena.data(), nullptr});
  for (int k = 0; k < 4; ++k)
    EXPECT_EQ(arena.at(op.y, 0, 1, 2, k), arena.at(op.a, 0, 1, 2, k) + arena.at(op.b, 0, 1, 2, k));
}

}  // namespace cudet::test
