// What a YOLO module is given to add itself to the graph, and the list of all modules.
#pragma once
#include <limits>
#include <string>
#include <vector>

#include "layers/arguments.h"
#include "layers/graph.h"

namespace cudet {

/// Where weights come from.
class WeightSource {
 public:
  virtual ~WeightSource() = default;
  virtual bool has(const std::string& name) const = 0;
  /// The tensor of that name as f32, read when its values are asked for, which may be when the source has gone. Throws
  /// Error where it is missing or has another shape. Empty where the source knows only names and shapes.
  virtual Values values(const std::string& name, const std::vector<int>& shape) const = 0;
};

/// Weights of no file: every tensor is as the description wants it, batch norm unfolded.
class NoWeights final : public WeightSource {
 public:
  bool has(const std::string&) const override { return false; }
  Values values(const std::string&, const std::vector<int>&) const override { return {}; }
};

/// The compound scaling of a YOLO table. As constructed by default it changes nothing.
struct Scaling {
  double depth = 1, width = 1, max_channels = std::numeric_limits<double>::infinity();
  bool literal = true;

  /// Output channels: min(out, max_channels)·width, rounded up to a multiple of 8.
  int channels(int out) const;
  /// Repeats of a module: repeats·depth rounded half to even, at least 1.
  int repeats(int count) const;
};

constexpr int kMostChannels = 1 << 16;  // of any value: keeps every size within int
constexpr int kMostRepeats = 1000;      // of a row, in the description and after scaling

/// A row of the network table while it is added to the graph.
struct LayerContext {
  Graph& graph;
  const WeightSource& weights;
  const Scaling& scaling;
  int classes;
  double bn_eps;
  int row;                      // index of the row
  std::string prefix;           // of its weights: "model.3"
  std::vector<ValueId> inputs;  // that `from` names
  int repeats;                  // of C2f's bottlenecks; 1 for every other module
  Arguments arguments;

  /// The only input; Error where there are several.
  ValueId input() const;
  int channels(ValueId value) const { return graph.channels[static_cast<std::size_t>(value)]; }
  /// A weight that training moves, checked against the shape and counted for the row.
  Values values(const std::string& name, const std::vector<int>& shape);
  /// The same as a parameter of the graph.
  ParameterId parameter(const std::string& name, const std::vector<int>& shape) {
    return graph.add_parameter({shape, values(name, shape)});
  }
  ValueId node(const Operator& op, std::vector<ValueId> from, int output_channels, const std::string& name) {
    return graph.add_node(op, std::move(from), output_channels, row, name);
  }
};

/// Adds a module to the graph and returns its result. Throws Error, without the row's label.
using LayerFunction = ValueId (*)(LayerContext&);

struct LayerType {
  const char* name;  // in descriptions
  LayerFunction build;
  bool repeats_inside;  // repeats are an argument of the module, not a chain of modules
};

/// The module of that name, or null.
const LayerType* find_layer(const std::string& name);

ValueId conv_layer(LayerContext&);      // [out, k=1, s=1, p=auto, g=1, d=1, act=true]
ValueId c2f_layer(LayerContext&);       // [out, shortcut=false, g=1, e=0.5]
ValueId sppf_layer(LayerContext&);      // [out, k=5, n=3, shortcut=false, cv1_act=true]
ValueId concat_layer(LayerContext&);    // [dimension=1]
ValueId upsample_layer(LayerContext&);  // [size=null, scale=2, mode="nearest"]
ValueId dysample_layer(LayerContext&);  // [scale=2, style="lp", groups=4, dyscope=false]
ValueId detect_layer(LayerContext&);    // [nc, reg_max=16]

}  // namespace cudet
