// Runs kernels on the device, on a test's arena and on tensors that start at any element.
#pragma once
#include "tests/kernels/device_arena.h"

namespace cudet::test {

/// Elements by which tensors x and y are moved in the arena; its margins leave room. Not moved, both are 16-byte
/// aligned in either type; moved by 4, only in f32.
struct Shift {
  int x, y;
};
inline constexpr Shift kShifts[] = {{0, 0}, {1, 0}, {0, 3}, {4, 4}};

inline Tensor shifted(Tensor t, int elements) {
  t.offset += elements * size_of(t.type);
  return t;
}

/// Calls f(type, shift) for both types and every shift, or only the first shift if the arena is large.
template <class F>
void for_types_and_shifts(const Arena& arena, F f) {
  for (const Type type : {Type::f32, Type::f16})
    for (const Shift shift : kShifts) {
      if (shift.x + shift.y > 0 && arena.values.size() > 100'000) break;
      SCOPED_TRACE(testing::Message() << (type == Type::f32 ? "f32" : "f16") << ", shifted by " << shift.x << ", "
                                      << shift.y);
      f(type, shift);
      if (testing::Test::HasFatalFailure()) return;
    }
}

/// Returns the arena after run(memory, stream) on the device, where its elements have `type`.
template <class Run>
std::vector<float> on_device(const Arena& arena, Type type, Run run) {
  const DeviceSpace space(arena.values, type);
  run(Memory{space.data(), nullptr}, stream_for_few_blocks());
  return space.values();
}

}  // namespace cudet::test
