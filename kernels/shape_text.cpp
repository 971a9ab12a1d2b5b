#include "kernels/shape_text.h"

#include <algorithm>
#include <charconv>

#include "kernels/error.h"

namespace cudet {
namespace {

constexpr int kMaxNumber = 1'000'000;
constexpr std::size_t kAlignment = 64;  // bytes, of each tensor

}  // namespace

std::string to_text(Extent e) {
  return std::to_string(e.h) + "x" + std::to_string(e.w);
}

std::string to_text(float value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

std::string to_text(const Tensor& t) {
  return std::to_string(t.n) + "x" + to_text(Extent{t.h, t.w}) + "x" + std::to_string(t.c);
}

void add_word(std::string& attributes, const std::string& word) {
  if (!attributes.empty()) attributes += " ";
  attributes += word;
}

void add_optional(std::string& attributes, const char* name, Extent value, int default_value) {
  if (value.h != default_value || value.w != default_value) add_word(attributes, name + to_text(value));
}

void add_optional(std::string& attributes, const char* name, int value, int default_value) {
  if (value != default_value) add_word(attributes, name + std::to_string(value));
}

std::string quoted(std::string_view word) {
  return "\"" + std::string(word) + "\"";
}

std::vector<std::string_view> split(std::string_view line, char separator) {
  std::vector<std::string_view> parts;
  for (std::size_t end; (end = line.find(separator)) != line.npos; line.remove_prefix(end + 1))
    parts.push_back(line.substr(0, end));
  parts.push_back(line);
  return parts;
}

std::vector<int> parse_numbers(std::string_view word, int minimum) {
  std::vector<int> values;
  for (const std::string_view part : split(word, 'x')) {
    int value = -1;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (error != std::errc() || end != part.data() + part.size() || value < minimum || value > kMaxNumber)
      throw Error(quoted(word) + ": needs numbers from " + std::to_string(minimum) + " to " +
                  std::to_string(kMaxNumber));
    values.push_back(value);
  }
  return values;
}

long window_count(long size, long kernel, long stride, long pad, long dilation) {
  const long last = size + 2 * pad - dilation * (kernel - 1) - 1;
  if (last < 0) throw Error("the kernel is larger than the padded input, so there is no output");
  return last / stride + 1;
}

ShapeParser::ShapeParser(std::string_view shape) {
  constexpr std::string_view kBlanks = " \t\r";
  while ((shape.remove_prefix(std::min(shape.find_first_not_of(kBlanks), shape.size())), !shape.empty())) {
    const std::size_t length = std::min(shape.find_first_of(kBlanks), shape.size());
    words_.push_back(shape.substr(0, length));
    shape.remove_prefix(length);
  }
}

std::string_view ShapeParser::take(const char* what) {
  if (words_.empty()) throw Error(std::string(what) + " is missing");
  const std::string_view word = words_.front();
  words_.erase(words_.begin());
  return word;
}

bool ShapeParser::take_flag(std::string_view name) {
  return std::erase(words_, name) > 0;
}

int ShapeParser::take_number(const std::string& name, const char* what, int minimum, std::optional<int> default_value) {
  const std::vector<int> values = take_numbers(name, what, minimum, default_value);
  if (values.size() > 1) throw Error(std::string(what) + ": only one number is allowed");
  return values.front();
}

Extent ShapeParser::take_pair(const std::string& name, const char* what, int minimum,
                              std::optional<int> default_value) {
  const std::vector<int> values = take_numbers(name, what, minimum, default_value);
  if (values.size() > 2) throw Error(std::string(what) + ": at most two numbers are allowed");
  return {values.front(), values.back()};
}

std::string_view ShapeParser::take_starting(std::string_view start) {
  const auto at = std::find_if(words_.begin(), words_.end(), [&](std::string_view w) { return w.starts_with(start); });
  if (at == words_.end()) return {};
  const std::string_view word = *at;
  words_.erase(at);
  return word;
}

std::vector<int> ShapeParser::take_numbers(const std::string& name, const char* what, int minimum,
                                           std::optional<int> default_value) {
  const auto matches = [&](std::string_view word) {
    return word.starts_with(name) && word.size() > name.size() && word[name.size()] >= '0' && word[name.size()] <= '9';
  };
  const auto at = std::find_if(words_.begin(), words_.end(), matches);
  if (at == words_.end()) {
    if (!default_value) throw Error(std::string(what) + " is missing: " + name + "…");
    return {*default_value};
  }
  const std::string_view word = *at;
  words_.erase(at);
  return parse_numbers(word.substr(name.size()), minimum);
}

std::vector<int> ShapeParser::take_sizes(const char* what, std::size_t count) {
  const std::string_view word = take(what);
  std::vector<int> sizes = parse_numbers(word, 1);
  if (sizes.size() != count) throw Error(quoted(word) + ": expected " + what);
  return sizes;
}

Tensor ShapeParser::take_input() {
  const std::vector<int> sizes = take_sizes("the input N x H x W x C", 4);
  return arena(sizes[0], sizes[1], sizes[2], sizes[3]);
}

std::string ShapeParser::rest() const {
  std::string rest;
  for (const std::string_view word : words_) add_word(rest, std::string(word));
  return rest;
}

void ShapeParser::finish() const {
  if (!words_.empty()) throw Error(quoted(words_.front()) + " does not belong here");
}

Tensor ShapeParser::lay_out(Space space, long n, long h, long w, long c) {
  const double size =
      sizeof(float) * static_cast<double>(n) * static_cast<double>(h) * static_cast<double>(w) * static_cast<double>(c);
  total_bytes_ += size;
  if (total_bytes_ > kMaxShapeBytes)
    throw Error("its tensors take more than " + std::to_string(static_cast<int>(kMaxShapeBytes / 1e9)) + " GB");
  std::size_t& end = space == Space::weights ? weights_end_ : arena_end_;
  const int channels = static_cast<int>(c);
  const Tensor t{space,    Type::f32, end, static_cast<int>(n), static_cast<int>(h), static_cast<int>(w),
                 channels, channels};
  end += (static_cast<std::size_t>(size) + kAlignment - 1) / kAlignment * kAlignment;
  return t;
}

}  // namespace cudet
