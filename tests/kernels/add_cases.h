// Cases for sums of two tensors.
#pragma once
#include <vector>

#include "kernels/add/add.h"
#include "tests/kernels/compare.h"

namespace cudet::test {

struct AddCase {
  int n, h, w, c;
  int spare_a, spare_b, spare_y;  // further channels of the tensors of which a, b and y are slices
};

inline const std::vector<AddCase> kAddCases = {
    {1, 40, 40, 64, 0, 0, 0},  // rows are contiguous
    {1, 20, 20, 32, 64, 0, 0}, {1, 20, 20, 32, 0, 0, 32}, {1, 1, 1, 1, 0, 0, 0},
    {2, 7, 5, 3, 0, 5, 0},     {3, 9, 17, 37, 1, 2, 3},   {2, 3, 4, 5, 0, 0, 0},
};

struct AddProblem {
  explicit AddProblem(const AddCase& t) {
    op.a = arena.place_random(t.n, t.h, t.w, t.c, t.spare_a, 1);
    op.b = arena.place_random(t.n, t.h, t.w, t.c, t.spare_b, 2);
    op.y = arena.place(t.n, t.h, t.w, t.c, t.spare_y);
  }
  Arena arena{Space::arena};
  Add op{};
};

}  // namespace cudet::test
