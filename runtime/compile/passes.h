// Optimisations of a graph before it is lowered. The result has fewer, larger operators.
#pragma once
#include "layers/graph.h"

namespace cudet {

// The first two throw Error with the row's label if an operator does not follow a convolution that only it reads. The
// modules in layers/ never build such a graph.

/// Folds each batch norm into the convolution before it: the weights become w·gain/√(variance + eps), the bias becomes
/// bias + (conv bias − mean)·gain/√(variance + eps).
void fold_batch_norm(Graph& graph);

/// Moves each activation into the epilogue of the convolution before it.
void fuse_activation(Graph& graph);

/// Moves each residual add into the epilogue of the convolution that computes the later of its operands. An add whose
/// later operand has another producer or another reader remains.
void fuse_residual(Graph& graph);

/// Removes nodes that the output does not depend on.
void drop_unused(Graph& graph);

/// Makes every operand of a Concat a slice of the result, so that its producer writes into the result. An operand that
/// is the network's input or already a slice is copied instead, by an added Copy node. The outputs of SliceOp become
/// slices of their input. Fills graph.slices.
void slice_concats(Graph& graph);

/// All of the above, in order.
void optimise(Graph& graph);

}  // namespace cudet
