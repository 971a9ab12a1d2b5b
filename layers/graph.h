// The network as operators over values, before an input size or memory layout is chosen.
#pragma once
#include <functional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "kernels/quantization.h"
#include "layers/operators.h"

namespace cudet {

using ValueId = int;

/// Computes a constant's values, row-major, and fills all of `out`. Every call computes them again, so that a graph
/// holds no values: copying a graph copies no weights, and packing reads a few at a time. Thread-safe. May throw Error.
using Values = std::function<void(std::span<float> out)>;

/// A constant of the network. `values` is empty in a graph that was built without weights.
struct Parameter {
  std::vector<int> shape;
  Values values;
};

/// The number of elements of a shape.
std::size_t element_count(const std::vector<int>& shape);

/// Returns the first `count` values. Throws what computing them throws.
std::vector<float> read_values(const Values& values, std::size_t count);

struct Node {
  Operator op;
  std::vector<ValueId> inputs;
  ValueId output;
  int row;           // of the network table
  std::string name;  // of the module within the network: "model.2.m.0.cv1"
};

/// A row of the network table.
struct GraphRow {
  std::string label;           // "head row 3 (DySample)", for errors
  ValueId output;              // kNone while the row is being built
  std::size_t parameters = 0;  // trained elements, and DFL's fixed ones, as Ultralytics counts them
};

/// A value's storage: the channels of `parent` from `first` on, or a buffer of its own if parent is kNone.
struct Slice {
  ValueId parent = kNone;
  int first = 0;
};

/// Nodes in topological order. Value 0 is the network's input.
struct Graph {
  std::vector<int> channels;  // per value
  std::vector<Node> nodes;
  std::vector<Parameter> parameters;
  std::vector<GraphRow> rows;
  std::set<std::string> convs;              // names of the Convs, for the description's activations
  ValueId output = kNone;                   // of DetectDecode: 1, anchors, 4 + classes
  int stride = 0;                           // input sizes are multiples of it, pixels; set by build_graph
  std::vector<Slice> slices;                // per value; set by slice_concats (runtime/compile/passes.h)
  std::vector<Quantization> quantizations;  // per value of a quantised network (runtime/compile/quantize.h), else empty

  ValueId add_value(int value_channels) {
    channels.push_back(value_channels);
    return static_cast<ValueId>(channels.size()) - 1;
  }
  ParameterId add_parameter(Parameter parameter) {
    parameters.push_back(std::move(parameter));
    return static_cast<ParameterId>(parameters.size()) - 1;
  }
  /// Adds a node and its output, a new value of `output_channels` channels. Returns the new value.
  ValueId add_node(const Operator& op, std::vector<ValueId> inputs, int output_channels, int row, std::string name) {
    const ValueId output_value = add_value(output_channels);
    nodes.push_back({op, std::move(inputs), output_value, row, std::move(name)});
    return output_value;
  }
};

/// Computes rows and columns of every value for an input of `input` pixels; the network's output has 1 row and one
/// column per anchor. Throws Error with the row's label if operands do not fit or a value would be empty.
std::vector<Extent> infer_extents(const Graph& graph, Extent input);

/// Counts the nodes that read each value.
std::vector<int> count_readers(const Graph& graph);

}  // namespace cudet
