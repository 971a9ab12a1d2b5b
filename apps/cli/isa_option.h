// --isa, which the programs that run kernels share.
#pragma once
#include <CLI/CLI.hpp>
#include <string>

namespace cudet {

/// Declares the option, whose value goes to `isa`.
CLI::Option* add_isa_option(CLI::App& app, std::string& isa);
/// Makes the CPU's kernels use it, unless it is empty. Throws Error, with those that there are.
void use_isa_option(const std::string& isa);

}  // namespace cudet
