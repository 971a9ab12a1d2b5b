#include "apps/cli/command_line.h"

#include <iostream>
#include <string>
#include <vector>

#include "kernels/error.h"

namespace cudet {
namespace {

// CLI11 takes [a,b] for a list of values of an option that can have several. A mark before the bracket prevents it.
constexpr char kMark = '\x01';

std::vector<std::string> mark_brackets(int argc, const char* const* argv) {
  std::vector<std::string> arguments(argv, argv + argc);
  for (std::string& argument : arguments) {
    const std::size_t value = argument.starts_with("--") ? argument.find('=') + 1 : 0;  // 0 without =
    if (value < argument.size() && argument[value] == '[') argument.insert(value, 1, kMark);
  }
  return arguments;
}

std::string unmark(std::string value) {
  return value.starts_with(std::string{kMark, '['}) ? value.substr(1) : value;
}

}  // namespace

bool parse_command_line(CLI::App& app, int argc, const char* const* argv) {
  const std::vector<std::string> arguments = mark_brackets(argc, argv);
  std::vector<const char*> pointers;
  pointers.reserve(arguments.size());
  for (const std::string& argument : arguments) pointers.push_back(argument.c_str());
  for (CLI::Option* option : app.get_options())
    if (option->get_items_expected_max() > 0) option->transform(unmark, "");
  try {
    app.parse(argc, pointers.data());
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
