// The shape of an operator as one line of text, as in `bench --op conv2d --shape '1x160x160x16 -> 32 k3 s2 p1 silu'`.
//
// Grammar: sizes first, then attributes in any order, separated by blanks. Attributes in [ ] are optional; the default
// is shown. One number stands for both height and width: "k3" is "k3x3".
//
//   conv2d         NxHxWxC -> K kRxS [s1x1] [p0x0] [d1x1] [g1] [silu] [add]   stride, pad, dilation, groups; residual.
//                                                Instead of silu also relu, relu6, leaky_relu(SLOPE), hardswish, gelu,
//                                                mish
//   conv_transpose2d
//                  NxHxWxC -> K kRxS [s1x1] [p0x0] [o0x0] [d1x1] [g1]        o: output padding
//   max_pool       NxHxWxC kR [s1] [p0]
//   max_pool_chain NxHxWxC kR xCOUNT
//   upsample       NxHxWxC xSCALE
//   copy           NxHxWxC
//   add            NxHxWxC
//   resize_bilinear
//                  NxHxWxC xSCALE [align_corners]
//   pad            NxHxWxC [left0] [right0] [top0] [bottom0]
//   dysample, conv_dysample
//                  NxHxWxC xSCALE gGROUPS [dyscope]
//   detect_decode  NxHxW[+HxW …] classesC binsR inputHxW                      a size per level; the network's input
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/tensor.h"

namespace cudet {

std::string to_text(Extent);         // "3x3"
std::string to_text(float);          // the shortest decimal number that reads back as the same value
std::string to_text(const Tensor&);  // "1x160x160x16"

/// Appends a word to attributes, after a blank if they are not empty.
void add_word(std::string& attributes, const std::string& word);
/// Appends `name` and the value unless it equals the default.
void add_optional(std::string& attributes, const char* name, Extent value, int default_value);
void add_optional(std::string& attributes, const char* name, int value, int default_value);

/// Splits a line at a separator. Always returns at least one part.
std::vector<std::string_view> split(std::string_view line, char separator);

/// Reads a shape word by word and lays out its tensors, f32 and dense, one after the other in each space. Errors quote
/// the invalid word. Throws Error when the tensors take more than kMaxShapeBytes.
class ShapeParser {
 public:
  static constexpr double kMaxShapeBytes = 4e9;

  explicit ShapeParser(std::string_view shape);

  /// Takes the first word. Throws Error that contains `what` if there is none.
  std::string_view take(const char* what);
  /// Takes the word `name` if it is present. Returns whether it was.
  bool take_flag(std::string_view name);
  /// Takes the attribute that starts with `name`: one number, or one for height and one for width. Throws Error if it
  /// is missing and has no default, or if a number is below `minimum`.
  int take_number(const std::string& name, const char* what, int minimum, std::optional<int> default_value = {});
  Extent take_pair(const std::string& name, const char* what, int minimum, std::optional<int> default_value = {});
  /// Takes the first word that starts with `start`. Returns an empty one if there is none.
  std::string_view take_starting(std::string_view start);
  /// Takes the first word as numbers separated by 'x'. Throws Error unless there are `count` of them, each at least 1.
  std::vector<int> take_sizes(const char* what, std::size_t count);
  /// Takes the first word as N x H x W x C and lays out that tensor.
  Tensor take_input();

  bool empty() const { return words_.empty(); }
  std::string rest() const;
  /// Throws Error if words are left.
  void finish() const;

  Tensor arena(long n, long h, long w, long c) { return lay_out(Space::arena, n, h, w, c); }
  Tensor like(const Tensor& t) { return arena(t.n, t.h, t.w, t.c); }
  Tensor weights(long n, long h, long w, long c) { return lay_out(Space::weights, n, h, w, c); }

 private:
  std::vector<int> take_numbers(const std::string& name, const char* what, int minimum,
                                std::optional<int> default_value);
  Tensor lay_out(Space space, long n, long h, long w, long c);

  std::vector<std::string_view> words_;
  double total_bytes_ = 0;
  std::size_t arena_end_ = 0, weights_end_ = 0;  // bytes
};

/// Parses numbers such as "1x80x80x64". Throws Error unless each is a whole number from `minimum` to 1,000,000.
std::vector<int> parse_numbers(std::string_view word, int minimum);

/// Returns the number of positions of a window along one axis. Throws Error if there are none.
long window_count(long size, long kernel, long stride, long pad, long dilation = 1);

/// Returns the word in quotation marks, for messages.
std::string quoted(std::string_view word);

}  // namespace cudet
