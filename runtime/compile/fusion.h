// Steps that a device does better at one go.
#pragma once
#include "runtime/program.h"

namespace cudet {

/// Replaces neighbouring steps by one: poolings of each other's results (SPPF) by a MaxPoolChain, the convolution that
/// makes offsets and the DySample that reads them (layers/dysample.cpp gives
/// them no other reader) by a ConvDySample, where there is a kernel for it. The offsets
/// keep their place in the arena, so that any executor can run the step.
void fuse(std::vector<Program::NamedStep>& steps);

}  // namespace cudet
