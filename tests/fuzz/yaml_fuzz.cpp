// libFuzzer target: parses a network table in YAML. Any input must give a table that can be written, or throw Error.
#include "apps/convert/yaml_model.h"
#include "kernels/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const std::string text(reinterpret_cast<const char*>(data), size);
    cudet::convert::to_json(cudet::convert::read_yaml_model(text, "yolov8n.yaml", {}), "");
  } catch (const cudet::Error&) {
  }
  return 0;
}
