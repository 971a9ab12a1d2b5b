// Fuses neighbouring steps for CUDA.
#pragma once
#include "runtime/program.h"

namespace cudet {

/// Replaces a chain of poolings (SPPF) by a MaxPoolChain. Replaces a convolution that computes offsets and the DySample
/// that reads them by a ConvDySample, if a kernel supports it; layers/dysample.cpp gives the offsets no other reader.
/// Offsets keep their memory in the arena, so that every executor can run the fused step.
void fuse(std::vector<Program::NamedStep>& steps);

}  // namespace cudet
