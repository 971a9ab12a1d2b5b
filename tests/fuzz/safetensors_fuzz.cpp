// libFuzzer target: parses a safetensors file. Any input must give tensors whose values can be read, or throw Error.
#include "kernels/error.h"
#include "runtime/model/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  try {
    const auto file = cudet::Safetensors::parse({bytes.begin(), bytes.end()}, "fuzz");
    for (const auto& [name, tensor] : file.tensors())
      if (tensor.to_f32().size() != tensor.elements()) __builtin_trap();
  } catch (const cudet::Error&) {
  }
  return 0;
}
