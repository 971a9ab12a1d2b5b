// JSON values with their parser and writer. Malformed text and a lack of memory end in exceptions, never in an abort.
#pragma once
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace cudet {

/// A JSON value. Destructor, moves and comparison allocate nothing; like dump() they recurse once per level of nesting.
/// Constructors from values are implicit.
class Json {
 public:
  using Array = std::vector<Json>;
  using Object = std::vector<std::pair<std::string, Json>>;  // members in the order of the text, each name once

  // NOLINTBEGIN(google-explicit-constructor)
  Json(std::nullptr_t = nullptr) {}
  template <std::integral T>
  Json(T value) : value_(static_cast<std::conditional_t<std::same_as<T, bool>, bool, std::int64_t>>(value)) {}
  Json(double value) : value_(value) {}
  Json(const char* text) : value_(std::string(text)) {}
  Json(std::string text) : value_(std::move(text)) {}
  Json(Array elements) : value_(std::move(elements)) {}
  Json(Object members) : value_(std::move(members)) {}
  template <class T>
  Json(const std::vector<T>& elements) : value_(Array(elements.begin(), elements.end())) {}
  // NOLINTEND(google-explicit-constructor)

  // Copies are not left to std::variant: if a copy of it throws, libstdc++ 12 destroys a member that was never built.
  Json(const Json& other) {
    std::visit([&](const auto& value) { value_ = value; }, other.value_);
  }
  Json& operator=(const Json& other) { return *this = Json(other); }
  Json(Json&&) noexcept = default;
  Json& operator=(Json&&) noexcept = default;
  ~Json() = default;

  // The value, or nothing if it has another type.
  std::optional<bool> boolean() const;
  std::optional<std::int64_t> integer() const;  // nothing also for a floating-point number
  std::optional<double> number() const;         // of either kind
  const std::string* string() const { return std::get_if<std::string>(&value_); }
  const Array* array() const { return std::get_if<Array>(&value_); }
  const Object* object() const { return std::get_if<Object>(&value_); }
  Array* array() { return std::get_if<Array>(&value_); }
  Object* object() { return std::get_if<Object>(&value_); }
  bool is_null() const { return std::holds_alternative<std::nullptr_t>(value_); }

  /// Returns a member, or null if this is not an object or does not have it.
  const Json* find(std::string_view name) const;

  /// Integers equal floating-point numbers of the same value. Objects are equal if their members also have the same
  /// order.
  bool operator==(const Json& other) const noexcept;

  /// compact: [1,{"a":2}]. spaced: [1, {"a": 2}]. indented: one element or member per line, by one space per level.
  enum class Layout { compact, spaced, indented };
  /// What becomes of text that is not UTF-8: each invalid sequence becomes U+FFFD, or dump() throws Error.
  enum class InvalidUtf8 { replace, refuse };
  /// Returns the value as JSON. Numbers have the digits that restore them; 2.0 keeps its fraction. Infinity and NaN
  /// become null. Throws Error, which does not name the text, as InvalidUtf8 says.
  std::string dump(Layout layout = Layout::compact, InvalidUtf8 invalid = InvalidUtf8::replace) const;

 private:
  std::variant<std::nullptr_t, bool, std::int64_t, double, std::string, Array, Object> value_;
};

/// Parses untrusted JSON. Integers from 2⁶³ become floating-point numbers. Of members with the same name the last one
/// counts. Throws Error if the text is not JSON, contains a number that is out of range, or is nested deeper than
/// `max_depth`.
Json parse_json(std::string_view text, int max_depth = 16);

}  // namespace cudet
