#include "runtime/model/json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "kernels/error.h"

namespace cudet {
namespace {

// Of nlohmann::json only the tokenizer and values without elements are used: its arrays and objects allocate in their
// destructors and comparisons, which are noexcept, so that a lack of memory would end the process.
using Scalar = nlohmann::json;

/// Keeps the last of the members with the same name.
void drop_duplicates(Json::Object& members) {
  if (members.size() < 2) return;
  std::vector<std::size_t> order(members.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const int compared = members[a].first.compare(members[b].first);
    return compared != 0 ? compared < 0 : a < b;
  });
  std::vector<bool> replaced(members.size());
  bool any = false;
  for (std::size_t i = 1; i < order.size(); ++i)
    if (members[order[i - 1]].first == members[order[i]].first) any = replaced[order[i - 1]] = true;
  if (!any) return;
  Json::Object kept;
  for (std::size_t i = 0; i < members.size(); ++i)
    if (!replaced[i]) kept.push_back(std::move(members[i]));
  members = std::move(kept);
}

/// Builds a value from the parser's events.
class Builder : public nlohmann::json_sax<Scalar> {
 public:
  explicit Builder(int max_depth) : max_depth_(static_cast<std::size_t>(max_depth)) {}

  Json root;

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override {
    return std::in_range<std::int64_t>(value) ? add(value) : add(static_cast<double>(value));
  }
  bool number_float(number_float_t value, const string_t&) override { return add(value); }
  bool string(string_t& text) override { return add(std::move(text)); }
  bool binary(binary_t&) override { return false; }  // JSON has none
  bool start_object(std::size_t) override { return open(Json::Object()); }
  bool start_array(std::size_t) override { return open(Json::Array()); }
  bool key(string_t& text) override {
    check_depth();
    key_ = std::move(text);
    return true;
  }
  bool end_object() override {
    drop_duplicates(*open_.back()->object());
    return end_array();
  }
  bool end_array() override {
    open_.pop_back();
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception& error) override {
    if (dynamic_cast<const nlohmann::json::out_of_range*>(&error)) throw Error("not JSON: a number is out of range");
    throw Error("not JSON: error at byte " + std::to_string(position));
  }

 private:
  void check_depth() const {
    if (open_.size() > max_depth_) throw Error("nested deeper than " + std::to_string(max_depth_) + " levels");
  }
  Json& append(Json value) {
    check_depth();
    if (open_.empty()) return root = std::move(value);
    if (Json::Array* elements = open_.back()->array()) return elements->emplace_back(std::move(value));
    return open_.back()->object()->emplace_back(std::move(key_), std::move(value)).second;
  }
  bool add(Json value) {
    append(std::move(value));
    return true;
  }
  bool open(Json value) {
    open_.push_back(&append(std::move(value)));
    return true;
  }

  std::size_t max_depth_;
  std::vector<Json*> open_;  // the arrays and objects around the next value; only the innermost one grows
  std::string key_;
};

class Writer {
 public:
  Writer(Json::Layout layout, Json::InvalidUtf8 invalid)
      : layout_(layout),
        invalid_(invalid == Json::InvalidUtf8::replace ? Scalar::error_handler_t::replace
                                                       : Scalar::error_handler_t::strict) {}

  std::string out;

  void write(const Json& json) {
    if (const auto* elements = json.array()) {
      list('[', *elements, ']', [&](const Json& element) { write(element); });
    } else if (const auto* members = json.object()) {
      list('{', *members, '}', [&](const auto& member) {
        scalar(member.first);
        out += layout_ == Json::Layout::compact ? ":" : ": ";
        write(member.second);
      });
    } else if (const auto* text = json.string()) {
      scalar(*text);
    } else if (const auto flag = json.boolean()) {
      scalar(*flag);
    } else if (const auto whole = json.integer()) {
      scalar(*whole);
    } else if (const auto number = json.number()) {
      scalar(*number);
    } else {
      scalar(nullptr);
    }
  }

 private:
  void scalar(const Scalar& value) { out += value.dump(-1, ' ', false, invalid_); }

  template <class List, class WriteElement>
  void list(char begin, const List& elements, char end, const WriteElement& write_element) {
    out += begin;
    ++level_;
    for (const auto& element : elements) {
      if (&element != &elements.front()) out += layout_ == Json::Layout::spaced ? ", " : ",";
      break_line();
      write_element(element);
    }
    --level_;
    if (!elements.empty()) break_line();
    out += end;
  }
  void break_line() {
    if (layout_ == Json::Layout::indented) out.append(1, '\n').append(level_, ' ');
  }

  Json::Layout layout_;
  Scalar::error_handler_t invalid_;
  std::size_t level_ = 0;
};

}  // namespace

std::optional<bool> Json::boolean() const {
  const bool* value = std::get_if<bool>(&value_);
  return value ? std::optional(*value) : std::nullopt;
}

std::optional<std::int64_t> Json::integer() const {
  const std::int64_t* value = std::get_if<std::int64_t>(&value_);
  return value ? std::optional(*value) : std::nullopt;
}

std::optional<double> Json::number() const {
  if (const auto whole = integer()) return static_cast<double>(*whole);
  const double* value = std::get_if<double>(&value_);
  return value ? std::optional(*value) : std::nullopt;
}

const Json* Json::find(std::string_view name) const {
  if (!object()) return nullptr;
  const auto found = std::find_if(object()->begin(), object()->end(), [&](const auto& m) { return m.first == name; });
  return found == object()->end() ? nullptr : &found->second;
}

bool Json::operator==(const Json& other) const noexcept {
  if (value_.index() != other.value_.index()) return number() && number() == other.number();
  return value_ == other.value_;
}

std::string Json::dump(Layout layout, InvalidUtf8 invalid) const {
  Writer writer(layout, invalid);
  try {
    writer.write(*this);
  } catch (const Scalar::type_error&) {
    throw Error("text that is not UTF-8");
  }
  return std::move(writer.out);
}

Json parse_json(std::string_view text, int max_depth) {
  // nlohmann::json takes a zero byte for the end of the text.
  if (const std::size_t zero = text.find('\0'); zero != text.npos)
    throw Error("not JSON: error at byte " + std::to_string(zero + 1));
  Builder builder(max_depth);
  nlohmann::json::sax_parse(text, &builder);
  return std::move(builder.root);
}

}  // namespace cudet
