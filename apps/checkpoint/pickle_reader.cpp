#include "apps/checkpoint/pickle_reader.h"

#include <bit>
#include <charconv>
#include <cstring>

#include "apps/checkpoint/python_text.h"
#include "kernels/error.h"

namespace cudet::convert {
namespace {

constexpr std::size_t kMaxNodes = 2'000'000;  // a YOLOv8x training checkpoint has about 100 thousand values
constexpr int kNewestProtocol = 5;

Error damaged(const std::string& why) {
  return Error("damaged pickle: " + why);
}

void check_count(std::size_t count) {
  if (count >= kMaxNodes) throw Error("the pickle has more than 2,000,000 values: not a checkpoint");
}

}  // namespace

Pickle::Index PickleReader::run() {
  if (pickle_.bytes_.size() > kMaxPickleBytes) throw Error(kPickleTooLarge);
  for (;;) {
    const unsigned char opcode = static_cast<unsigned char>(take(1)[0]);
    if (opcode == '.') return pop();
    if (!literal(opcode) && !container(opcode) && !object(opcode) && !memory(opcode))
      throw damaged("unknown opcode " + std::to_string(opcode) + " at byte " + std::to_string(at_ - 1));
  }
}

std::string_view PickleReader::take(std::uint64_t count) {
  if (count > pickle_.bytes_.size() - at_) throw damaged("truncated at byte " + std::to_string(pickle_.bytes_.size()));
  const char* first = reinterpret_cast<const char*>(pickle_.bytes_.data()) + at_;
  at_ += static_cast<std::size_t>(count);
  return {first, static_cast<std::size_t>(count)};
}

std::string_view PickleReader::line() {
  const std::string_view rest(reinterpret_cast<const char*>(pickle_.bytes_.data()) + at_, pickle_.bytes_.size() - at_);
  const std::size_t end = rest.find('\n');
  if (end == std::string_view::npos) throw damaged("truncated at byte " + std::to_string(pickle_.bytes_.size()));
  at_ += end + 1;
  return rest.substr(0, end);
}

bool PickleReader::next_is(std::string_view text) const {
  return pickle_.bytes_.size() - at_ >= text.size() &&
         std::memcmp(pickle_.bytes_.data() + at_, text.data(), text.size()) == 0;
}

std::uint64_t PickleReader::number(int bytes) {
  std::uint64_t value = 0;
  std::memcpy(&value, take(static_cast<std::uint64_t>(bytes)).data(), static_cast<std::size_t>(bytes));
  return value;
}

std::int64_t PickleReader::decimal() {
  const std::string_view text = line();
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || (end != text.data() + text.size() && *end != 'L')) throw damaged("invalid number");
  return value;
}

/// Pushes a two's complement number of any length. A number of more than 64 bits becomes Kind::other.
void PickleReader::push_integer(std::string_view little_endian) {
  Node node;
  node.kind = Kind::integer;
  if (little_endian.size() > 8) {
    node.kind = Kind::other;
  } else if (!little_endian.empty()) {
    const bool negative = static_cast<signed char>(little_endian.back()) < 0;
    node.integer = negative ? -1 : 0;
    std::memcpy(&node.integer, little_endian.data(), little_endian.size());
  }
  push(std::move(node));
}

void PickleReader::push_text(std::string_view text, Kind kind) {
  if (kind == Kind::text && !is_python_utf8(text)) throw damaged("a text that is not UTF-8");
  Node node;
  node.kind = kind;
  node.text = text;
  push(std::move(node));
}

Pickle::Index PickleReader::push(Node node) {
  check_count(pickle_.nodes_.size());
  pickle_.nodes_.push_back(std::move(node));
  return push_index(static_cast<Index>(pickle_.nodes_.size() - 1));
}

Pickle::Index PickleReader::push_index(Index index) {
  check_count(stack_.size());
  stack_.push_back(index);
  return index;
}

Pickle::Index& PickleReader::top() {
  if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) throw damaged("stack underflow");
  return stack_.back();
}

Pickle::Index PickleReader::pop() {
  const Index index = top();
  stack_.pop_back();
  return index;
}

std::vector<Pickle::Index> PickleReader::pop_to_mark() {
  if (marks_.empty()) throw damaged("missing mark");
  const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
  std::vector<Index> items(first, stack_.end());
  stack_.erase(first, stack_.end());
  marks_.pop_back();
  return items;
}

bool PickleReader::literal(unsigned char opcode) {
  Node node;
  switch (opcode) {
    case 0x80:  // PROTO
      if (number(1) > kNewestProtocol) throw Error("pickle protocol above 5 is not supported");
      return true;
    case 0x95:  // FRAME: a hint for readers of streams
      if (number(8) > pickle_.bytes_.size() - at_) throw damaged("truncated: a frame is longer than the rest");
      return true;
    case 'N':  // NONE
      push({});
      return true;
    case 0x88:  // NEWTRUE
    case 0x89:  // NEWFALSE
      node.kind = Kind::boolean;
      node.integer = opcode == 0x88;
      push(std::move(node));
      return true;
    case 'J':  // BININT
      push_integer(take(4));
      return true;
    case 'K':  // BININT1
    case 'M':  // BININT2
      node.kind = Kind::integer;
      node.integer = static_cast<std::int64_t>(number(opcode == 'K' ? 1 : 2));
      push(std::move(node));
      return true;
    case 0x8a:  // LONG1
      push_integer(take(number(1)));
      return true;
    case 0x8b:  // LONG4
      push_integer(take(number(4)));
      return true;
    case 'I':  // INT; also the booleans of protocol 0
    case 'L':  // LONG
      node.kind = opcode == 'I' && (next_is("00\n") || next_is("01\n")) ? Kind::boolean : Kind::integer;
      node.integer = decimal();
      push(std::move(node));
      return true;
    case 'F': {  // FLOAT
      const std::string text(line());
      node.kind = Kind::real;
      node.real = std::strtod(text.c_str(), nullptr);
      push(std::move(node));
      return true;
    }
    case 'G': {  // BINFLOAT, big-endian
      std::uint64_t bits;
      std::memcpy(&bits, take(8).data(), 8);
      node.kind = Kind::real;
      node.real = std::bit_cast<double>(__builtin_bswap64(bits));
      push(std::move(node));
      return true;
    }
    case 'S': {  // STRING, in quotes
      const std::string_view quoted = line();
      const char quote = quoted.empty() ? '\0' : quoted.front();
      if (quoted.size() < 2 || (quote != '\'' && quote != '"') || quoted.back() != quote)
        throw damaged("a string without quotes");
      if (quoted.find('\\') != quoted.npos) throw damaged("escapes in a string of protocol 0 are not supported");
      push_text(quoted.substr(1, quoted.size() - 2));
      return true;
    }
    case 'V':  // UNICODE
      push_text(line());
      return true;
    case 'U':   // SHORT_BINSTRING
    case 0x8c:  // SHORT_BINUNICODE
      push_text(take(number(1)));
      return true;
    case 'C':  // SHORT_BINBYTES
      push_text(take(number(1)), Kind::bytes);
      return true;
    case 'T':  // BINSTRING
    case 'X':  // BINUNICODE
      push_text(take(number(4)));
      return true;
    case 'B':  // BINBYTES
      push_text(take(number(4)), Kind::bytes);
      return true;
    case 0x8d:  // BINUNICODE8
      push_text(take(number(8)));
      return true;
    case 0x8e:  // BINBYTES8
    case 0x96:  // BYTEARRAY8
      push_text(take(number(8)), Kind::bytes);
      return true;
  }
  return false;
}

bool PickleReader::container(unsigned char opcode) {
  switch (opcode) {
    case '(':  // MARK
      check_count(marks_.size());
      marks_.push_back(stack_.size());
      return true;
    case ')':   // EMPTY_TUPLE
    case ']':   // EMPTY_LIST
    case 0x8f:  // EMPTY_SET
      push_list({});
      return true;
    case 't':   // TUPLE
    case 'l':   // LIST
    case 0x91:  // FROZENSET
      push_list(pop_to_mark());
      return true;
    case 0x85:    // TUPLE1
    case 0x86:    // TUPLE2
    case 0x87: {  // TUPLE3
      std::vector<Index> items(opcode - 0x84u);
      for (std::size_t i = items.size(); i-- > 0;) items[i] = pop();
      push_list(std::move(items));
      return true;
    }
    case '}': {  // EMPTY_DICT
      Node node;
      node.kind = Kind::dict;
      push(std::move(node));
      return true;
    }
    case 'd': {  // DICT
      std::vector<Index> items = pop_to_mark();
      Node node;
      node.kind = Kind::dict;
      set_items(push(std::move(node)), std::move(items));
      return true;
    }
    case 'a': {  // APPEND
      const Index item = pop();
      append(top(), {item});
      return true;
    }
    case 'e':     // APPENDS
    case 0x90: {  // ADDITEMS
      std::vector<Index> items = pop_to_mark();
      append(top(), std::move(items));
      return true;
    }
    case 's': {  // SETITEM
      const Index value = pop(), key = pop();
      set_items(top(), {key, value});
      return true;
    }
    case 'u': {  // SETITEMS
      std::vector<Index> items = pop_to_mark();
      set_items(top(), std::move(items));
      return true;
    }
  }
  return false;
}

bool PickleReader::object(unsigned char opcode) {
  switch (opcode) {
    case 'c': {  // GLOBAL
      const std::string_view module = line();
      push_global(module, line());
      return true;
    }
    case 0x93: {  // STACK_GLOBAL
      const Node &name = pickle_.nodes_[pop()], &module = pickle_.nodes_[pop()];
      if (name.kind != Kind::text || module.kind != Kind::text) throw damaged("a global without a name");
      push_global(module.text, name.text);
      return true;
    }
    case 'R':     // REDUCE
    case 0x81: {  // NEWOBJ
      const Index arguments = pop(), callee = pop();
      push_object(callee, arguments);
      return true;
    }
    case 0x92: {  // NEWOBJ_EX: arguments by name come last
      pop();
      const Index arguments = pop(), callee = pop();
      push_object(callee, arguments);
      return true;
    }
    case 'i': {  // INST
      const std::string_view module = line(), name = line();
      push_list(pop_to_mark());
      const Index arguments = pop();
      push_global(module, name);
      push_object(pop(), arguments);
      return true;
    }
    case 'o': {  // OBJ
      std::vector<Index> items = pop_to_mark();
      if (items.empty()) throw damaged("an object without a class");
      const Index callee = items.front();
      items.erase(items.begin());
      push_list(std::move(items));
      push_object(callee, pop());
      return true;
    }
    case 'b': {  // BUILD
      const Index state = pop();
      Node& node = pickle_.nodes_[top()];
      if (node.kind == Kind::object) node.state = state;  // attributes of an OrderedDict are ignored
      return true;
    }
    case 'P':    // PERSID
    case 'Q': {  // BINPERSID
      if (opcode == 'P') push_text(line());
      Node node;
      node.kind = Kind::persistent;
      node.arguments = pop();
      push(std::move(node));
      return true;
    }
  }
  return false;
}

bool PickleReader::memory(unsigned char opcode) {
  switch (opcode) {
    case '0':  // POP; drops a mark if there is nothing above it
      if (!marks_.empty() && marks_.back() == stack_.size())
        marks_.pop_back();
      else
        pop();
      return true;
    case '1':  // POP_MARK
      pop_to_mark();
      return true;
    case '2':  // DUP
      push_index(top());
      return true;
    case 'p':  // PUT
      remember(static_cast<std::uint64_t>(decimal()));
      return true;
    case 'q':  // BINPUT
      remember(number(1));
      return true;
    case 'r':  // LONG_BINPUT
      remember(number(4));
      return true;
    case 0x94:  // MEMOIZE
      remember(memo_.size());
      return true;
    case 'g':  // GET
      recall(static_cast<std::uint64_t>(decimal()));
      return true;
    case 'h':  // BINGET
      recall(number(1));
      return true;
    case 'j':  // LONG_BINGET
      recall(number(4));
      return true;
  }
  return false;
}

void PickleReader::append(Index to, std::vector<Index> items) {
  Node& node = pickle_.nodes_[to];
  if (node.kind == Kind::object) return;  // a class derived from list: its items are not needed
  if (node.kind != Kind::list) throw damaged("items appended to a value that is not a list");
  node.items.insert(node.items.end(), items.begin(), items.end());
}

void PickleReader::set_items(Index to, std::vector<Index> keys_and_values) {
  if (keys_and_values.size() % 2 != 0) throw damaged("a key without a value");
  Node& node = pickle_.nodes_[to];
  if (node.kind == Kind::object) return;
  if (node.kind != Kind::dict) throw damaged("entries set in a value that is not a dict");
  node.items.insert(node.items.end(), keys_and_values.begin(), keys_and_values.end());
}

void PickleReader::push_list(std::vector<Index> items) {
  Node node;
  node.kind = Kind::list;
  node.items = std::move(items);
  push(std::move(node));
}

void PickleReader::push_global(std::string_view module, std::string_view name) {
  Node node;
  node.kind = Kind::global;
  node.module = module;
  node.text = name;
  push(std::move(node));
}

/// Pushes the result of a call. Python's built-in containers become lists and dicts. Any other call becomes an object
/// that records its class or function and its arguments.
void PickleReader::push_object(Index callee, Index arguments) {
  const Node& function = pickle_.nodes_[callee];
  const std::vector<Index>& given = pickle_.nodes_[arguments].items;
  if (pickle_.nodes_[arguments].kind != Kind::list) throw damaged("the arguments are not a tuple");
  // The format of before torch 1.6 stores classes outside of the pickle.
  if (function.kind != Kind::global && function.kind != Kind::object && function.kind != Kind::persistent)
    throw damaged("a call of a value that is neither a class nor a function");
  const bool global = function.kind == Kind::global;
  const bool builtin = global && (function.module == "builtins" || function.module == "__builtin__");
  if ((builtin && (function.text == "set" || function.text == "frozenset" || function.text == "list" ||
                   function.text == "tuple")) ||
      (global && function.module == "torch" && function.text == "Size")) {
    if (!given.empty() && pickle_.nodes_[given[0]].kind == Kind::list)
      push_index(given[0]);  // not a copy: with copies a small file could use much memory
    else
      push_list({});
    return;
  }
  Node node;
  node.kind = Kind::object;
  node.callee = callee;
  node.arguments = arguments;
  if (global && function.module == "collections" && (function.text == "OrderedDict" || function.text == "defaultdict"))
    node.kind = Kind::dict;
  if (global && function.text == "_reconstructor" && !given.empty())
    node.callee = given[0];  // copyreg: the first argument is the class
  push(std::move(node));
}

void PickleReader::remember(std::uint64_t key) {
  check_count(memo_.size());
  memo_[key] = top();
}

void PickleReader::recall(std::uint64_t key) {
  const auto found = memo_.find(key);
  if (found == memo_.end()) throw damaged("a memo entry was never stored");
  push_index(found->second);
}

}  // namespace cudet::convert
