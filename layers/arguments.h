// The arguments of a row of the network table: by position, by name, or both.
#pragma once
#include <initializer_list>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "kernels/tensor.h"

namespace cudet {

/// A list of numbers as an argument.
struct NumberList {
  std::vector<double> values;
};

/// One argument as the description gives it. NumberList must stay a struct: a variant of plain strings and vectors is
/// broken in libstdc++ 12 if a copy of it throws, because the half-built copy counts as valid and is destroyed.
using Argument = std::variant<std::monostate, bool, double, std::string, NumberList>;

/// Reads arguments by name, whether they were given by position or by name. An absent or null argument has its default
/// value.
/// Errors name the argument: "s is 0: must be a whole number from 1 to 64".
class Arguments {
 public:
  Arguments() = default;
  Arguments(std::vector<Argument> positional, std::map<std::string, Argument> named)
      : positional_(std::move(positional)), named_(std::move(named)) {}

  /// Names the positional arguments, in order. Throws Error if there are more arguments than names, or if a named
  /// argument is unknown or given twice.
  void bind(std::initializer_list<const char*> names);

  /// Whether the argument is present and not null.
  bool given(const std::string& name) const;
  bool is_string(const std::string& name) const;
  bool boolean(const std::string& name, bool default_value) const;
  /// A whole number within [minimum, maximum].
  int integer(const std::string& name, int default_value, int minimum, int maximum) const;
  int integer(const std::string& name, int minimum, int maximum) const;  // throws Error if it is absent
  /// One whole number for both axes, or a pair [h, w].
  Extent extent(const std::string& name, Extent default_value, int minimum, int maximum) const;
  /// A list of `count` whole numbers, or one number for all of them. Throws Error if it is absent.
  std::vector<int> integers(const std::string& name, std::size_t count, int minimum, int maximum) const;
  double number(const std::string& name, double default_value, double minimum, double maximum) const;
  /// One whole number or a list of them. Empty if it is absent.
  std::vector<int> integers(const std::string& name, int minimum, int maximum) const;
  std::string string(const std::string& name, const std::string& default_value) const;

 private:
  const Argument* find(const std::string& name) const;
  std::vector<Argument> positional_;
  std::map<std::string, Argument> named_;
};

}  // namespace cudet
