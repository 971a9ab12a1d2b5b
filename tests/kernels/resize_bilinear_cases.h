// Cases for bilinear upsampling.
#pragma once
#include <vector>

#include "kernels/resize_bilinear/resize_bilinear.h"
#include "tests/kernels/compare.h"

namespace cudet::test {

struct ResizeBilinearCase {
  int n, h, w, c, scale;
  bool align_corners;
  int spare_x, spare_y;  // further channels of the tensors of which x and y are slices
};

inline const std::vector<ResizeBilinearCase> kResizeBilinearCases = {
    {1, 20, 20, 64, 2, false, 0, 64}, {1, 20, 20, 64, 2, true, 0, 0}, {1, 1, 1, 1, 2, false, 0, 0},
    {1, 1, 1, 5, 3, true, 0, 0},      {1, 1, 1, 3, 1, true, 0, 0},  // a single output
    {2, 7, 5, 3, 3, false, 5, 0},     {2, 7, 5, 3, 3, true, 5, 0},    {3, 5, 9, 37, 4, false, 1, 3},
    {2, 3, 4, 8, 1, false, 0, 8},     {1, 2, 6, 5, 16, true, 0, 0},   {1, 3, 1, 12, 5, false, 0, 0},
};

struct ResizeBilinearProblem {
  explicit ResizeBilinearProblem(const ResizeBilinearCase& t) {
    op.scale = t.scale;
    op.align_corners = t.align_corners;
    op.x = arena.place_random(t.n, t.h, t.w, t.c, t.spare_x, 1);
    // A shifted x contains guards, and the mean of two guards must not count as a guard of y.
    std::replace(arena.values.begin(), arena.values.end(), kGuard, 0.5f);
    op.y = arena.place(t.n, t.scale * t.h, t.scale * t.w, t.c, t.spare_y);
  }
  Arena arena{Space::arena};
  ResizeBilinear op{};
};

}  // namespace cudet::test
