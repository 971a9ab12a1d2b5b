// A test's tensors on the device: the arena of compare.h, uploaded as f32 or f16, and downloaded again.
#pragma once
#include <cuda_fp16.h>

#include <cstring>

#include "tests/kernels/compare.h"
#include "tests/kernels/device.h"

namespace cudet::test {

/// Rounds a value to f16.
inline float as_f16(float value) {
  return __half2float(__float2half_rn(value));
}

/// Returns the tensor in a space whose elements have `type`.
inline Tensor retyped(Tensor t, Type type) {
  t.offset = t.offset / size_of(t.type) * size_of(type);
  t.type = type;
  return t;
}

/// An Arena on the device with all elements converted to `type`; retyped() converts its tensors.
class DeviceSpace {
 public:
  DeviceSpace(const std::vector<float>& values, Type type) : type_(type), bytes_(encode(values, type)) {}

  std::byte* data() const { return reinterpret_cast<std::byte*>(bytes_.data()); }
  /// Waits for the device, and returns all elements as floats.
  std::vector<float> values() const {
    check(cudaDeviceSynchronize(), "finish");
    const std::vector<unsigned char> bytes = bytes_.values();
    std::vector<float> values(bytes.size() / size_of(type_));
    for (std::size_t e = 0; e < values.size(); ++e) {
      if (type_ == Type::f32) {
        std::memcpy(&values[e], &bytes[4 * e], 4);
      } else {
        __half h;
        std::memcpy(&h, &bytes[2 * e], 2);
        values[e] = __half2float(h);
      }
    }
    return values;
  }

 private:
  static std::vector<unsigned char> encode(const std::vector<float>& values, Type type) {
    std::vector<unsigned char> bytes(values.size() * size_of(type));
    for (std::size_t e = 0; e < values.size(); ++e) {
      if (type == Type::f32) {
        std::memcpy(&bytes[4 * e], &values[e], 4);
      } else {
        const __half h = __float2half_rn(values[e]);
        std::memcpy(&bytes[2 * e], &h, 2);
      }
    }
    return bytes;
  }

  Type type_;
  DeviceArray<unsigned char> bytes_;
};

/// Rounds every value of an arena to `type`, so that a reference in f32 has the same input as the device.
inline void round_to(std::vector<float>& values, Type type) {
  if (type == Type::f16)
    for (float& value : values) value = as_f16(value);
}

}  // namespace cudet::test
