// How the programs read their command lines.
#pragma once
#include <CLI/CLI.hpp>

namespace cudet {

/// Parses into what `app`'s options are bound to. False where only help or the version was asked for, which is printed.
/// Throws Error, which names --help, for what the options refuse, and for an empty value.
bool parse_command_line(CLI::App& app, int argc, const char* const* argv);

}  // namespace cudet
