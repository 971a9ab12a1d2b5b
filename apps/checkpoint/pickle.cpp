#include "apps/checkpoint/pickle.h"

#include "apps/checkpoint/pickle_reader.h"

namespace cudet::convert {
namespace {

std::string_view last_part(std::string_view dotted) {
  const std::size_t dot = dotted.rfind('.');
  return dot == std::string_view::npos ? dotted : dotted.substr(dot + 1);
}

}  // namespace

Pickle::Pickle(std::vector<std::byte> bytes) : bytes_(std::move(bytes)) {
  PickleReader reader(*this);
  root_ = reader.run();
  size_ = reader.position();
}

std::vector<PickleValue> Pickle::persistent_ids() const {
  std::vector<PickleValue> ids;
  for (const Node& node : nodes_)
    if (node.kind == Kind::persistent) ids.push_back(PickleValue(this, node.arguments));
  return ids;
}

const Pickle::Node& PickleValue::node() const {
  return pickle_->nodes_[index_];
}

bool PickleValue::none() const {
  return node().kind == Kind::none;
}
std::optional<bool> PickleValue::boolean() const {
  if (node().kind != Kind::boolean) return std::nullopt;
  return node().integer != 0;
}
std::optional<std::int64_t> PickleValue::integer() const {
  if (node().kind != Kind::integer) return std::nullopt;
  return node().integer;
}
std::optional<double> PickleValue::number() const {
  if (node().kind == Kind::integer) return static_cast<double>(node().integer);
  if (node().kind == Kind::real) return node().real;
  return std::nullopt;
}
std::optional<std::string_view> PickleValue::text() const {
  if (node().kind != Kind::text) return std::nullopt;
  return node().text;
}
std::optional<std::string_view> PickleValue::bytes() const {
  if (node().kind != Kind::bytes) return std::nullopt;
  return node().text;
}
std::optional<PickleValue> PickleValue::persistent() const {
  if (node().kind != Kind::persistent) return std::nullopt;
  return PickleValue(pickle_, node().arguments);
}

bool PickleValue::is_list() const {
  return node().kind == Kind::list;
}
std::size_t PickleValue::size() const {
  return is_list() ? node().items.size() : 0;
}
PickleValue PickleValue::operator[](std::size_t i) const {
  return {pickle_, node().items[i]};
}
std::vector<std::int64_t> PickleValue::integers() const {
  std::vector<std::int64_t> values;
  for (std::size_t i = 0; i < size(); ++i) {
    const std::optional<std::int64_t> value = (*this)[i].integer();
    if (!value) return {};
    values.push_back(*value);
  }
  return values;
}

bool PickleValue::is_dict() const {
  return node().kind == Kind::dict;
}
std::size_t PickleValue::entries() const {
  return is_dict() ? node().items.size() / 2 : 0;
}
PickleValue PickleValue::key(std::size_t i) const {
  return {pickle_, node().items[2 * i]};
}
PickleValue PickleValue::value(std::size_t i) const {
  return {pickle_, node().items[2 * i + 1]};
}
std::optional<PickleValue> PickleValue::find(std::string_view text) const {
  for (std::size_t i = entries(); i-- > 0;)
    if (key(i).text() == text) return value(i);
  return std::nullopt;
}

bool PickleValue::is_object() const {
  return node().kind == Kind::object;
}
const Pickle::Node& PickleValue::callee() const {
  const Pickle::Node& own = is_object() ? pickle_->nodes_[node().callee] : node();
  if (own.kind != Kind::persistent) return own;
  // torch before 1.6 stores a module's class as ("module", class, its source's file, its source).
  const PickleValue id(pickle_, own.arguments);
  return id.size() > 1 && id[0].text() == "module" ? id[1].node() : own;
}
std::string_view PickleValue::module() const {
  const Pickle::Node& function = callee();
  return function.kind == Kind::global ? function.module : std::string_view();
}
std::string_view PickleValue::name() const {
  const Pickle::Node& function = callee();
  return function.kind == Kind::global ? last_part(function.text) : std::string_view();
}
PickleValue PickleValue::arguments() const {
  return {pickle_, is_object() ? node().arguments : index_};
}
std::optional<PickleValue> PickleValue::state() const {
  if (!is_object() || !node().state) return std::nullopt;
  const PickleValue state(pickle_, *node().state);
  return state.size() == 2 ? state[0] : state;  // a pair: the dict, and the __slots__
}
std::optional<PickleValue> PickleValue::attribute(std::string_view text) const {
  const std::optional<PickleValue> dict = state();
  return dict ? dict->find(text) : std::nullopt;
}
std::vector<std::string> PickleValue::real_attributes() const {
  std::vector<std::string> names;
  const std::optional<PickleValue> dict = state();
  for (std::size_t i = 0; dict && i < dict->entries(); ++i)
    if (dict->value(i).node().kind == Kind::real) names.emplace_back(dict->key(i).text().value_or("?"));
  return names;
}
std::size_t PickleValue::state_entries() const {
  const std::optional<PickleValue> dict = state();
  return dict ? dict->entries() : 0;
}

}  // namespace cudet::convert
