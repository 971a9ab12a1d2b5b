// Cases for DySample's sampling.
#pragma once
#include <limits>
#include <vector>

#include "kernels/dysample/dysample.h"
#include "tests/kernels/compare.h"

namespace cudet::test {

struct DySampleCase {
  int n, h, w, c;
  int scale, groups;
  bool dyscope;
  int spare_x, spare_offset, spare_y;  // further channels of the tensors of which these are slices
};

inline const std::vector<DySampleCase> kDySampleCases = {
    {1, 20, 20, 256, 2, 4, false, 0, 0, 128},  // of YOLOv8n
    {1, 20, 20, 256, 2, 4, true, 0, 0, 128},
    {1, 1, 1, 1, 2, 1, false, 0, 0, 0},
    {1, 1, 7, 6, 3, 2, true, 0, 3, 1},
    {2, 7, 1, 15, 2, 5, false, 4, 0, 0},
    {3, 5, 9, 37, 1, 1, false, 1, 2, 3},
    {2, 4, 3, 24, 4, 8, true, 0, 1, 8},    // more offsets per pixel than are processed at a time
    {1, 3, 4, 33, 3, 33, false, 0, 0, 0},  // one channel per group
};

struct DySampleProblem {
  explicit DySampleProblem(const DySampleCase& t) {
    op.scale = t.scale;
    op.groups = t.groups;
    op.dyscope = t.dyscope;
    const int maps = (t.dyscope ? 4 : 2) * t.groups * t.scale * t.scale;
    op.x = arena.place_random(t.n, t.h, t.w, t.c, t.spare_x, 1);
    op.offset = arena.place_random(t.n, t.h, t.w, maps, t.spare_offset, 2, -9, 9);  // about 2 pixels, across borders
    op.y = arena.place(t.n, t.scale * t.h, t.scale * t.w, t.c, t.spare_y);
  }

  /// Sets offsets that give nearest upsampling, and values of x whose bits it must keep.
  void make_nearest() {
    const int s = op.scale, maps = 2 * op.groups * s * s;
    for_offsets([&](int i, int v, int u, int m) {
      const int position = m < maps / 2 ? m % s : m / s % s;
      const float initial = (static_cast<float>(position) - static_cast<float>(s - 1) / 2) / static_cast<float>(s);
      arena.at(op.offset, i, v, u, m) = m < maps ? -4 * initial : 0;  // σ(0) / 2 = 1/4
    });
    arena.at(op.x, 0, 0, 0, 0) = -0.0f;
    arena.at(op.x, op.x.n - 1, op.x.h - 1, op.x.w - 1, op.x.c - 1) = std::numeric_limits<float>::infinity();
  }
  /// Sets offsets far outside of the image, infinite or NaN.
  void make_wild() {
    constexpr float infinity = std::numeric_limits<float>::infinity();
    const float wild[] = {std::numeric_limits<float>::quiet_NaN(), infinity, -infinity, 3e38f, -3e38f, 1e9f, -1e9f, 0};
    unsigned at = 0;
    for_offsets([&](int i, int v, int u, int m) { arena.at(op.offset, i, v, u, m) = wild[(at += 3 + m % 2) % 8]; });
  }

  Arena arena{Space::arena};
  DySample op{};

 private:
  // Calls f(image, row, column, m) for each offset of each pixel; with dyscope the scopes follow the offsets.
  template <class F>
  void for_offsets(F f) {
    for (int i = 0; i < op.x.n; ++i)
      for (int v = 0; v < op.x.h; ++v)
        for (int u = 0; u < op.x.w; ++u)
          for (int m = 0; m < op.offset.c; ++m) f(i, v, u, m);
  }
};

}  // namespace cudet::test
