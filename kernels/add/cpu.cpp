#include "kernels/add/add.h"

namespace cudet {
namespace {

// Memory limits the speed, so the compiler's vectors of the baseline instruction set suffice.
void add(const float* a, const float* b, float* __restrict y, int count) {
  for (int k = 0; k < count; ++k) y[k] = a[k] + b[k];
}

}  // namespace

void add_cpu(const Add& op, const Memory& memory, int first, int last) {
  const auto dense = [](const Tensor& t) { return t.pitch == t.c; };
  const bool whole_rows = dense(op.a) && dense(op.b) && dense(op.y);  // a row is contiguous
  const int runs = whole_rows ? 1 : op.y.w, count = whole_rows ? op.y.w * op.y.c : op.y.c;
  for (int tile = first; tile < last; ++tile) {
    const int i = tile / op.y.h, v = tile % op.y.h;
    const float* a = arena_data<float>(memory, op.a) + op.a.pixel(i, v, 0);
    const float* b = arena_data<float>(memory, op.b) + op.b.pixel(i, v, 0);
    float* y = arena_data<float>(memory, op.y) + op.y.pixel(i, v, 0);
    for (int run = 0; run < runs; ++run, a += op.a.pitch, b += op.b.pitch, y += op.y.pitch) add(a, b, y, count);
  }
}

}  // namespace cudet
