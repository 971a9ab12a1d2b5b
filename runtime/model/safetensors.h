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

std::size_t size_of(Dtype dtype);  // bytes of an element
const char* name_of(Dtype dtype);  // as the format has it: "F32"
/// Bytes of a tensor; nothing where a side is negative or 64 bits don't hold them.
std::optional<std::size_t> bytes_of(const std::vector<std::int64_t>& shape, Dtype dtype);

/// Values as f32, as many as `out` has: exact from f16 and bf16, rounded from f64 and the integers. `data` holds at
/// least that many, little-endian, at any byte.
void to_f32(Dtype dtype, const std::byte* data, std::span<float> out);

/// A tensor as stored: row-major, little-endian.
struct StoredTensor {
  Dtype dtype;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> data;  // product of the shape · size_of(dtype) bytes

  std::size_t elements() const { return data.size() / size_of(dtype); }
  std::vector<float> to_f32() const;
};

/// What a file's header says.
struct SafetensorsHeader {
  struct Entry {
    Dtype dtype;
    std::vector<std::int64_t> shape;
    std::size_t begin, bytes;  // within the data that follow the header

    std::size_t elements() const { return bytes / size_of(dtype); }
  };
  std::map<std::string, Entry> tensors;
  std::map<std::string, std::string> metadata;
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

/// The same of a file that stays open, each tensor read when it is asked for.
class SafetensorsFile {
 public:
  /// Reads the header. Throws Error as Safetensors::read does.
  explicit SafetensorsFile(const std::string& path);

  const std::string& path() const { return file_.path(); }
  const std::map<std::string, SafetensorsHeader::Entry>& tensors() const { return header_.tensors; }
  /// What the header says of the tensor, or null.
  const SafetensorsHeader::Entry* find(const std::string& name) const;
  /// All values of a tensor of this file, as f32; `out` has its number of elements. Threads may read at once. Throws
  /// Error as File::read does.
  void read(const SafetensorsHeader::Entry& tensor, std::span<float> out) const;

 private:
  File file_;
  std::size_t data_;  // where the header ends
  SafetensorsHeader header_;
};

}  // namespace cudet
