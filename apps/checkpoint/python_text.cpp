#include "apps/checkpoint/python_text.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <variant>

namespace cudet::convert {
namespace {

using Scalar = std::variant<std::monostate, bool, std::int64_t, std::uint64_t, float, double, std::string>;

constexpr const char* kSpaces = " \t\n\r\f\v";

void append_utf8(std::string& text, std::uint32_t c) {
  if (c < 0x80) {
    text += static_cast<char>(c);
    return;
  }
  const int rest = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;  // bytes after the first
  text += static_cast<char>((0xf0e0c0u >> (8 * (rest - 1)) & 0xff) | c >> (6 * rest));
  for (int i = rest - 1; i >= 0; --i) text += static_cast<char>(0x80 | (c >> (6 * i) & 0x3f));
}

/// Returns the bytes of a bytes object. Protocol 2 has none: it stores the call _codecs.encode(text, "latin1").
std::optional<std::string> python_bytes(PickleValue value) {
  if (const auto bytes = value.bytes()) return std::string(*bytes);
  if (value.is_object() && value.module() == "__builtin__" && value.name() == "bytes" && value.arguments().size() == 0)
    return "";
  if (!value.is_object() || value.name() != "encode" || value.arguments().size() < 1) return std::nullopt;
  const auto text = value.arguments()[0].text();
  if (!text) return std::nullopt;
  std::string bytes;  // decodes UTF-8 characters up to U+00FF
  for (std::size_t i = 0; i < text->size(); ++i) {
    const unsigned char c = static_cast<unsigned char>((*text)[i]);
    if (c < 0x80) {
      bytes += static_cast<char>(c);
    } else if ((c == 0xc2 || c == 0xc3) && i + 1 < text->size()) {
      bytes += static_cast<char>((c & 3) << 6 | (static_cast<unsigned char>((*text)[++i]) & 0x3f));
    } else {
      return std::nullopt;
    }
  }
  return bytes;
}

/// repr() of a bytes object.
std::string bytes_text(std::string_view bytes) {
  const char quote = bytes.find('\'') != bytes.npos && bytes.find('"') == bytes.npos ? '"' : '\'';
  std::string text = {'b', quote};
  for (const char c : bytes) {
    constexpr char kHex[] = "0123456789abcdef";
    const auto code = static_cast<unsigned char>(c);
    if (c == '\\' || c == quote)
      text += {'\\', c};
    else if (c == '\n' || c == '\r' || c == '\t')
      text += {'\\', c == '\n' ? 'n' : c == '\r' ? 'r' : 't'};
    else if (code < 0x20 || code >= 0x7f)
      text += {'\\', 'x', kHex[code >> 4], kHex[code & 15]};
    else
      text += c;
  }
  return text + quote;
}

template <class T>
T load(const std::string& bytes) {
  T value{};
  std::memcpy(&value, bytes.data(), std::min(sizeof value, bytes.size()));
  return value;
}

/// Reads numpy.core.multiarray.scalar(dtype, bytes), little-endian.
Scalar numpy_scalar(PickleValue value) {
  const PickleValue arguments = value.arguments();
  if (value.name() != "scalar" || arguments.size() < 2 || arguments[0].name() != "dtype") return {};
  const PickleValue type = arguments[0].arguments();
  const auto code = type.size() > 0 ? type[0].text() : std::nullopt;
  const auto bytes = python_bytes(arguments[1]);
  if (!code || code->empty() || !bytes) return {};
  if ((*code)[0] == 'U') {
    std::string text;
    for (std::size_t i = 0; i + 4 <= bytes->size(); i += 4) {
      const std::uint32_t c = load<std::uint32_t>(bytes->substr(i, 4));
      if (c > 0x10ffff) return {};
      if (c != 0) append_utf8(text, c);  // shorter texts are padded with zeros
    }
    return text;
  }
  if (*code == "b1") return load<unsigned char>(*bytes) != 0;
  if (*code == "i1") return std::int64_t{load<std::int8_t>(*bytes)};
  if (*code == "i2") return std::int64_t{load<std::int16_t>(*bytes)};
  if (*code == "i4") return std::int64_t{load<std::int32_t>(*bytes)};
  if (*code == "i8") return load<std::int64_t>(*bytes);
  if (*code == "u1") return std::int64_t{load<std::uint8_t>(*bytes)};
  if (*code == "u2") return std::int64_t{load<std::uint16_t>(*bytes)};
  if (*code == "u4") return std::int64_t{load<std::uint32_t>(*bytes)};
  if (*code == "u8") return load<std::uint64_t>(*bytes);
  if (*code == "f4") return load<float>(*bytes);
  if (*code == "f8") return load<double>(*bytes);
  if ((*code)[0] == 'S') return bytes_text(std::string_view(*bytes).substr(0, bytes->find_last_not_of('\0') + 1));
  return {};
}

Scalar scalar(PickleValue value) {
  if (const auto flag = value.boolean()) return *flag;
  if (const auto integer = value.integer()) return *integer;
  if (const auto number = value.number()) return *number;
  if (const auto text = value.text()) return std::string(*text);
  if (value.none()) return std::string("None");
  if (const auto bytes = python_bytes(value)) return bytes_text(*bytes);
  return value.is_object() ? numpy_scalar(value) : Scalar();
}

/// repr() of a float: the shortest digits that read back as the same value, with an exponent below 1e-4 and from 1e16
/// on. numpy prints a float32 in the same way; since 2.4 it uses an exponent from 1e6 on.
template <class T>  // float or double
std::string float_text(T value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  const bool fixed =
      value == 0 || (std::abs(static_cast<double>(value)) >= 1e-4 && std::abs(static_cast<double>(value)) < 1e16);
  char text[40];
  const auto [end, error] =
      std::to_chars(text, text + sizeof text, value, fixed ? std::chars_format::fixed : std::chars_format::scientific);
  const std::string digits(text, end);
  return fixed && digits.find('.') == digits.npos ? digits + ".0" : digits;
}

}  // namespace

bool is_python_utf8(std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size();) {
    const auto first = static_cast<unsigned char>(bytes[i]);
    const int rest = first < 0x80 ? 0 : first < 0xc0 ? -1 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : first < 0xf8 ? 3 : -1;
    if (rest < 0 || bytes.size() - i <= static_cast<std::size_t>(rest)) return false;
    std::uint32_t c = rest == 0 ? first : first & (0x3fu >> rest);
    for (int k = 1; k <= rest; ++k) {
      const auto next = static_cast<unsigned char>(bytes[i + k]);
      if ((next & 0xc0) != 0x80) return false;
      c = c << 6 | (next & 0x3f);
    }
    constexpr std::uint32_t kLeast[] = {0, 0x80, 0x800, 0x10000};  // smaller ones have a shorter form
    if (c < kLeast[rest] || c > 0x10ffff) return false;
    i += static_cast<std::size_t>(rest) + 1;
  }
  return true;
}

std::optional<std::string> python_text(PickleValue value) {
  const Scalar s = scalar(value);
  if (const bool* flag = std::get_if<bool>(&s)) return *flag ? "True" : "False";
  if (const std::int64_t* integer = std::get_if<std::int64_t>(&s)) return std::to_string(*integer);
  if (const std::uint64_t* integer = std::get_if<std::uint64_t>(&s)) return std::to_string(*integer);
  if (const float* number = std::get_if<float>(&s)) return float_text(*number);
  if (const double* number = std::get_if<double>(&s)) return float_text(*number);
  if (const std::string* text = std::get_if<std::string>(&s)) return *text;
  return std::nullopt;
}

std::optional<std::int64_t> python_integer(PickleValue value) {
  const Scalar s = scalar(value);
  if (const bool* flag = std::get_if<bool>(&s)) return *flag;
  if (const std::int64_t* integer = std::get_if<std::int64_t>(&s)) return *integer;
  if (const std::uint64_t* integer = std::get_if<std::uint64_t>(&s))
    return *integer < 1u << 31 ? std::optional(static_cast<std::int64_t>(*integer)) : std::nullopt;
  std::optional<double> number;
  if (const float* real = std::get_if<float>(&s)) number = *real;
  if (const double* real = std::get_if<double>(&s)) number = *real;
  if (number)
    return std::abs(*number) < 1e15 && *number == std::floor(*number)
               ? std::optional(static_cast<std::int64_t>(*number))
               : std::nullopt;
  const std::string* text = std::get_if<std::string>(&s);
  const std::size_t begin = text ? text->find_first_not_of(kSpaces) : std::string::npos;
  if (begin == std::string::npos) return std::nullopt;
  const char *first = text->data() + begin, *last = text->data() + text->find_last_not_of(kSpaces) + 1;
  if (*first == '+' && last - first > 1 && first[1] != '-') ++first;
  std::int64_t integer = 0;
  const auto [end, error] = std::from_chars(first, last, integer);
  return error == std::errc() && end == last ? std::optional(integer) : std::nullopt;
}

}  // namespace cudet::convert
