// safetensors: named tensors in one file. Format: 8 bytes little-endian header length, a JSON header, then the data.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/model/file.h"

namespace cudet {

enum class Dtype : unsigned char { f32, f16, bf16, f64, i64, i32, i8, u8 };

std::size_t size_of(Dtype dtype);     // bytes per element
const char* dtype_name(Dtype dtype);  // in the file format: "F32"
/// Returns the bytes of a tensor, or nothing if a side is negative or the product overflows 64 bits.
std::optional<std::size_t> tensor_bytes(const std::vector<std::int64_t>& shape, Dtype dtype);

/// Converts out.size() values to f32: exactly from f16 and bf16, rounded from f64 and integers. `data` is little-endian
/// and needs no alignment.
void to_f32(Dtype dtype, const std::byte* data, std::span<float> out);

/// A tensor as stored: row-major, little-endian.
struct StoredTensor {
  Dtype dtype;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> data;  // product of the shape · size_of(dtype) bytes

  std::size_t elements() const { return data.size() / size_of(dtype); }
  std::vector<float> to_f32() const;
};

/// A file's header.
struct SafetensorsHeader {
  struct Entry {
    Dtype dtype;
    std::vector<std::int64_t> shape;
    std::size_t begin, bytes;  // within the data after the header

    std::size_t elements() const { return bytes / size_of(dtype); }
  };
  std::map<std::string, Entry> tensors;
  std::map<std::string, std::string> metadata;
};

/// A file's tensors. Owns the memory that they point to. Move-only.
class Safetensors {
 public:
  /// Reads a whole file. Throws Error with the path if it is not a valid safetensors file: a header longer than the
  /// file, offsets outside the file or inconsistent with shapes, unknown types, duplicate names.
  static Safetensors read(const std::string& path);
  /// Parses a file in memory. `name` replaces the path in errors.
  static Safetensors parse(std::vector<std::byte> file, const std::string& name);

  const std::map<std::string, StoredTensor>& tensors() const { return tensors_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  /// Returns the tensor or null.
  const StoredTensor* find(const std::string& name) const;

  Safetensors(Safetensors&&) = default;  // moving a vector keeps its memory, so the spans stay valid
  Safetensors& operator=(Safetensors&&) = default;

 private:
  Safetensors() = default;
  std::vector<std::byte> file_;
  std::map<std::string, StoredTensor> tensors_;
  std::map<std::string, std::string> metadata_;
};

/// A safetensors file that stays open and reads each tensor on demand.
class SafetensorsFile {
 public:
  /// Reads the header. Throws Error as Safetensors::read does.
  explicit SafetensorsFile(const std::string& path);

  const std::string& path() const { return file_.path(); }
  const std::map<std::string, SafetensorsHeader::Entry>& tensors() const { return header_.tensors; }
  /// Returns the tensor's header entry or null.
  const SafetensorsHeader::Entry* find(const std::string& name) const;
  /// Reads all values of a tensor as f32; `out` has its number of elements. Thread-safe. Throws Error as File::read
  /// does.
  void read(const SafetensorsHeader::Entry& tensor, std::span<float> out) const;

 private:
  File file_;
  std::size_t data_;  // offset of the data, bytes
  SafetensorsHeader header_;
};

}  // namespace cudet
