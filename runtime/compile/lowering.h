// Lowering: compiles an optimised graph into a Program for one batch and input size.
#pragma once
#include "runtime/compile/packing.h"
#include "runtime/program.h"

namespace cudet {

/// The batch or the input is too large for the executor.
class TooLarge : public Error {
  using Error::Error;
};

/// Compiles an optimised graph to run on `batch` images of `input` pixels: infers shapes, assigns every value a place
/// in the arena, and orders the steps. With `keep_rows`, the rows' results stay valid until the end. Throws Error with
/// the label of the row that the size does not suit, and TooLarge.
Program compile(const Graph& graph, const PackedWeights& weights, int batch, Extent input, bool keep_rows = false,
                Target target = {});

}  // namespace cudet
