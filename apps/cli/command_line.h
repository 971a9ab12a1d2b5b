// Command-line parsing shared by the programs.
#pragma once
#include <CLI/CLI.hpp>

namespace cudet {

/// Parses into the variables that the options of `app` are bound to. Prints the help or the version if the command line
/// asks for it, and then returns false. Throws Error for invalid options, with a hint at --help, and for empty values.
bool parse_command_line(CLI::App& app, int argc, const char* const* argv);

}  // namespace cudet
