// safetensors: named tensors in one file. Format: 8 bytes little-endian header length, a JSON header, then the data.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace cudet {

enum class Dtype : unsigned char { f32, f16, bf16, f64, i64, i32, i8, u8 };

std::size_t size_of(Dtype dtype);  // bytes of an element
const char* name_of(Dtype dtype);  // as the format has it: "F32"
/// Bytes of a tensor; nothing where a side is negative or 64 bits don't hold them.
std::optional<std::size_t> bytes_of(const std::vector<std::int64_t>& shape, Dtype dtype);

/// A tensor as stored: row-major, little-endian.
struct StoredTensor {
  Dtype dtype;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> data;  // product of the shape · size_of(dtype) bytes

  std::size_t elements() const { return data.size() / size_of(dtype); }
  /// The values as f32; exact from f16 and bf16, rounded from f64 and the integers.
  std::vector<float> to_f32() const;
};

/// A file's tensors; owns the memory that they point to. Move-only.
class Safetensors {
 public:
  /// Reads a whole file. Throws Error with the path where it isn't a sound safetensors file (a header longer than the
  /// file, offsets outside of it or that disagree with shapes, unknown types, equal names).
  static Safetensors read(const std::string& path);
  /// The same from memory; `name` stands for the path in errors.
  static Safetensors parse(std::vector<std::byte> file, const std::string& name);

  const std::map<std::string, StoredTensor>& tensors() const { return tensors_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  /// The tensor, or null.
  const StoredTensor* find(const std::string& name) const;

  Safetensors(Safetensors&&) = default;  // a vector's memory stays where it is when it moves, so the spans do too
  Safetensors& operator=(Safetensors&&) = default;

 private:
  Safetensors() = default;
  std::vector<std::byte> file_;
  std::map<std::string, StoredTensor> tensors_;
  std::map<std::string, std::string> metadata_;
};

}  // namespace cudet
