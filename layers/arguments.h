// The arguments of a row of the network table: by position, by name, or both.
#pragma once
#include <initializer_list>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "kernels/tensor.h"

namespace cudet {

/// One argument as the description gives it.
using Argument = std::variant<std::monostate, bool, double, std::string, std::vector<double>>;

/// Reads arguments by name, each from its position or from the names given; what is absent or null has its default.
/// Errors name the argument: "s is 0: a whole number from 1 to 64 is possible".
class Arguments {
 public:
  Arguments() = default;
  Arguments(std::vector<Argument> positional, std::map<std::string, Argument> named)
      : positional_(std::move(positional)), named_(std::move(named)) {}

  /// Gives the positions their names. Throws Error where there are more arguments than names, or names that are unknown
  /// or given twice.
  void bind(std::initializer_list<const char*> names);

  bool given(const std::string& name) const;
  bool boolean(const std::string& name, bool absent) const;
  /// A whole number within [least, most].
  int integer(const std::string& name, int absent, int least, int most) const;
  int integer(const std::string& name, int least, int most) const;  // that must be there
  /// One whole number for both axes, or a pair [h, w].
  Extent extent(const std::string& name, Extent absent, int least, int most) const;
  double number(const std::string& name, double absent, double least, double most) const;
  std::string string(const std::string& name, const std::string& absent) const;

 private:
  const Argument* find(const std::string& name) const;
  std::vector<Argument> positional_;
  std::map<std::string, Argument> named_;
};

}  // namespace cudet
