// What happens to a graph between the network table and the Program: fewer, larger operators.
#pragma once
#include "layers/graph.h"

namespace cudet {

// Each of the first three throws Error, naming the row, where an operator has no convolution of its own to go into:
// none of the modules in layers/ makes such a graph.

/// Multiplies each batch norm into the convolution before it, which gets a bias: w·gain/√(variance + eps),
/// bias + (conv bias − mean)·gain/√(variance + eps).
void fold_batch_norm(Graph& graph);

/// Moves each SiLU into the epilogue of the convolution whose result only it reads.
void fuse_activation(Graph& graph);

/// Moves each residual add into the epilogue of the later convolution that only it reads.
void fuse_residual(Graph& graph);

/// Drops nodes that the output does not depend on.
void drop_unused(Graph& graph);

/// Gives every operand of a Concat its place in the result, so that who makes it writes it there; a value that has a
/// place already, that is the network's input or that stands twice gets a Copy, added to the graph. Slices live in what
/// they are a slice of. Fills graph.slices.
void slice_concats(Graph& graph);

/// All of the above, in order.
void optimise(Graph& graph);

}  // namespace cudet
