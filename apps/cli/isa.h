// --isa, which the programs that run kernels share.
#pragma once
#include <string>

namespace cudet {

/// What the option does, and the values that it has here.
std::string isa_help();
/// Makes the CPU's kernels use this one, unless it is empty. Throws Error that lists those there are.
void use_isa(const std::string& isa);

}  // namespace cudet
