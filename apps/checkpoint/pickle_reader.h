// Interpreter of pickle opcodes that only builds values and has no other effects.
#pragma once
#include <unordered_map>
#include <vector>

#include "apps/checkpoint/pickle.h"

namespace cudet::convert {

/// Interprets the bytes of a pickle once and adds its nodes to the arena of `pickle`. Time and memory are linear in the
/// number of bytes: no opcode creates more than three nodes (INST: arguments, class, object), and none copies the
/// content of a node.
class PickleReader {
 public:
  explicit PickleReader(Pickle& pickle) : pickle_(pickle) {}
  Pickle::Index run();                          // the root; throws Error
  std::size_t position() const { return at_; }  // after run(): the end of the pickle

 private:
  using Index = Pickle::Index;
  using Kind = Pickle::Kind;
  using Node = Pickle::Node;

  // Reading from the bytes.
  std::string_view take(std::uint64_t count);
  std::string_view line();
  bool next_is(std::string_view text) const;
  std::uint64_t number(int bytes);  // little-endian
  std::int64_t decimal();           // a line with a decimal number
  void push_integer(std::string_view little_endian);
  void push_text(std::string_view text, Kind kind = Kind::text);

  // The stack. Items below the last mark cannot be popped.
  Index push(Node node);
  Index push_index(Index index);
  Index pop();
  Index& top();
  std::vector<Index> pop_to_mark();

  // Groups of opcodes. Each function returns whether it handles the opcode.
  bool literal(unsigned char opcode);
  bool container(unsigned char opcode);
  bool object(unsigned char opcode);
  bool memory(unsigned char opcode);

  void append(Index to, std::vector<Index> items);
  void set_items(Index to, std::vector<Index> keys_and_values);
  void push_list(std::vector<Index> items);
  void push_global(std::string_view module, std::string_view name);
  void push_object(Index callee, Index arguments);
  void remember(std::uint64_t key);
  void recall(std::uint64_t key);

  Pickle& pickle_;
  std::size_t at_ = 0;
  std::vector<Index> stack_;
  std::vector<std::size_t> marks_;
  std::unordered_map<std::uint64_t, Index> memo_;
};

}  // namespace cudet::convert
