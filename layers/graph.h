// The network as operators over values, before any memory or input size is chosen.
#pragma once
#include <functional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "kernels/conv2d/conv2d.h"
#include "kernels/error.h"
#include "kernels/quantization.h"
#include "kernels/tensor.h"

namespace cudet {

using ValueId = int;
using ParameterId = int;
constexpr int kNone = -1;

/// Makes the values of a constant, row-major, each time that it is called; it must fill all of `out`. A graph can so be
/// copied and kept, while only who packs weights holds some of them, and never all. Threads may call it at once. May
/// throw Error.
using Values = std::function<void(std::span<float> out)>;

/// A constant of the network. It has no values in a graph that was built without weights.
struct Parameter {
  std::vector<int> shape;
  Values values;
};

/// How many values a parameter of that shape has.
std::size_t elements_of(const std::vector<int>& shape);

/// The values of a constant that has them, `elements` in number. Throws what making them throws.
std::vector<float> read_values(const Values& values, std::size_t elements);

// The operators. Their inputs are values of the node that holds them; what they compute is said in kernels/.

/// Inputs x and, where `add`, the residual. Weight K, C/groups, R, S as PyTorch stores it; bias K.
struct ConvOp {
  ParameterId weight, bias = kNone;
  Extent kernel, stride, pad, dilation;
  int groups = 1;
  Activation activation = Activation::none;
  bool add = false;
  double density = 1;  // share of the weights that are not zero by construction (DySample's style pl)
};
/// (x − mean) / sqrt(variance + eps) · gain + bias, each a vector of x's channels.
struct BatchNormOp {
  ParameterId gain, bias, mean, variance;
  double eps;
};
struct SiluOp {};
/// Inputs a, b of the same shape.
struct AddOp {};
/// Any number of inputs, channels in their order.
struct ConcatOp {};
/// Channels [first, first + the output's channels).
struct SliceOp {
  int first;
};
struct CopyOp {};
struct MaxPoolOp {
  int kernel, stride, pad;
};
struct UpsampleOp {
  int scale;
};
/// Inputs x and the offset map (with dyscope, the scope map behind it).
struct DySampleOp {
  int scale, groups;
  bool dyscope;
};
/// Inputs box, score of level 0, box, score of level 1, …
struct DetectDecodeOp {
  int bins;
};

using Operator = std::variant<ConvOp, BatchNormOp, SiluOp, AddOp, ConcatOp, SliceOp, CopyOp, MaxPoolOp, UpsampleOp,
                              DySampleOp, DetectDecodeOp>;

struct Node {
  Operator op;
  std::vector<ValueId> inputs;
  ValueId output;
  int row;           // of the network table
  std::string name;  // of the module within the network: "model.2.m.0.cv1"
};

/// A row of the network table, as the graph remembers it.
struct GraphRow {
  std::string label;           // "head row 3 (DySample)", for errors
  ValueId output;              // kNone while it is being built
  std::size_t parameters = 0;  // elements that training moves, and DFL's fixed ones, as Ultralytics counts them
};

/// Where a value lives: in channels [first, …) of another one, or (parent kNone) in memory of its own.
struct Slice {
  ValueId parent = kNone;
  int first = 0;
};

/// Nodes in an order in which each comes after those that it reads. Value 0 is the network's input, 3 channels.
struct Graph {
  std::vector<int> channels;  // of each value
  std::vector<Node> nodes;
  std::vector<Parameter> parameters;
  std::vector<GraphRow> rows;
  ValueId output = kNone;     // of DetectDecode: 1, anchors, 4 + classes
  int stride = 0;             // whole steps of input sizes, pixels: build_graph (runtime/model/model.h) finds it
  std::vector<Slice> slices;  // of each value, once slice_concats (runtime/compile/passes.h) has run
  std::vector<Quantization>
      quantizations;  // of each value, where the network was quantised (runtime/compile/quantize.h)

  ValueId add_value(int value_channels) {
    channels.push_back(value_channels);
    return static_cast<ValueId>(channels.size()) - 1;
  }
  ParameterId add_parameter(Parameter parameter) {
    parameters.push_back(std::move(parameter));
    return static_cast<ParameterId>(parameters.size()) - 1;
  }
  /// Adds a node that makes a new value of `output_channels`.
  ValueId add_node(const Operator& op, std::vector<ValueId> inputs, int output_channels, int row, std::string name) {
    const ValueId output_value = add_value(output_channels);
    nodes.push_back({op, std::move(inputs), output_value, row, std::move(name)});
    return output_value;
  }
};

/// Rows and columns of every value for an input of `input` pixels; of the output: 1, anchors. Throws Error with the
/// row's label where operands do not fit or nothing would be left.
std::vector<Extent> infer_extents(const Graph& graph, Extent input);

/// How many nodes read each value.
std::vector<int> count_readers(const Graph& graph);

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

}  // namespace cudet
