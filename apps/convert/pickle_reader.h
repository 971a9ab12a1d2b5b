// The machine that pickles are programs of, with every effect but building values left out.
#pragma once
#include <unordered_map>
#include <vector>

#include "apps/convert/pickle.h"

namespace cudet::convert {

/// Runs a pickle's bytes once; its nodes go to the pickle's arena. Work and memory grow with the bytes alone, since no
/// opcode makes more than three nodes (INST: arguments, class, object) and none copies what a node holds.
class PickleReader {
 public:
  explicit PickleReader(Pickle& pickle) : pickle_(pickle) {}
  Pickle::Index run();  // the root; throws Error

 private:
  using Index = Pickle::Index;
  using Kind = Pickle::Kind;
  using Node = Pickle::Node;

  // What the bytes give.
  std::string_view take(std::uint64_t count);
  std::string_view line();
  bool next_is(std::string_view text) const;
  std::uint64_t number(int bytes);  // little-endian
  std::int64_t decimal();           // of a line
  void push_integer(std::string_view little_endian);
  void push_text(std::string_view text);

  // The stack; items below the last mark are out of reach.
  Index push(Node node);
  Index pop();
  Index& top();
  std::vector<Index> pop_to_mark();

  // Groups of opcodes; each tells whether it knows the opcode.
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
