// --dump-raw, in the safetensors format: 8 bytes of the header's length, the header (JSON, then spaces), the data.
#include <algorithm>
#include <cmath>
#include <sstream>

#include "apps/detect/format.h"
#include "apps/detect/outputs.h"
#include "kernels/error.h"

namespace cudet::detect {
namespace {

constexpr std::size_t kLength = 8;  // bytes in front of the header

std::string entry(const std::string& name, const char* type, const std::vector<std::size_t>& shape, std::size_t first,
                  std::size_t last) {
  std::ostringstream text;
  text << json_string(name) << R"(:{"dtype":")" << type << R"(","shape":[)";
  for (std::size_t i = 0; i < shape.size(); ++i) text << (i > 0 ? "," : "") << shape[i];
  text << R"(],"data_offsets":[)" << first << "," << last << "]}";
  return text.str();
}

std::size_t entries_room(const Source& source) {
  constexpr std::size_t kMost = 1'000'000'000'000'000;  // stands for numbers as long as any
  return entry(source.stem + ".output0", "F32", {kMost, kMost}, kMost, kMost).size() +
         entry(source.stem + ".input_u8", "U8", {kMost, kMost, 3}, kMost, kMost).size() + 2;
}

}  // namespace

RawOutputFile::RawOutputFile(const std::string& path, const std::vector<Source>& sources) : file_(path) {
  for (const Source& source : sources) room_ += entries_room(source);
  room_ = (room_ + 2 + 7) / 8 * 8;
  file_.write(std::string(kLength + room_, ' '));
}

void RawOutputFile::add(const Finished& picture) {
  const RawOutput& raw = *picture.raw;
  const std::size_t first = file_.size() - kLength - room_;
  const std::span values = std::as_bytes(std::span(raw.values));
  std::vector<std::byte> bytes(values.begin(), values.end());  // one entry: all of a picture or nothing
  bytes.reserve(values.size() + raw.pixels.size());
  for (const float value : raw.pixels)
    bytes.push_back(static_cast<std::byte>(std::lround(std::clamp(value, 0.0f, 1.0f) * 255)));
  file_.write(bytes);

  const auto size = [](int n) { return static_cast<std::size_t>(n); };
  const std::size_t middle = first + values.size(), last = first + bytes.size();
  header_ += header_.empty() ? "{" : ",";
  header_ +=
      entry(picture.source.stem + ".output0", "F32", {size(raw.channels), size(raw.anchors)}, first, middle) + "," +
      entry(picture.source.stem + ".input_u8", "U8", {size(raw.input.height), size(raw.input.width), 3}, middle, last);
}

void RawOutputFile::finish() {
  std::string front(kLength, '\0');
  for (std::size_t i = 0; i < kLength; ++i) front[i] = static_cast<char>(room_ >> 8 * i & 0xff);
  front += header_.empty() ? "{}" : header_;
  file_.overwrite(0, header_.empty() ? front : front.append("}"));
  file_.commit();
}

}  // namespace cudet::detect
