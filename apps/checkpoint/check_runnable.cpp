#include "apps/checkpoint/check_runnable.h"

#include <algorithm>

#include "kernels/error.h"
#include "runtime/model/description.h"
#include "runtime/model/model.h"

namespace cudet::convert {
namespace {

/// The names and shapes of weights, without values.
class Shapes final : public WeightSource {
 public:
  explicit Shapes(const std::map<std::string, StoredTensor>& tensors) : tensors_(tensors) {}

  /// Hides the constants of DFL: they are the only weights whose values the runtime checks when it loads a model, and
  /// read_checkpoint() has checked them already.
  bool has(const std::string& name) const override {
    return tensors_.contains(name) && !name.ends_with(".dfl.conv.weight");
  }

  std::vector<int> shape(const std::string& name) const override {
    const auto found = tensors_.find(name);
    return found == tensors_.end() ? std::vector<int>()
                                   : std::vector<int>(found->second.shape.begin(), found->second.shape.end());
  }

  Values values(const std::string& name, const std::vector<int>& shape) const override {
    const auto found = tensors_.find(name);
    if (found == tensors_.end()) throw Error(name + " is missing");
    if (!std::equal(shape.begin(), shape.end(), found->second.shape.begin(), found->second.shape.end()))
      throw Error(name + " has a shape that does not fit the rows before it");
    return {};
  }

 private:
  const std::map<std::string, StoredTensor>& tensors_;
};

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
  const Graph graph = weights ? build_graph(description, Shapes(*weights)) : build_graph(description, NoWeights());
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
