#include "apps/checkpoint/check_runnable.h"

#include "apps/checkpoint/stored_weights.h"
#include "kernels/error.h"
#include "runtime/model/description.h"
#include "runtime/model/model.h"

namespace cudet::convert {
namespace {

/// Compares the strides that a checkpoint stores with those of the graph. Boxes are multiplied by them.
void check_strides(const ModelTable& table, const Graph& graph, const std::string& path) {
  const std::vector<ValueId>& maps = graph.nodes.back().inputs;  // per level a box map and a score map
  if (table.strides.empty()) return;
  const Extent input{2 * graph.stride, 2 * graph.stride};
  const std::vector<Extent> extents = infer_extents(graph, input);
  bool same = table.strides.size() == maps.size() / 2;
  for (std::size_t level = 0; same && level < table.strides.size(); ++level)
    same = table.strides[level] * static_cast<float>(extents[static_cast<std::size_t>(maps[2 * level])].h) ==
           static_cast<float>(input.h);
  if (!same) throw Error(path + ": the strides that Detect stores are not those of its levels");
}

}  // namespace

int check_runnable(const ModelTable& table, const std::map<std::string, StoredTensor>* weights,
                   const std::string& path) {
  const Description description = parse_description(to_json(table, ""), path);
  const Graph graph =
      weights ? build_graph(description, StoredWeights(*weights)) : build_graph(description, NoWeights());
  check_strides(table, graph, path);
  return graph.stride;
}

void round_input(ModelTable& table, int stride) {
  for (int* side : {&table.height, &table.width}) {
    *side = round_up(*side, stride);
    if (*side > kMaxInput)
      throw Error("the input size rounded up to the stride of " + std::to_string(stride) + " pixels is " +
                  std::to_string(*side) + ", more than " + std::to_string(kMaxInput) + ": give a smaller --imgsz");
  }
}

}  // namespace cudet::convert
