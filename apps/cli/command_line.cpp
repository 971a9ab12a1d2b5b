#include "apps/cli/command_line.h"

#include <iostream>
#include <string>

#include "kernels/error.h"

namespace cudet {

bool parse_command_line(CLI::App& app, int argc, const char* const* argv) {
  try {
    app.parse(argc, argv);
    for (const CLI::Option* option : app.get_options())
      for (const std::string& value : option->results())
        if (value.empty())
          throw Error(option->get_name() + ": expected a value, found an empty one");
        else if (value.starts_with("--") && !option->get_positional())
          throw Error(option->get_name() + ": expected a value, found " + value);
  } catch (const CLI::Success& help) {
    app.exit(help, std::cout, std::cerr);
    return false;
  } catch (const CLI::ParseError& error) {
    throw Error(std::string(error.what()) + " (" + app.get_name() + " --help lists the options)");
  }
  return true;
}

bool is_given(const CLI::App& app, const std::string& name) {
  for (const CLI::Option* option : app.get_options())
    if (option->get_name() == name) return option->count() > 0;
  throw Error(name + " is not an option");
}

}  // namespace cudet
