// Fuses neighbouring steps for CUDA.
#pragma once
#include "runtime/program.h"

namespace cudet {

/// Replaces a chain of poolings (SPPF) with a MaxPoolChain. Replaces a convolution that computes offsets and the
/// DySample that reads them with a ConvDySample, if a kernel supports it. No other step reads the offsets
/// (layers/dysample.cpp). They keep their memory in the arena, so that every executor can run the fused step.
void fuse(std::vector<Program::NamedStep>& steps);

}  // namespace cudet
