// Cases for padding with zeros.
#pragma once
#include <vector>

#include "kernels/pad/pad.h"
#include "tests/kernels/compare.h"

namespace cudet::test {

struct PadCase {
  int n, h, w, c;
  int left, right, top, bottom;
  int spare_x, spare_y;  // further channels of the tensors of which x and y are slices
};

inline const std::vector<PadCase> kPadCases = {
    {1, 13, 13, 64, 0, 1, 0, 1, 0, 0},  // as before a pooling of 2x2 with stride 1
    {1, 20, 20, 32, 2, 2, 2, 2, 32, 0}, {1, 1, 1, 1, 1, 0, 0, 0, 0, 0}, {2, 7, 5, 3, 0, 0, 3, 0, 5, 0},
    {3, 5, 9, 37, 1, 2, 3, 4, 1, 3},    {2, 3, 4, 8, 0, 0, 0, 0, 0, 8},  // nothing
    {1, 2, 3, 5, 9, 0, 0, 7, 0, 0},                                      // more padding than pixels
};

struct PadProblem {
  explicit PadProblem(const PadCase& t) {
    op.top = t.top;
    op.left = t.left;
    op.x = arena.place_random(t.n, t.h, t.w, t.c, t.spare_x, 1);
    op.y = arena.place(t.n, t.top + t.h + t.bottom, t.left + t.w + t.right, t.c, t.spare_y);
  }
  Arena arena{Space::arena};
  Pad op{};
};

}  // namespace cudet::test
