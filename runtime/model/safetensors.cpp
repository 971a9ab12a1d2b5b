#include "runtime/model/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "kernels/error.h"

namespace cudet {
namespace {

static_assert(std::endian::native == std::endian::little, "the file's numbers are used without conversion");

constexpr std::size_t kLength = 8;  // bytes of the header's length

struct DtypeName {
  Dtype dtype;
  const char* name;
};
constexpr DtypeName kDtypes[] = {{Dtype::f32, "F32"}, {Dtype::f16, "F16"}, {Dtype::bf16, "BF16"}, {Dtype::f64, "F64"},
                                 {Dtype::i64, "I64"}, {Dtype::i32, "I32"}, {Dtype::i8, "I8"},     {Dtype::u8, "U8"}};

/// One entry of the header, not yet checked.
struct ClaimedEntry {
  std::string name;
  std::optional<std::string> dtype;
  std::optional<std::vector<std::uint64_t>> shape, offsets;
};

/// Reads the header as a stream of events. Builds nothing that the format does not define, so deep nesting is harmless.
class HeaderReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  std::vector<ClaimedEntry> entries;
  std::map<std::string, std::string> metadata;
  std::string why;  // the first error; empty if there is none

  bool start_object(std::size_t) override {
    if (depth_ == 2 || in_list_) return fault("unexpected object");
    if (depth_ == 1 && !in_metadata_) entries.push_back({key_, {}, {}, {}});
    ++depth_;
    return true;
  }
  bool end_object() override {
    if (--depth_ == 1) {
      if (!in_metadata_) {
        const ClaimedEntry& e = entries.back();
        if (!e.dtype || !e.shape || !e.offsets)
          return fault("tensor " + e.name + " lacks dtype, shape or data_offsets");
      }
      in_metadata_ = false;
    }
    return true;
  }
  bool key(std::string& text) override {
    key_ = text;
    if (depth_ == 1) {
      if (!names_.insert(text).second) return fault("duplicate entry " + text);
      in_metadata_ = text == "__metadata__";
    } else if (in_metadata_ && metadata.contains(text)) {
      return fault("duplicate entry " + text);
    }
    return true;
  }
  bool start_array(std::size_t) override {
    if (depth_ != 2 || in_list_ || in_metadata_) return fault("unexpected list");
    auto& list = key_ == "shape" ? entries.back().shape : entries.back().offsets;
    if ((key_ != "shape" && key_ != "data_offsets") || list)
      return fault("tensor " + entries.back().name + ": " + key_);
    list.emplace();
    in_list_ = true;
    return true;
  }
  bool end_array() override {
    in_list_ = false;
    return true;
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (!in_list_) return fault("unexpected number");
    (key_ == "shape" ? entries.back().shape : entries.back().offsets)->push_back(value);
    return true;
  }
  bool string(string_t& text) override {
    if (depth_ != 2 || in_list_) return fault("unexpected string");
    if (in_metadata_) {
      metadata.emplace(key_, text);
      return true;
    }
    if (key_ != "dtype" || entries.back().dtype) return fault("tensor " + entries.back().name + ": " + key_);
    entries.back().dtype = text;
    return true;
  }
  bool null() override { return fault("unexpected null"); }
  bool boolean(bool) override { return fault("unexpected boolean"); }
  bool number_integer(number_integer_t) override { return fault("a negative number"); }
  bool number_float(number_float_t, const string_t&) override { return fault("a number that is not whole"); }
  bool binary(binary_t&) override { return fault("binary data"); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception&) override {
    return fault("not JSON at byte " + std::to_string(position));
  }

 private:
  bool fault(std::string text) {
    if (why.empty()) why = std::move(text);
    return false;
  }
  int depth_ = 0;
  bool in_list_ = false, in_metadata_ = false;
  std::string key_;
  std::set<std::string> names_;
};

/// Has no branches, so that the compiler vectorises it. Adds the exponent's bias as an integer; for subnormals, which
/// have no implicit leading one, that one is subtracted again.
float from_f16(std::uint16_t half) {
  constexpr std::uint32_t kBias = 127 - 15, kOne = 1u << 23;  // of f32's exponent
  const std::uint32_t exponent = half & 0x7c00u;
  const std::uint32_t leading = exponent == 0 ? (kBias + 1) * kOne : 0;
  const std::uint32_t bias = exponent == 0 ? leading : exponent == 0x7c00u ? 2 * kBias * kOne : kBias * kOne;
  const float magnitude = std::bit_cast<float>(((half & 0x7fffu) << 13) + bias) - std::bit_cast<float>(leading);
  return std::bit_cast<float>((half & 0x8000u) << 16 | std::bit_cast<std::uint32_t>(magnitude));
}

template <class T, class Convert>
void convert(const std::byte* data, std::span<float> out, Convert one) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    T value;
    std::memcpy(&value, data + i * sizeof(T), sizeof(T));  // data may be unaligned
    out[i] = one(value);
  }
}

Error invalid(const std::string& name, const std::string& why) {
  return Error(name + ": not a safetensors file: " + why);
}

/// Returns the header's length. `start` holds the file's first 8 bytes, or all of a shorter file of `bytes` bytes.
std::size_t header_length(std::span<const std::byte> start, std::size_t bytes, const std::string& name) {
  if (start.size() < kLength) throw invalid(name, "shorter than 8 bytes");
  std::uint64_t length;
  std::memcpy(&length, start.data(), kLength);
  if (length > bytes - kLength)
    throw invalid(name, "its header claims " + std::to_string(length) + " bytes of " + std::to_string(bytes));
  return length;
}

/// Parses a header that `bytes` bytes of data follow. Throws Error that starts with the name.
SafetensorsHeader parse_header(std::span<const std::byte> text, std::size_t bytes, const std::string& name) {
  HeaderReader reader;
  const char* begin = reinterpret_cast<const char*>(text.data());
  const bool valid = nlohmann::json::sax_parse(begin, begin + text.size(), &reader);
  if (!valid || !reader.why.empty()) throw invalid(name, reader.why.empty() ? "its header is not JSON" : reader.why);

  SafetensorsHeader header;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
  for (const ClaimedEntry& e : reader.entries) {
    const auto dtype =
        std::find_if(std::begin(kDtypes), std::end(kDtypes), [&](auto& d) { return *e.dtype == d.name; });
    if (dtype == std::end(kDtypes))
      throw Error(name + ": tensor " + e.name + ": element type " + *e.dtype + " is not supported");
    if (e.offsets->size() != 2) throw invalid(name, "tensor " + e.name + " has no begin and end");
    const auto [first, end] = std::pair((*e.offsets)[0], (*e.offsets)[1]);
    if (first > end || end > bytes)
      throw invalid(name, "tensor " + e.name + " lies at bytes " + std::to_string(first) + " to " +
                              std::to_string(end) + " of " + std::to_string(bytes));
    std::vector<std::int64_t> shape(e.shape->begin(), e.shape->end());  // values beyond 63 bits become negative
    if (tensor_bytes(shape, dtype->dtype) != end - first)
      throw invalid(name, "tensor " + e.name + ": its shape does not take " + std::to_string(end - first) + " bytes");
    ranges.emplace_back(first, end);
    header.tensors.emplace(e.name, SafetensorsHeader::Entry{dtype->dtype, std::move(shape), first, end - first});
  }
  std::sort(ranges.begin(), ranges.end());
  std::uint64_t covered = 0;  // the format requires tensors without gaps
  for (const auto& [first, end] : ranges) {
    if (first != covered) throw invalid(name, "its tensors overlap or leave gaps");
    covered = end;
  }
  if (covered != bytes) throw invalid(name, "it has bytes after its last tensor");
  header.metadata = std::move(reader.metadata);
  return header;
}

}  // namespace

std::size_t size_of(Dtype dtype) {
  switch (dtype) {
    case Dtype::f64:
    case Dtype::i64:
      return 8;
    case Dtype::f32:
    case Dtype::i32:
      return 4;
    case Dtype::f16:
    case Dtype::bf16:
      return 2;
    case Dtype::i8:
    case Dtype::u8:
      return 1;
  }
  throw Error("invalid element type");
}

const char* dtype_name(Dtype dtype) {
  return std::find_if(std::begin(kDtypes), std::end(kDtypes), [=](auto& d) { return d.dtype == dtype; })->name;
}

std::optional<std::size_t> tensor_bytes(const std::vector<std::int64_t>& shape, Dtype dtype) {
  std::size_t bytes = size_of(dtype);
  for (const std::int64_t d : shape)
    if (d < 0 || __builtin_mul_overflow(bytes, static_cast<std::size_t>(d), &bytes)) return std::nullopt;
  return bytes;
}

void to_f32(Dtype dtype, const std::byte* data, std::span<float> out) {
  const auto cast = [](auto value) { return static_cast<float>(value); };
  switch (dtype) {
    case Dtype::f32:
      if (!out.empty()) std::memcpy(out.data(), data, out.size_bytes());
      return;
    case Dtype::f16:
      return convert<std::uint16_t>(data, out, from_f16);
    case Dtype::bf16:
      return convert<std::uint16_t>(
          data, out, [](std::uint16_t half) { return std::bit_cast<float>(static_cast<std::uint32_t>(half) << 16); });
    case Dtype::f64:
      return convert<double>(data, out, cast);
    case Dtype::i64:
      return convert<std::int64_t>(data, out, cast);
    case Dtype::i32:
      return convert<std::int32_t>(data, out, cast);
    case Dtype::i8:
      return convert<std::int8_t>(data, out, cast);
    case Dtype::u8:
      return convert<std::uint8_t>(data, out, cast);
  }
  throw Error("invalid element type");
}

std::vector<float> StoredTensor::to_f32() const {
  std::vector<float> values(elements());
  cudet::to_f32(dtype, data.data(), values);
  return values;
}

Safetensors Safetensors::read(const std::string& path) {
  return parse(read_file(path), path);
}

Safetensors Safetensors::parse(std::vector<std::byte> bytes, const std::string& name) {
  Safetensors file;
  file.file_ = std::move(bytes);
  const std::span<const std::byte> all = file.file_;
  const std::size_t length = header_length(all, all.size(), name);
  const std::span<const std::byte> data = all.subspan(kLength + length);
  SafetensorsHeader header = parse_header(all.subspan(kLength, length), data.size(), name);
  for (auto& [tensor, entry] : header.tensors)
    file.tensors_.emplace(tensor,
                          StoredTensor{entry.dtype, std::move(entry.shape), data.subspan(entry.begin, entry.bytes)});
  file.metadata_ = std::move(header.metadata);
  return file;
}

const StoredTensor* Safetensors::find(const std::string& name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : &found->second;
}

SafetensorsFile::SafetensorsFile(const std::string& path) : file_(path) {
  std::vector<std::byte> start(std::min(kLength, file_.bytes()));
  file_.read(0, start);
  std::vector<std::byte> text(header_length(start, file_.bytes(), path));
  file_.read(kLength, text);
  data_ = kLength + text.size();
  header_ = parse_header(text, file_.bytes() - data_, path);
}

const SafetensorsHeader::Entry* SafetensorsFile::find(const std::string& name) const {
  const auto found = header_.tensors.find(name);
  return found == header_.tensors.end() ? nullptr : &found->second;
}

void SafetensorsFile::read(const SafetensorsHeader::Entry& tensor, std::span<float> out) const {
  const std::size_t start = data_ + tensor.begin;
  if (tensor.dtype == Dtype::f32) return file_.read(start, std::as_writable_bytes(out));
  std::array<std::byte, 1 << 13> piece;  // converts in pieces, without a buffer for the whole stored tensor
  const std::size_t size = size_of(tensor.dtype), per_piece = piece.size() / size;
  for (std::size_t first = 0; first < out.size(); first += per_piece) {
    const std::span<float> values = out.subspan(first, std::min(per_piece, out.size() - first));
    file_.read(start + first * size, std::span(piece).first(values.size() * size));
    to_f32(tensor.dtype, piece.data(), values);
  }
}

}  // namespace cudet
