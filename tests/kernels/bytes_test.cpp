// The kernels that support u8 tensors as well as floats.
#include "tests/kernels/bytes.h"

#include <cstring>

#include "kernels/copy/copy.h"
#include "kernels/letterbox/letterbox.h"
#include "tests/kernels/dysample_cases.h"
#include "tests/kernels/max_pool_cases.h"
#include "tests/kernels/picture.h"
#include "tests/kernels/upsample_cases.h"

namespace cudet::test {
namespace {

/// Runs the kernel tile by tile, in reverse order, and the reference, both from the contents of `start`, and compares
/// all bytes including the guards.
template <class Op, class Cpu>
void expect_same_bytes(const Op& op, const ByteArena& start, Cpu cpu) {
  ByteArena got = start, want = start;
  for (int tile = op.tiles(); tile-- > 0;) cpu(op, got.memory(), tile, tile + 1);
  run_reference(op, want.memory());
  EXPECT_NE(want.values, start.values) << "the reference wrote nothing";
  EXPECT_EQ(got.values, want.values);
}

TEST(Bytes, CopyMatchesReference) {
  for (const int spare : {0, 5}) {
    ByteArena arena;
    Copy op{};
    op.x = arena.place_random(2, 5, 7, 37, spare, 1);
    op.y = arena.place(2, 5, 7, 37, 2 * spare);
    expect_same_bytes(op, arena, copy_cpu);
  }
}

TEST(Bytes, UpsampleMatchesReference) {
  for (const UpsampleCase& shape : kUpsampleCases) {
    ByteArena arena;
    Upsample op{};
    op.scale = shape.scale;
    op.x = arena.place_random(shape.n, shape.h, shape.w, shape.c, shape.spare_x, 1);
    op.y = arena.place(shape.n, shape.scale * shape.h, shape.scale * shape.w, shape.c, shape.spare_y);
    expect_same_bytes(op, arena, upsample_cpu);
  }
}

TEST(Bytes, MaxPoolMatchesReference) {
  for (const MaxPoolCase& shape : kMaxPoolCases) {
    MaxPool op = MaxPoolProblem(shape).op;
    ByteArena arena;
    op.x = arena.place_random(op.x.n, op.x.h, op.x.w, op.x.c, op.x.pitch - op.x.c, 1);
    op.y = arena.place(op.y.n, op.y.h, op.y.w, op.y.c, op.y.pitch - op.y.c);
    expect_same_bytes(op, arena, max_pool_cpu);
  }
}

// Kernel and reference interpolate with floats, so a value halfway between two integers may round either way.
TEST(Bytes, DySampleMatchesReferenceWithinOne) {
  for (const DySampleCase& shape : kDySampleCases) {
    const DySampleProblem floats(shape);
    DySample op = floats.op;
    ByteArena arena;
    op.x = arena.place_random(op.x.n, op.x.h, op.x.w, op.x.c, op.x.pitch - op.x.c, 1);
    op.offset =
        arena.place(op.offset.n, op.offset.h, op.offset.w, op.offset.c, op.offset.pitch - op.offset.c, Type::f32);
    std::memcpy(arena.data() + op.offset.offset, floats.arena.values.data() + floats.op.offset.offset / sizeof(float),
                op.offset.pixel(op.offset.n, 0, 0) * sizeof(float));
    op.y = arena.place(op.y.n, op.y.h, op.y.w, op.y.c, op.y.pitch - op.y.c);
    ByteArena got = arena, want = arena;
    for (int tile = op.tiles(); tile-- > 0;) dysample_cpu(op, got.memory(), tile, tile + 1);
    run_reference(op, want.memory());
    EXPECT_NE(want.values, arena.values);
    std::size_t different = 0;
    for (std::size_t e = 0; e < want.values.size(); ++e) {
      ASSERT_LE(std::abs(got.values[e] - want.values[e]), 1) << e;
      different += got.values[e] != want.values[e];
    }
    EXPECT_LE(different, want.values.size() / 1000);
  }
}

TEST(Bytes, LetterboxMatchesReference) {
  for (const PixelFormat format : {PixelFormat::rgb, PixelFormat::bgra, PixelFormat::grey, PixelFormat::nv12})
    for (const Extent input : {Extent{64, 96}, Extent{33, 601}}) {
      const Picture picture = random_picture(321, 183, format, 0, false, 1);
      ByteArena arena;
      const Letterbox op{picture.frame, letterbox_fit(321, 183, input), arena.place(2, input.h, input.w, 3, 1), 1};
      expect_same_bytes(op, arena, letterbox_cpu);
    }
}

}  // namespace
}  // namespace cudet::test
