// The interface between a YOLO module and the graph: a module gets a LayerContext and adds its operators.
#pragma once
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "kernels/error.h"
#include "layers/arguments.h"
#include "layers/graph.h"

namespace cudet {

/// A source of weights by name.
class WeightSource {
 public:
  virtual ~WeightSource() = default;
  virtual bool has(const std::string& name) const = 0;
  /// The shape of a tensor, or empty if there is none of that name. NoWeights has none.
  virtual std::vector<int> shape(const std::string& name) const = 0;
  /// Returns a function that reads the tensor of that name as f32 when it is called, even after the source was
  /// destroyed. The function is empty if the source has no values, only names and shapes. Throws Error if the tensor is
  /// missing or has another shape.
  virtual Values values(const std::string& name, const std::vector<int>& shape) const = 0;
};

/// Replaces a weights file: accepts every shape, has no values, and leaves batch norm unfolded.
class NoWeights final : public WeightSource {
 public:
  bool has(const std::string&) const override { return false; }
  std::vector<int> shape(const std::string&) const override { return {}; }
  Values values(const std::string&, const std::vector<int>&) const override { return {}; }
};

/// The compound scaling of a YOLO table. The default changes nothing.
struct Scaling {
  double depth = 1, width = 1, max_channels = std::numeric_limits<double>::infinity();
  bool literal = true;

  /// Scales output channels: min(out, max_channels)·width, rounded up to a multiple of 8.
  int channels(int out) const;
  /// Scales a module's repeats: count·depth, rounded half to even, at least 1.
  int repeats(int count) const;
};

constexpr int kMaxChannels = 1 << 16;  // per value, so that sizes fit int
constexpr int kMaxInputChannels = 64;  // of the network's input
constexpr int kMaxRepeats = 1000;      // per row, before and after scaling

/// The activations of a network's Convs.
struct Activations {
  ActivationFunction standard{Activation::silu, 0};
  std::map<std::string, ActivationFunction> exceptions;  // by the Conv's name: "model.2.cv1"

  /// Returns a Conv's activation. `activated`: whether its module applies the network's activation.
  ActivationFunction find(const std::string& conv, bool activated) const {
    const auto found = exceptions.find(conv);
    return found != exceptions.end() ? found->second : activated ? standard : ActivationFunction{};
  }
};

/// The row of the network table that is being added to the graph.
struct LayerContext {
  Graph& graph;
  const WeightSource& weights;
  const Scaling& scaling;
  int classes;
  double bn_eps;
  const Activations& activations;
  int row;                      // its index
  std::string prefix;           // of its weights' names: "model.3"
  std::vector<ValueId> inputs;  // the results of the rows that `from` names
  int repeats;                  // 1 unless the module's Repeats is `inside`
  Arguments arguments;

  /// Returns the only input. Throws Error if there are several.
  ValueId input() const;
  int channels(ValueId value) const { return graph.channels[value]; }
  /// Returns a trained weight's values after checking its shape, and adds its size to the row's parameter count.
  Values values(const std::string& name, const std::vector<int>& shape);
  /// Returns the output channels of the Conv of that name, as its weights have them, or else the given number. Networks
  /// of other versions and pruned ones have other inner channels than the module's formula gives.
  int conv_outputs(const std::string& name, int standard) const;
  /// Adds a trained weight to the graph, as values() returns it.
  ParameterId parameter(const std::string& name, const std::vector<int>& shape) {
    return graph.add_parameter({shape, values(name, shape)});
  }
  /// Adds a concatenation of channels. Throws Error if they are too many.
  ValueId concat(const std::vector<ValueId>& parts, const std::string& name);
  ValueId node(const Operator& op, std::vector<ValueId> from, int output_channels, const std::string& name) {
    return graph.add_node(op, std::move(from), output_channels, row, name);
  }
};

/// Adds a module to the graph and returns its result. Throws Error without the row's label.
using LayerFunction = ValueId (*)(LayerContext&);

enum class Repeats { chain, inside };  // see modules.def

struct LayerType {
  const char* name;  // in descriptions
  LayerFunction build;
  Repeats repeats;
};

/// Returns the module of that name, or null.
const LayerType* find_layer(const std::string& name);

/// Whether a tensor of a checkpoint is a buffer that inference does not need, such as batch norm's num_batches_tracked.
bool is_unused_buffer(const std::string& tensor);

#define MODULE(name, function, repeats) ValueId function(LayerContext&);
#include "layers/modules.def"
#undef MODULE

}  // namespace cudet
