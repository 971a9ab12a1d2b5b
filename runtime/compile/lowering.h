// Lowering: compiles an optimised graph into a Program for one batch and input size.
#pragma once
#include "runtime/compile/packing.h"
#include "runtime/program.h"

namespace cudet {

/// The executor that a Program is compiled for.
struct Target {
  /// Element type of activations and convolution weights. Offset maps of DySample and the output are always f32. u8
  /// needs a quantised graph; Detect's inputs are then f32.
  Type type = Type::f32;
  /// For CUDA: steps are fused (fusion.h), and every pixel but the output's starts at a multiple of 16 bytes, or of 4
  /// elements if it has at most 4 channels.
  bool cuda = false;
};

/// Compiles an optimised graph to run on `batch` images of `input` pixels: infers shapes, assigns every value a place
/// in the arena, and orders the steps. With `keep_rows`, the rows' results stay valid until the end. Throws Error with
/// the label of the row that the size does not suit.
Program compile(const Graph& graph, const PackedWeights& weights, int batch, Extent input, bool keep_rows = false,
                Target target = {});

}  // namespace cudet
