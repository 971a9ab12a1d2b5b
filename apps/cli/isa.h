// The --isa option, shared by the programs that run kernels.
#pragma once
#include <string>

namespace cudet {

/// Help text of the option; it lists the instruction sets that this machine supports.
std::string isa_help();
/// Selects the instruction set of the CPU kernels; an empty string changes nothing. Throws Error, which lists the
/// available ones, for an unknown or unsupported name.
void use_isa(const std::string& isa);

}  // namespace cudet
