#include <bit>

#include "kernels/upsample/upsample.h"
#include "tests/kernels/dysample_cases.h"
#include "tests/kernels/on_device.h"

namespace cudet::test {
namespace {

class DySampleCudaTest : public testing::TestWithParam<DySampleCase>, protected DySampleProblem {
 protected:
  DySampleCudaTest() : DySampleProblem(GetParam()) {
    // A shifted x would contain guard values, and elements of y equal to the guard would be taken for it.
    const std::size_t first = op.x.offset / sizeof(float), count = op.x.pixel(op.x.n, 0, 0) + 4;
    for (std::size_t e = first; e < first + count; ++e)
      if (arena.values[e] == kGuard) arena.values[e] = 0.25f;
  }

  // For all types of x and y, types of the offsets, and shifts: calls reference(operator, arena rounded to the types),
  // then compare(operator on the device, device's result, reference's result). The device has the arena twice: in the
  // type of x, then, for the offsets, in theirs.
  template <class Reference, class Compare>
  void for_runs(Reference reference, Compare compare) {
    for (const Type offset_type : {Type::f32, Type::f16}) {
      SCOPED_TRACE(offset_type == Type::f32 ? "offsets f32" : "offsets f16");
      for_types_and_shifts(arena, [&](Type type, Shift shift) {
        DySample moved = op;
        moved.x = shifted(op.x, shift.x);
        moved.y = shifted(op.y, shift.y);
        Arena want = arena;
        round_to(want.values, type);
        for_offsets([&](std::size_t e) {
          want.values[e] = offset_type == Type::f16 ? as_f16(arena.values[e]) : arena.values[e];
        });
        reference(moved, Memory{want.data(), nullptr});

        const std::size_t bytes = arena.values.size() * size_of(type), start = (bytes + 255) / 256 * 256;
        const std::size_t offset_bytes = arena.values.size() * size_of(offset_type);
        DySample typed = moved;
        typed.x = retyped(moved.x, type);
        typed.y = retyped(moved.y, type);
        typed.offset = retyped(moved.offset, offset_type);
        typed.offset.offset += start;
        const DeviceSpace space(arena.values, type), offsets(arena.values, offset_type);
        const DeviceArray<std::byte> both(start + offset_bytes);
        check(cudaMemcpy(both.data(), space.data(), bytes, cudaMemcpyDeviceToDevice), "copy");
        check(cudaMemcpy(both.data() + start, offsets.data(), offset_bytes, cudaMemcpyDeviceToDevice), "copy");
        dysample_cuda(typed, {both.data(), nullptr}, stream_for_few_blocks());
        check(cudaMemcpy(space.data(), both.data(), bytes, cudaMemcpyDeviceToDevice), "copy");
        std::vector<float> got = space.values();
        for_offsets([&](std::size_t e) { got[e] = want.values[e] = kGuard; });  // not results, and may be NaN
        compare(typed, got, want.values);
      });
    }
  }

 private:
  // Calls f(element of the arena) for each offset and scope.
  template <class F>
  void for_offsets(F f) const {
    for (int i = 0; i < op.x.n; ++i)
      for (int v = 0; v < op.x.h; ++v)
        for (int u = 0; u < op.x.w; ++u)
          for (int m = 0; m < op.offset.c; ++m) f(op.offset.offset / sizeof(float) + op.offset.pixel(i, v, u) + m);
  }
};

// Coordinates are equal to the reference's, so f32 differs by the blend's rounding; a scope's σ may change a coordinate
// by its last bit, 2^-19 pixels at 20. f16 adds its rounding, half of 2^-10 of the value.
void expect_within(const DySample& op, const std::vector<float>& got, const std::vector<float>& want) {
  expect_close(got, want, (op.dyscope ? 1e-5 : 1e-6) + (op.x.type == Type::f16 ? 0x1p-11 : 0));
}

TEST_P(DySampleCudaTest, AsReference) {
  for_runs([](const DySample& typed, const Memory& memory) { run_reference(typed, memory); }, expect_within);
}

TEST_P(DySampleCudaTest, NearestUpsamplingBitForBit) {
  make_nearest();
  for_runs(
      [](const DySample& typed, const Memory& memory) {
        run_reference(Upsample{typed.x, typed.y, typed.scale}, memory);
      },
      [](const DySample& typed, const std::vector<float>& got, const std::vector<float>& want) {
        if (typed.offset.type == Type::f16 && typed.scale == 3) return;  // f16 has no thirds
        for (std::size_t e = 0; e < want.size(); ++e)
          ASSERT_EQ(std::bit_cast<unsigned>(got[e]), std::bit_cast<unsigned>(want[e])) << "element " << e;
      });
}

TEST_P(DySampleCudaTest, WildOffsetsStayWithin) {
  make_wild();
  for_runs([](const DySample& typed, const Memory& memory) { run_reference(typed, memory); }, expect_within);
}

INSTANTIATE_TEST_SUITE_P(Shapes, DySampleCudaTest, testing::ValuesIn(kDySampleCases));

}  // namespace
}  // namespace cudet::test
