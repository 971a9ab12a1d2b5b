// Lowering: compiles an optimised graph into a Program for one batch and input size.
#pragma once
#include "runtime/compile/packing.h"
#include "runtime/program.h"

namespace cudet {

/// Compiles an optimised graph to run on `batch` images of `input` pixels: infers shapes, assigns every value an offset
/// in the arena, and orders the steps. With `keep_rows`, the rows' results stay valid until the end. Throws Error with
/// the label of the row that does not support the size, or if the batch is too large.
Program compile(const Graph& graph, const PackedWeights& weights, int batch, Extent input, bool keep_rows = false,
                Target target = {});

}  // namespace cudet
