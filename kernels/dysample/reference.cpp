#include <algorithm>
#include <cmath>

#include "kernels/dysample/dysample.h"

namespace cudet {
namespace {

// Two neighbouring rows or columns, and the weight of the second.
struct Axis {
  int low, high;
  float weight;
};

Axis clamp_to(float coordinate, int size) {
  const float clamped = coordinate > 0 ? std::min(coordinate, static_cast<float>(size - 1)) : 0;  // NaN gives 0
  const int low = static_cast<int>(clamped);
  return {low, std::min(low + 1, size - 1), clamped - static_cast<float>(low)};
}

void store(double value, float& y) {
  y = static_cast<float>(value);
}
void store(double value, std::uint8_t& y) {
  y = static_cast<std::uint8_t>(std::nearbyint(value));
}

template <class T>
void dysample(const DySample& op, const Memory& memory) {
  const T* x = arena_data<T>(memory, op.x);
  const float* offset = arena_data<float>(memory, op.offset);
  T* y = arena_data<T>(memory, op.y);
  const int s = op.scale, channels_per_group = op.x.c / op.groups, maps = 2 * op.groups * s * s;

  // Coordinate along axis d (0: x, 1: y) of the point of sub-pixel (p, q) in group g.
  const auto coordinate = [&](int i, int v, int u, int g, int p, int q, int d) {
    const float position = static_cast<float>(d == 0 ? q : p), base = static_cast<float>(d == 0 ? u : v);
    const float initial = (position - static_cast<float>(s - 1) / 2) / static_cast<float>(s);
    const float* o = offset + op.offset.pixel(i, v, u);
    const int m = ((d * op.groups + g) * s + p) * s + q;
    const float a = op.dyscope ? 0.5f * (1 / (1 + std::exp(-o[maps + m]))) : 0.25f;
    return base + (initial + a * o[m]);
  };

  for (int i = 0; i < op.x.n; ++i)
    for (int v = 0; v < op.x.h; ++v)
      for (int u = 0; u < op.x.w; ++u)
        for (int p = 0; p < s; ++p)
          for (int q = 0; q < s; ++q)
            for (int k = 0; k < op.x.c; ++k) {
              const int g = k / channels_per_group;
              const Axis row = clamp_to(coordinate(i, v, u, g, p, q, 1), op.x.h);
              const Axis column = clamp_to(coordinate(i, v, u, g, p, q, 0), op.x.w);
              double sum = -0.0;  // adding to it keeps the sign of a zero
              const auto corner = [&](int r, int c, double weight) {
                if (weight != 0) sum += weight * x[op.x.pixel(i, r, c) + k];
              };
              const double below = row.weight, right = column.weight;
              corner(row.low, column.low, (1 - below) * (1 - right));
              corner(row.low, column.high, (1 - below) * right);
              corner(row.high, column.low, below * (1 - right));
              corner(row.high, column.high, below * right);
              store(sum, y[op.y.pixel(i, s * v + p, s * u + q) + k]);
            }
}

}  // namespace

void run_reference(const DySample& op, const Memory& memory) {
  op.x.type == Type::u8 ? dysample<std::uint8_t>(op, memory) : dysample<float>(op, memory);
}

void run_reference(const ConvDySample& op, const Memory& memory) {
  run_reference(op.conv, memory);
  run_reference(op.sample, memory);
}

}  // namespace cudet
