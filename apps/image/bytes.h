// Reads numbers and text from the bytes of a file.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace cudet {

using Bytes = std::span<const std::byte>;

enum class Endian : unsigned char { little, big };

/// Reads an unsigned number of `size` bytes (at most 4) at `offset`. The caller checks that offset + size is in range.
inline std::uint32_t number(Bytes bytes, std::size_t offset, int size, Endian endian) {
  std::uint32_t value = 0;
  for (int i = 0; i < size; ++i) {
    const auto byte = std::to_integer<std::uint32_t>(bytes[offset + i]);
    value |= byte << 8 * (endian == Endian::little ? i : size - 1 - i);
  }
  return value;
}

/// Whether the bytes at `offset` are equal to `text`; false if they are out of range.
inline bool matches(Bytes bytes, std::size_t offset, std::string_view text) {
  return offset <= bytes.size() && text.size() <= bytes.size() - offset &&
         std::memcmp(bytes.data() + offset, text.data(), text.size()) == 0;
}

}  // namespace cudet
