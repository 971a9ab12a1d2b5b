// libFuzzer target: a network table in YAML. Whatever the text is: a table that can be written, or Error.
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
