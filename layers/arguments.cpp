#include "layers/arguments.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "kernels/error.h"

namespace cudet {
namespace {

std::string text(double value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

int whole(const std::string& name, double value, int minimum, int maximum) {
  if (!(value >= minimum && value <= maximum) || value != std::floor(value))
    throw Error(name + " is " + text(value) + ": must be a whole number from " + std::to_string(minimum) + " to " +
                std::to_string(maximum));
  return static_cast<int>(value);
}

template <class T>
const T& as(const std::string& name, const Argument& argument, const char* kind) {
  const T* value = std::get_if<T>(&argument);
  if (!value) throw Error(name + " must be " + kind);
  return *value;
}

}  // namespace

void Arguments::bind(std::initializer_list<const char*> names) {
  if (positional_.size() > names.size())
    throw Error(std::to_string(positional_.size()) + " arguments, at most " + std::to_string(names.size()) +
                " are allowed");
  for (const auto& [name, value] : named_)
    if (std::find(names.begin(), names.end(), name) == names.end()) throw Error("unknown argument \"" + name + "\"");
  for (std::size_t i = 0; i < positional_.size(); ++i)
    if (!named_.emplace(names.begin()[i], positional_[i]).second)
      throw Error(std::string(names.begin()[i]) + " is given twice");
  positional_.clear();
}

const Argument* Arguments::find(const std::string& name) const {
  const auto it = named_.find(name);
  return it == named_.end() || std::holds_alternative<std::monostate>(it->second) ? nullptr : &it->second;
}

bool Arguments::given(const std::string& name) const {
  return find(name) != nullptr;
}

bool Arguments::is_string(const std::string& name) const {
  const Argument* argument = find(name);
  return argument && std::holds_alternative<std::string>(*argument);
}

bool Arguments::boolean(const std::string& name, bool default_value) const {
  const Argument* argument = find(name);
  return argument ? as<bool>(name, *argument, "true or false") : default_value;
}

int Arguments::integer(const std::string& name, int default_value, int minimum, int maximum) const {
  return given(name) ? integer(name, minimum, maximum) : default_value;
}

int Arguments::integer(const std::string& name, int minimum, int maximum) const {
  const Argument* argument = find(name);
  if (!argument) throw Error(name + " is missing");
  return whole(name, as<double>(name, *argument, "a number"), minimum, maximum);
}

Extent Arguments::extent(const std::string& name, Extent default_value, int minimum, int maximum) const {
  const Argument* argument = find(name);
  if (!argument) return default_value;
  if (const auto* list = std::get_if<NumberList>(argument)) {
    const std::vector<double>& pair = list->values;
    if (pair.size() != 2) throw Error(name + " must be a number or a pair of numbers");
    return {whole(name, pair[0], minimum, maximum), whole(name, pair[1], minimum, maximum)};
  }
  const int both = whole(name, as<double>(name, *argument, "a number or a pair of numbers"), minimum, maximum);
  return {both, both};
}

std::vector<int> Arguments::integers(const std::string& name, std::size_t count, int minimum, int maximum) const {
  const Argument* argument = find(name);
  const auto* list = argument ? std::get_if<NumberList>(argument) : nullptr;
  if (!list) return std::vector<int>(count, integer(name, minimum, maximum));
  if (list->values.size() != count)
    throw Error(name + " must be a number or a list of " + std::to_string(count) + " numbers");
  std::vector<int> values;
  for (const double value : list->values) values.push_back(whole(name, value, minimum, maximum));
  return values;
}

double Arguments::number(const std::string& name, double default_value, double minimum, double maximum) const {
  const Argument* argument = find(name);
  if (!argument) return default_value;
  const double value = as<double>(name, *argument, "a number");
  if (!(value >= minimum && value <= maximum))
    throw Error(name + " is " + text(value) + ": must be from " + text(minimum) + " to " + text(maximum));
  return value;
}

std::vector<int> Arguments::integers(const std::string& name, int minimum, int maximum) const {
  const Argument* argument = find(name);
  std::vector<int> all;
  if (const auto* list = argument ? std::get_if<NumberList>(argument) : nullptr)
    for (const double value : list->values) all.push_back(whole(name, value, minimum, maximum));
  else if (argument)
    all.push_back(integer(name, minimum, maximum));
  return all;
}

std::string Arguments::string(const std::string& name, const std::string& default_value) const {
  const Argument* argument = find(name);
  return argument ? as<std::string>(name, *argument, "a string") : default_value;
}

}  // namespace cudet
