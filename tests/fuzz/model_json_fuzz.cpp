// A model's description, as far as it goes without weights: text to rows, graph, passes and program.
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
