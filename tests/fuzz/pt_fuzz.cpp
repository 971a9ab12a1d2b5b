// libFuzzer target: reads a checkpoint's archive. Any input must give a network whose description can be written, or
// throw Error.
#include "apps/checkpoint/checkpoint.h"
#include "kernels/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  try {
    const cudet::convert::Checkpoint checkpoint =
        cudet::convert::read_checkpoint(cudet::convert::TorchFile::parse({bytes.begin(), bytes.end()}));
    cudet::convert::to_json(checkpoint.table, "fuzz");
  } catch (const cudet::Error&) {
  }
  return 0;
}
