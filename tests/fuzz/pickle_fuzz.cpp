// libFuzzer target: reads a checkpoint's pickle. The archive around it is left out, because its checksums would reject
// most mutations. All storages exist, and are small.
#include "apps/checkpoint/checkpoint.h"
#include "kernels/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto kStorages = [] {
    std::map<std::string, std::vector<std::byte>> storages;
    for (int i = 0; i < 200; ++i) storages[std::to_string(i)].resize(5000);
    return storages;
  }();
  const auto bytes = std::as_bytes(std::span(data, size));
  try {
    const cudet::convert::Checkpoint checkpoint =
        cudet::convert::read_checkpoint(cudet::convert::TorchFile::assemble({bytes.begin(), bytes.end()}, kStorages));
    cudet::convert::to_json(checkpoint.table, "fuzz");
  } catch (const cudet::Error&) {
  }
  return 0;
}
