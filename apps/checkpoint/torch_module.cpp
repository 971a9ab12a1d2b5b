#include "apps/checkpoint/torch_module.h"

#include <algorithm>
#include <cmath>

namespace cudet::convert {
namespace {

// Limit of attributes, sub-modules, parameters and buffers per module, and so of rows: keeps linear searches short.
constexpr std::size_t kMaxMembers = 300;

// The suffixes that torch.nn.utils.prune gives to a parameter and its mask.
constexpr const char *kOrig = "_orig", *kMask = "_mask";

std::string sizes(const std::vector<std::int64_t>& shape) {
  std::string text;
  for (const std::int64_t d : shape) text += (text.empty() ? "" : "×") + (d ? std::to_string(d) : "any");
  return text.empty() ? "none" : text;
}

bool all_finite(const StoredTensor& tensor) {
  const std::vector<float> values = tensor.to_f32();
  return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
}

}  // namespace

TorchModule::TorchModule(PickleValue value, std::string name, std::string label)
    : value_(value), name_(std::move(name)), label_(std::move(label)) {
  if (value.state_entries() > kMaxMembers) throw fault("has more than 300 attributes");
  const auto modules = value.attribute("_modules");
  if (!modules || !modules->is_dict()) throw fault("is not a torch module");
  for (const char* members : {"_modules", "_parameters", "_buffers"})
    if (const auto dict = value.attribute(members); dict && dict->entries() > kMaxMembers)
      throw fault(std::string(members) + " has more than 300 entries");
}

Error TorchModule::fault(const std::string& why) const {
  return Error(label_.empty() ? why : label_ + ": " + why);
}

TorchModule TorchModule::as_row() const {
  return TorchModule(value_, name_);
}

std::optional<PickleValue> TorchModule::attribute(std::string_view name) const {
  std::optional<PickleValue> found = value_.attribute(name);
  return found && found->none() ? std::nullopt : found;
}

std::optional<std::int64_t> TorchModule::integer(std::string_view name) const {
  const auto found = attribute(name);
  return found ? found->integer() : std::nullopt;
}

bool TorchModule::flag(std::string_view name) const {
  const auto found = attribute(name);
  return found && found->boolean() == true;
}

std::optional<std::pair<std::int64_t, std::int64_t>> TorchModule::pair(std::string_view name) const {
  const auto found = attribute(name);
  if (!found) return std::nullopt;
  if (const auto both = found->integer()) return std::pair(*both, *both);
  const std::vector<std::int64_t> two = found->integers();
  if (two.size() != 2) return std::nullopt;
  return std::pair(two[0], two[1]);
}

std::optional<TorchModule> TorchModule::find(std::string_view child) const {
  const auto found = value_.attribute("_modules")->find(child);
  if (!found || found->none()) return std::nullopt;
  const std::string text(child);
  return TorchModule(*found, name_ + "." + text, label_.empty() ? text : label_ + "." + text);
}

TorchModule TorchModule::child(std::string_view name) const {
  std::optional<TorchModule> found = find(name);
  if (!found) throw fault("sub-module " + std::string(name) + " is missing");
  return *std::move(found);
}

std::vector<TorchModule> TorchModule::children() const {
  const PickleValue dict = *value_.attribute("_modules");
  std::vector<TorchModule> list;
  for (std::size_t i = 0; i < dict.entries(); ++i) {
    const std::string number = std::to_string(i);
    if (dict.key(i).text() != number) throw fault("its sub-modules are not numbered 0, 1, …");
    list.push_back(child(number));
  }
  return list;
}

void TorchModule::expect_children(std::initializer_list<std::string_view> names) const {
  const PickleValue dict = *value_.attribute("_modules");
  for (std::size_t i = 0; i < dict.entries(); ++i) {
    const std::string_view name = dict.key(i).text().value_or("?");
    if (!dict.value(i).none() && std::find(names.begin(), names.end(), name) == names.end())
      throw fault("sub-module " + std::string(name) + " is not supported");
  }
}

void TorchModule::expect_kind(std::string_view expected) const {
  if (kind() != expected)
    throw fault(std::string(kind()) + " is not supported here, expected " + std::string(expected));
}

std::optional<PickleValue> TorchModule::parameter(std::string_view name) const {
  for (const char* members : {"_parameters", "_buffers"}) {
    const auto dict = value_.attribute(members);
    const auto found = dict ? dict->find(name) : std::nullopt;
    if (found && !found->none()) return found;
  }
  return std::nullopt;
}

void TorchModule::expect_parameters(std::initializer_list<std::string_view> names) const {
  for (const char* members : {"_parameters", "_buffers"}) {
    const auto dict = value_.attribute(members);
    for (std::size_t i = 0; dict && i < dict->entries(); ++i) {
      const std::string_view name = dict->key(i).text().value_or("?");
      const bool expected = std::any_of(names.begin(), names.end(), [&](std::string_view n) {
        return name == n || (name.starts_with(n) && (name.substr(n.size()) == kOrig || name.substr(n.size()) == kMask));
      });
      if (!expected && !dict->value(i).none()) throw fault("parameter " + std::string(name) + " is not supported");
    }
  }
}

bool TorchWeights::has(const TorchModule& module, const char* parameter) const {
  return module.parameter(parameter) || module.parameter(std::string(parameter) + kOrig);
}

StoredTensor TorchWeights::find(const TorchModule& module, const std::string& parameter, const std::string& name) {
  if (const auto found = module.parameter(parameter)) return file_.tensor(*found, name);
  const auto original = module.parameter(parameter + kOrig), mask = module.parameter(parameter + kMask);
  if (!original || !mask) throw module.fault(parameter + " is missing");
  const StoredTensor plain = file_.tensor(*original, name + kOrig), kept = file_.tensor(*mask, name + kMask);
  if (plain.shape != kept.shape) throw module.fault(parameter + kMask + " has another shape than " + parameter + kOrig);
  std::vector<float> values = plain.to_f32();
  const std::vector<float> factors = kept.to_f32();
  for (std::size_t i = 0; i < values.size(); ++i) values[i] *= factors[i];
  return file_.own(plain.shape, values);
}

const StoredTensor& TorchWeights::take(const TorchModule& module, const char* parameter,
                                       const std::vector<std::int64_t>& shape) {
  const std::string name = module.name() + "." + parameter;
  const StoredTensor tensor = find(module, parameter, name);
  if (tensor.dtype != Dtype::f32 && tensor.dtype != Dtype::f16 && tensor.dtype != Dtype::bf16)
    throw module.fault(std::string(parameter) + " does not contain floats");
  const bool fits = std::equal(shape.begin(), shape.end(), tensor.shape.begin(), tensor.shape.end(),
                               [](std::int64_t want, std::int64_t is) { return is > 0 && (want == 0 || want == is); });
  if (!fits)
    throw module.fault(std::string(parameter) + " has shape " + sizes(tensor.shape) + ", expected " + sizes(shape));
  if (!all_finite(tensor))
    throw module.fault(std::string(parameter) + " contains values that are not finite: the training diverged");
  return tensors.insert_or_assign(name, tensor).first->second;
}

std::vector<float> TorchWeights::attribute_values(const TorchModule& module, const char* attribute) {
  const auto found = module.attribute(attribute);
  if (!found || !TorchFile::is_tensor(*found)) return {};
  return file_.tensor(*found, module.name() + "." + attribute).to_f32();
}

std::vector<float> TorchWeights::values(const TorchModule& module, const char* buffer) {
  const auto found = module.parameter(buffer);
  if (!found) throw module.fault(std::string(buffer) + " is missing");
  return file_.tensor(*found, module.name() + "." + buffer).to_f32();
}

}  // namespace cudet::convert
