// What nearest-neighbour upsampling is tested on.
#pragma once
#include <vector>

#include "kernels/upsample/upsample.h"
#include "tests/kernels/compare.h"

namespace cudet::test {

struct UpsampleCase {
  int n, h, w, c, scale;
  int spare_x, spare_y;  // further channels of the wider tensors that x and y are slices of
};

inline const std::vector<UpsampleCase> kUpsampleCases = {
    {1, 20, 20, 256, 2, 0, 128}, {1, 1, 1, 1, 2, 0, 0}, {2, 7, 5, 3, 3, 5, 0},
    {3, 5, 9, 37, 2, 1, 3},      {2, 3, 4, 8, 1, 0, 8}, {1, 1, 6, 5, 4, 0, 0},
};

struct UpsampleProblem {
  explicit UpsampleProblem(const UpsampleCase& of) {
    op.scale = of.scale;
    op.x = arena.place_random(of.n, of.h, of.w, of.c, of.spare_x, 1);
    op.y = arena.place(of.n, of.scale * of.h, of.scale * of.w, of.c, of.spare_y);
  }
  Arena arena{Space::arena};
  Upsample op{};
};

}  // namespace cudet::test
