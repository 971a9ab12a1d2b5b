// A Python pickle as a graph of inert values: nothing in it is executed, imported or constructed.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cudet::convert {

class PickleValue;

/// All values of a pickle of protocol 0 to 5, in one arena. Not movable: values point to it.
class Pickle {
 public:
  /// Throws Error where the bytes are no pickle, are cut, or hold more than a checkpoint ever does.
  explicit Pickle(std::vector<std::byte> bytes);
  Pickle(const Pickle&) = delete;
  Pickle& operator=(const Pickle&) = delete;

  PickleValue root() const;

 private:
  friend class PickleValue;
  friend class PickleReader;
  using Index = std::uint32_t;
  enum class Kind : unsigned char { none, boolean, integer, real, text, list, dict, global, object, persistent, other };
  struct Node {
    Kind kind = Kind::none;
    std::int64_t integer = 0;         // boolean, integer
    double real = 0;                  // real
    std::string_view text, module;    // text; of a global its name and module
    std::vector<Index> items;         // of a list; of a dict keys and values in turn
    Index callee = 0, arguments = 0;  // object: what makes it; persistent: arguments is the id
    std::optional<Index> state;       // object
  };
  std::vector<std::byte> bytes_;  // texts lie here
  std::vector<Node> nodes_;
  Index root_ = 0;
};

/// A value of a pickle; refers to it. Values may be shared and may contain themselves, so walks need a bound.
/// Reading what a value is not gives nothing (an empty optional, no items), never an error.
class PickleValue {
 public:
  bool none() const;
  std::optional<bool> boolean() const;
  std::optional<std::int64_t> integer() const;
  std::optional<double> number() const;           // an integer or a float
  std::optional<std::string_view> text() const;   // str or bytes
  std::optional<PickleValue> persistent() const;  // the id of an object that is kept outside of the pickle

  bool is_list() const;  // list, tuple or set
  std::size_t size() const;
  PickleValue operator[](std::size_t i) const;  // i < size()
  std::vector<std::int64_t> integers() const;   // of a list that holds just these; else empty

  bool is_dict() const;
  std::size_t entries() const;
  PickleValue key(std::size_t i) const;
  PickleValue value(std::size_t i) const;
  std::optional<PickleValue> find(std::string_view key) const;  // of equal keys the last, as in Python

  bool is_object() const;           // what a class or a function would have made
  std::string_view module() const;  // of a global, or of the global that makes the object: "torch.nn.modules.conv"
  std::string_view name() const;    // its last part: "Conv2d"
  PickleValue arguments() const;    // of an object; a list
  std::optional<PickleValue> attribute(std::string_view name) const;  // of an object's state
  std::size_t state_entries() const;

 private:
  friend class Pickle;
  using Kind = Pickle::Kind;
  PickleValue(const Pickle* pickle, Pickle::Index index) : pickle_(pickle), index_(index) {}
  const Pickle::Node& node() const;
  std::optional<PickleValue> state() const;
  const Pickle* pickle_;
  Pickle::Index index_;
};

inline PickleValue Pickle::root() const {
  return {this, root_};
}

}  // namespace cudet::convert
