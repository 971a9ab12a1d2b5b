#include "tests/kernels/conv_transpose2d_cases.h"
#include "tests/kernels/on_device.h"

namespace cudet::test {

class ConvTranspose2dCudaTest : public testing::TestWithParam<ConvTranspose2dCase>, protected ConvTranspose2dProblem {
 protected:
  ConvTranspose2dCudaTest() : ConvTranspose2dProblem(GetParam()) {}

  /// The packed weights in `type`, then the bias in f32. Sets the offsets in `device`.
  std::vector<unsigned char> constants(Type type, ConvTranspose2d& device) {
    device.weight.type = type;
    const std::size_t bytes = (conv_transpose2d_packed_bytes(device) + 15) / 16 * 16;
    std::vector<unsigned char> constants(bytes + static_cast<std::size_t>(op.y.c) * sizeof(float));
    conv_transpose2d_pack(device, &weights.at(op.weight, 0, 0, 0, 0), reinterpret_cast<std::byte*>(constants.data()));
    std::memcpy(constants.data() + bytes, &weights.at(op.bias, 0, 0, 0, 0), constants.size() - bytes);
    device.weight.offset = 0;
    device.bias.offset = bytes;
    return constants;
  }
};

TEST_P(ConvTranspose2dCudaTest, AsReference) {
  for_types_and_shifts(arena, [&](Type type, Shift shift) {
    ConvTranspose2d device = op;
    device.x = shifted(op.x, shift.x);
    device.y = shifted(op.y, shift.y);
    Arena want = arena, rounded = weights;
    round_to(want.values, type);
    round_to(rounded.values, type);
    for (int k = 0; k < op.y.c; ++k) rounded.at(op.bias, 0, 0, 0, k) = weights.at(op.bias, 0, 0, 0, k);
    run_reference(device, {want.data(), rounded.data()});
    device.x = retyped(device.x, type);
    device.y = retyped(device.y, type);
    const DeviceArray<unsigned char> on_it(constants(type, device));
    const auto got = on_device(arena, type, [&](const Memory& memory, const CudaStream& on) {
      conv_transpose2d_cuda(device, {memory.arena, reinterpret_cast<const std::byte*>(on_it.data())}, on);
    });
    expect_close(got, want.values, type == Type::f16 ? 1e-3 : 1e-5);
  });
}

INSTANTIATE_TEST_SUITE_P(Shapes, ConvTranspose2dCudaTest, testing::ValuesIn(kConvTranspose2dCases));

}  // namespace cudet::test
