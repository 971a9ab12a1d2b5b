// Cases for copies.
#pragma once
#include <vector>

#include "kernels/copy/copy.h"
#include "tests/kernels/compare.h"

namespace cudet::test {

struct CopyCase {
  int n, h, w, c;
  int spare_x, spare_y;  // further channels of the tensors of which x and y are slices
};

inline const std::vector<CopyCase> kCopyCases = {
    {1, 40, 40, 128, 0, 0}, {1, 40, 40, 128, 0, 64}, {1, 1, 1, 1, 0, 0},
    {2, 7, 5, 3, 5, 0},     {3, 9, 17, 37, 0, 3},    {2, 3, 4, 5, 2, 2},
};

struct CopyProblem {
  explicit CopyProblem(const CopyCase& t) {
    op.x = arena.place_random(t.n, t.h, t.w, t.c, t.spare_x, 1);
    op.y = arena.place(t.n, t.h, t.w, t.c, t.spare_y);
  }
  Arena arena{Space::arena};
  Copy op{};
};

}  // namespace cudet::test
