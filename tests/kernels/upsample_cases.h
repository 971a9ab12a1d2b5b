// Cases for nearest-neighbour upsampling.
#pragma once
#include <vector>

#include "kernels/upsample/upsample.h"
#include "tests/kernels/compare.h"

namespace cudet::test {

struct UpsampleCase {
  int n, h, w, c, scale;
  int spare_x, spare_y;  // further channels of the tensors of which x and y are slices
};

inline const std::vector<UpsampleCase> kUpsampleCases = {
    {1, 20, 20, 256, 2, 0, 128}, {1, 1, 1, 1, 2, 0, 0}, {2, 7, 5, 3, 3, 5, 0},
    {3, 5, 9, 37, 2, 1, 3},      {2, 3, 4, 8, 1, 0, 8}, {1, 1, 6, 5, 4, 0, 0},
};

struct UpsampleProblem {
  explicit UpsampleProblem(const UpsampleCase& t) {
    op.scale = t.scale;
    op.x = arena.place_random(t.n, t.h, t.w, t.c, t.spare_x, 1);
    op.y = arena.place(t.n, t.scale * t.h, t.scale * t.w, t.c, t.spare_y);
  }
  Arena arena{Space::arena};
  Upsample op{};
};

}  // namespace cudet::test
