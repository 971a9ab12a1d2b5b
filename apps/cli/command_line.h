// Command-line parsing shared by the programs.
#pragma once
#include <CLI/CLI.hpp>
#include <string>

namespace cudet {

/// Parses into the variables that the options of `app` are bound to. Prints the help or the version if the command line
/// asks for it, and then returns false. Throws Error for invalid options, with a hint at --help, and for empty values.
bool parse_command_line(CLI::App& app, int argc, const char* const* argv);

/// Whether the command line contains the option or positional `name` ("--imgsz", "MODEL"). CLI::App::count() ends the
/// program if there is no memory.
bool is_given(const CLI::App& app, const std::string& name);

}  // namespace cudet
