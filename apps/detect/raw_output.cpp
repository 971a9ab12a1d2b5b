// The output of --dump-raw, in the safetensors format: 8 bytes with the length of the header, the header (JSON padded
// with spaces), the data.
#include <algorithm>
#include <cmath>

#include "apps/detect/format.h"
#include "apps/detect/outputs.h"
#include "kernels/error.h"

namespace cudet::detect {
namespace {

constexpr std::size_t kLengthBytes = 8;  // the length field before the header

std::string entry(const std::string& name, const char* type, const std::vector<std::size_t>& shape, std::size_t first,
                  std::size_t last) {
  std::string text = json_string(name) + R"(:{"dtype":")" + type + R"(","shape":[)";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i > 0 ? "," : "") + std::to_string(shape[i]);
  return text + R"(],"data_offsets":[)" + std::to_string(first) + "," + std::to_string(last) + "]}";
}

/// Maximum size of the two header entries of an image, including commas.
std::size_t max_entry_bytes(const Source& source) {
  constexpr std::size_t kLongest = 1'000'000'000'000'000;  // has as many digits as any number that can occur
  return entry(source.stem + ".output0", "F32", {kLongest, kLongest}, kLongest, kLongest).size() +
         entry(source.stem + ".input_u8", "U8", {kLongest, kLongest, kLongest}, kLongest, kLongest).size() + 2;
}

}  // namespace

RawOutputFile::RawOutputFile(const std::string& path, const std::vector<Source>& sources) : file_(path) {
  for (const Source& source : sources) header_bytes_ += max_entry_bytes(source);
  header_bytes_ = (header_bytes_ + 2 + 7) / 8 * 8;
  file_.write(std::string(kLengthBytes + header_bytes_, ' '));
}

void RawOutputFile::add(const Finished& finished) {
  const RawOutput& raw = *finished.raw;
  const std::size_t first = file_.size() - kLengthBytes - header_bytes_;
  const std::span values = std::as_bytes(std::span(raw.values));
  std::vector<std::byte> bytes(values.begin(), values.end());  // one write: all data of an image or none
  bytes.reserve(values.size() + raw.pixels.size());
  for (const float value : raw.pixels)
    bytes.push_back(static_cast<std::byte>(std::lround(std::clamp(value, 0.0f, 1.0f) * 255)));
  file_.write(bytes);

  const auto size = [](int n) { return static_cast<std::size_t>(n); };
  const std::size_t middle = first + values.size(), last = first + bytes.size();
  const std::size_t pixels = size(raw.input.height) * size(raw.input.width);
  header_ += header_.empty() ? "{" : ",";
  header_ += entry(finished.source.stem + ".output0", "F32", {size(raw.channels), size(raw.anchors)}, first, middle) +
             "," +
             entry(finished.source.stem + ".input_u8", "U8",
                   {size(raw.input.height), size(raw.input.width), raw.pixels.size() / pixels}, middle, last);
}

void RawOutputFile::finish() {
  std::string front(kLengthBytes, '\0');
  for (std::size_t i = 0; i < kLengthBytes; ++i) front[i] = static_cast<char>(header_bytes_ >> 8 * i & 0xff);
  front += header_.empty() ? "{}" : header_;
  file_.overwrite(0, header_.empty() ? front : front.append("}"));
  file_.commit();
}

}  // namespace cudet::detect
