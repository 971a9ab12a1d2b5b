// Reads a Python pickle as a graph of plain values. Nothing in the pickle is executed, imported or constructed.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cudet::convert {

class PickleValue;

// The pickle of a YOLOv8x training checkpoint has about a million bytes.
constexpr std::uint64_t kMaxPickleBytes = 64ull << 20;
constexpr const char* kPickleTooLarge = "the pickle has more than 64 MB: not a checkpoint";

/// All values of a pickle (protocols 0 to 5), in one arena. Not movable, since values point to it.
class Pickle {
 public:
  /// Throws Error if the bytes are not a pickle, are truncated, or exceed limits that no checkpoint reaches.
  explicit Pickle(std::vector<std::byte> bytes);
  Pickle(const Pickle&) = delete;
  Pickle& operator=(const Pickle&) = delete;

  PickleValue root() const;
  /// Bytes up to the end of the pickle. More may follow it.
  std::size_t size() const { return size_; }
  /// The ids of all objects stored outside of the pickle.
  std::vector<PickleValue> persistent_ids() const;

 private:
  friend class PickleValue;
  friend class PickleReader;
  using Index = std::uint32_t;
  enum class Kind : unsigned char {
    none,
    boolean,
    integer,
    real,
    text,
    bytes,
    list,
    dict,
    global,
    object,
    persistent,
    other
  };
  struct Node {
    Kind kind = Kind::none;
    std::int64_t integer = 0;         // boolean, integer
    double real = 0;                  // real
    std::string_view text, module;    // text, bytes; for a global: name and module
    std::vector<Index> items;         // list: elements; dict: keys and values alternating
    Index callee = 0, arguments = 0;  // object: its class or function, and arguments; persistent: arguments is the id
    std::optional<Index> state;       // object
  };
  std::vector<std::byte> bytes_;  // owns the memory of all texts
  std::vector<Node> nodes_;
  Index root_ = 0;
  std::size_t size_ = 0;
};

/// A reference to a value of a pickle. Values can be shared and can contain themselves, so traversals need a bound. A
/// function for another kind of value returns an empty optional or no items; it does not throw.
class PickleValue {
 public:
  bool none() const;
  std::optional<bool> boolean() const;
  std::optional<std::int64_t> integer() const;
  std::optional<double> number() const;          // an integer or a float
  std::optional<std::string_view> text() const;  // str
  std::optional<std::string_view> bytes() const;
  std::optional<PickleValue> persistent() const;  // the id of an object stored outside of the pickle

  bool is_list() const;  // list, tuple or set
  std::size_t size() const;
  PickleValue operator[](std::size_t i) const;  // i < size()
  std::vector<std::int64_t> integers() const;   // elements of a list of integers; otherwise empty

  bool is_dict() const;
  std::size_t entries() const;
  PickleValue key(std::size_t i) const;
  PickleValue value(std::size_t i) const;
  std::optional<PickleValue> find(std::string_view key) const;  // the last one of equal keys, as in Python

  bool is_object() const;           // the result of a class or function, not constructed
  std::string_view module() const;  // of a global or of the class of an object: "torch.nn.modules.conv"
  std::string_view name() const;    // last part of the name: "Conv2d"
  PickleValue arguments() const;    // of an object; a list
  std::optional<PickleValue> attribute(std::string_view name) const;  // of an object's state
  std::size_t state_entries() const;
  std::vector<std::string> real_attributes() const;  // names of the attributes that are floats

 private:
  friend class Pickle;
  using Kind = Pickle::Kind;
  PickleValue(const Pickle* pickle, Pickle::Index index) : pickle_(pickle), index_(index) {}
  const Pickle::Node& node() const;
  const Pickle::Node& callee() const;  // the class or function of an object, or the value itself
  std::optional<PickleValue> state() const;
  const Pickle* pickle_;
  Pickle::Index index_;
};

inline PickleValue Pickle::root() const {
  return {this, root_};
}

}  // namespace cudet::convert
