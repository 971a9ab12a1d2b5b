#include "runtime/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "kernels/error.h"
#include "runtime/file.h"

namespace cudet {
namespace {

static_assert(std::endian::native == std::endian::little, "the file's numbers are used as they lie");

constexpr std::size_t kLength = 8;  // bytes of the header's length

struct DtypeName {
  Dtype dtype;
  const char* name;
};
constexpr DtypeName kDtypes[] = {{Dtype::f32, "F32"}, {Dtype::f16, "F16"}, {Dtype::bf16, "BF16"}, {Dtype::f64, "F64"},
                                 {Dtype::i64, "I64"}, {Dtype::i32, "I32"}, {Dtype::i8, "I8"},     {Dtype::u8, "U8"}};

/// One entry of the header, as it claims to be.
struct Entry {
  std::string name;
  std::optional<std::string> dtype;
  std::optional<std::vector<std::uint64_t>> shape, offsets;
};

/// Reads the header as a stream of events: nothing is built that the format has no place for, so depth costs nothing.
class HeaderReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  std::vector<Entry> entries;
  std::map<std::string, std::string> metadata;
  std::string why;  // the first fault; empty while all is well

  bool start_object(std::size_t) override {
    if (depth_ == 2 || in_list_) return fault("an object where none belongs");
    if (depth_ == 1 && !in_metadata_) entries.push_back({key_, {}, {}, {}});
    ++depth_;
    return true;
  }
  bool end_object() override {
    if (--depth_ == 1) {
      if (!in_metadata_) {
        const Entry& e = entries.back();
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
      if (!names_.insert(text).second) return fault("two entries are called " + text);
      in_metadata_ = text == "__metadata__";
    } else if (in_metadata_ && metadata.contains(text)) {
      return fault("two entries are called " + text);
    }
    return true;
  }
  bool start_array(std::size_t) override {
    if (depth_ != 2 || in_list_ || in_metadata_) return fault("a list where none belongs");
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
    if (!in_list_) return fault("a number where none belongs");
    (key_ == "shape" ? entries.back().shape : entries.back().offsets)->push_back(value);
    return true;
  }
  bool string(string_t& text) override {
    if (depth_ != 2 || in_list_) return fault("a text where none belongs");
    if (in_metadata_) {
      metadata.emplace(key_, text);
      return true;
    }
    if (key_ != "dtype" || entries.back().dtype) return fault("tensor " + entries.back().name + ": " + key_);
    entries.back().dtype = text;
    return true;
  }
  bool null() override { return fault("a null where none belongs"); }
  bool boolean(bool) override { return fault("a boolean where none belongs"); }
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

float from_f16(std::uint16_t half) {
  const std::uint32_t sign = (half & 0x8000u) << 16, exponent = half >> 10 & 31, fraction = half & 0x3ffu;
  if (exponent == 0) {  // zero and subnormal: fraction · 2^-24
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return sign ? -magnitude : magnitude;
  }
  const std::uint32_t wide = exponent == 31 ? 255 : exponent + 112;
  return std::bit_cast<float>(sign | wide << 23 | fraction << 13);
}

template <class T, class Convert>
std::vector<float> convert(std::span<const std::byte> data, Convert one) {
  std::vector<float> values(data.size() / sizeof(T));
  for (std::size_t i = 0; i < values.size(); ++i) {
    T value;
    std::memcpy(&value, data.data() + i * sizeof(T), sizeof(T));  // data may lie at any byte
    values[i] = one(value);
  }
  return values;
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
  throw Error("an element type that is none");
}

const char* name_of(Dtype dtype) {
  return std::find_if(std::begin(kDtypes), std::end(kDtypes), [=](auto& d) { return d.dtype == dtype; })->name;
}

std::optional<std::size_t> bytes_of(const std::vector<std::int64_t>& shape, Dtype dtype) {
  std::size_t bytes = size_of(dtype);
  for (const std::int64_t d : shape)
    if (d < 0 || __builtin_mul_overflow(bytes, static_cast<std::size_t>(d), &bytes)) return std::nullopt;
  return bytes;
}

std::vector<float> StoredTensor::to_f32() const {
  const auto cast = [](auto value) { return static_cast<float>(value); };
  switch (dtype) {
    case Dtype::f32: {
      std::vector<float> values(elements());
      if (!values.empty()) std::memcpy(values.data(), data.data(), values.size() * sizeof(float));
      return values;
    }
    case Dtype::f16:
      return convert<std::uint16_t>(data, from_f16);
    case Dtype::bf16:
      return convert<std::uint16_t>(
          data, [](std::uint16_t half) { return std::bit_cast<float>(static_cast<std::uint32_t>(half) << 16); });
    case Dtype::f64:
      return convert<double>(data, cast);
    case Dtype::i64:
      return convert<std::int64_t>(data, cast);
    case Dtype::i32:
      return convert<std::int32_t>(data, cast);
    case Dtype::i8:
      return convert<std::int8_t>(data, cast);
    case Dtype::u8:
      return convert<std::uint8_t>(data, cast);
  }
  throw Error("an element type that is none");
}

Safetensors Safetensors::read(const std::string& path) {
  return parse(read_file(path), path);
}

Safetensors Safetensors::parse(std::vector<std::byte> bytes, const std::string& name) {
  const auto fail = [&](const std::string& why) -> Error { return Error(name + ": not a safetensors file: " + why); };
  Safetensors file;
  file.file_ = std::move(bytes);
  const std::span<const std::byte> all = file.file_;
  if (all.size() < kLength) throw fail("shorter than 8 bytes");
  std::uint64_t length;
  std::memcpy(&length, all.data(), kLength);
  if (length > all.size() - kLength)
    throw fail("its header claims " + std::to_string(length) + " bytes of " + std::to_string(all.size()));

  HeaderReader header;
  const char* text = reinterpret_cast<const char*>(all.data() + kLength);
  const bool sound = nlohmann::json::sax_parse(text, text + length, &header);
  if (!sound || !header.why.empty()) throw fail(header.why.empty() ? "its header is not JSON" : header.why);

  const std::span<const std::byte> data = all.subspan(kLength + length);
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
  for (const Entry& e : header.entries) {
    const auto known =
        std::find_if(std::begin(kDtypes), std::end(kDtypes), [&](auto& d) { return *e.dtype == d.name; });
    if (known == std::end(kDtypes))
      throw Error(name + ": tensor " + e.name + ": element type " + *e.dtype + " is not supported");
    if (e.offsets->size() != 2) throw fail("tensor " + e.name + " has no begin and end");
    const auto [begin, end] = std::pair((*e.offsets)[0], (*e.offsets)[1]);
    if (begin > end || end > data.size())
      throw fail("tensor " + e.name + " lies at bytes " + std::to_string(begin) + " to " + std::to_string(end) +
                 " of " + std::to_string(data.size()));
    std::vector<std::int64_t> shape(e.shape->begin(), e.shape->end());  // what 63 bits don't hold turns negative
    if (bytes_of(shape, known->dtype) != end - begin)
      throw fail("tensor " + e.name + ": its shape is not of " + std::to_string(end - begin) + " bytes");
    ranges.emplace_back(begin, end);
    file.tensors_.emplace(e.name, StoredTensor{known->dtype, std::move(shape), data.subspan(begin, end - begin)});
  }
  std::sort(ranges.begin(), ranges.end());
  std::uint64_t covered = 0;  // the format has tensors lie end to end
  for (const auto& [begin, end] : ranges) {
    if (begin != covered) throw fail("its tensors overlap or leave gaps");
    covered = end;
  }
  if (covered != data.size()) throw fail("bytes that belong to no tensor follow its tensors");
  file.metadata_ = std::move(header.metadata);
  return file;
}

const StoredTensor* Safetensors::find(const std::string& name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : &found->second;
}

}  // namespace cudet
