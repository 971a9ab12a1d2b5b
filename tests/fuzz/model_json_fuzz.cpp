// libFuzzer target: parses a model's description, and builds and compiles its graph without weights. Any input must
// give a program or throw Error.
#include <cstdint>
#include <string>

#include "runtime/compile/lowering.h"
#include "runtime/compile/passes.h"
#include "runtime/model/model.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cudet;
  try {
    const Description description =
        parse_description(std::string(reinterpret_cast<const char*>(data), size), "model.json");
    Graph graph = build_graph(description, NoWeights());
    optimise(graph);
    compile(graph, no_weights(graph), 1, {graph.stride, graph.stride});
  } catch (const Error&) {
  }
  return 0;
}
