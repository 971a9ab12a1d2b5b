#include <cmath>
#include <limits>

#include "kernels/max_pool/max_pool.h"

namespace cudet {
namespace {

bool wins(float value, float maximum) {
  return value > maximum || std::isnan(value);
}
bool wins(std::uint8_t value, std::uint8_t maximum) {
  return value > maximum;
}

template <class T>
void max_pool(const MaxPool& op, const Memory& memory) {
  using Limits = std::numeric_limits<T>;
  const T* x = arena_data<T>(memory, op.x);
  T* y = arena_data<T>(memory, op.y);
  for (int i = 0; i < op.y.n; ++i)
    for (int v = 0; v < op.y.h; ++v)
      for (int u = 0; u < op.y.w; ++u)
        for (int k = 0; k < op.y.c; ++k) {
          T maximum = Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
          for (int r = 0; r < op.kernel; ++r)
            for (int s = 0; s < op.kernel; ++s) {
              const int row = v * op.stride - op.pad + r, column = u * op.stride - op.pad + s;
              if (row < 0 || row >= op.x.h || column < 0 || column >= op.x.w) continue;
              const T value = x[op.x.pixel(i, row, column) + k];
              if (wins(value, maximum)) maximum = value;
            }
          y[op.y.pixel(i, v, u) + k] = maximum;
        }
}

}  // namespace

void run_reference(const MaxPool& op, const Memory& memory) {
  op.x.type == Type::u8 ? max_pool<std::uint8_t>(op, memory) : max_pool<float>(op, memory);
}

void run_reference(const MaxPoolChain& op, const Memory& memory) {
  for (int i = 0; i < op.count; ++i) run_reference(op.step(i), memory);
}

}  // namespace cudet
