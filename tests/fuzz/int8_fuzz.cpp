// libFuzzer target: loads quantised models whose description and weights are changed in a few positions, and runs those
// that load on a small image. Any input must give boxes within the image, and the same values with one thread and with
// two, or throw Error.
// The input is the number of a model, then changes of kChange bytes: kind, position (2), value.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "apps/convert/int8.h"
#include "apps/files/write_safetensors.h"
#include "runtime/compile/quantize.h"
#include "runtime/model/file.h"
#include "runtime/model/model.h"

namespace {

using namespace cudet;

constexpr std::size_t kChange = 4;                  // bytes
constexpr std::size_t kMaxSize = 1 + 12 * kChange;  // more changes make every model invalid
constexpr int kLargest = 64;                        // pixels: larger networks take too long

/// A file in memory, and the path under which it is read.
class MemoryFile {
 public:
  MemoryFile() : descriptor_(::memfd_create("fuzz", MFD_CLOEXEC)) {
    if (descriptor_ < 0) std::abort();
  }
  ~MemoryFile() { ::close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;  // owns the descriptor
  MemoryFile& operator=(const MemoryFile&) = delete;

  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }
  void write(const std::string& content) const {
    if (::ftruncate(descriptor_, 0) != 0 ||
        ::pwrite(descriptor_, content.data(), content.size(), 0) != static_cast<ssize_t>(content.size()))
      std::abort();
  }

 private:
  int descriptor_;
};

std::string read_text(const std::string& path) {
  const std::vector<std::byte> bytes = read_file(path);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// A model's files, and the offsets of the 32-bit floats in the weights.
struct Files {
  std::string description, weights;
  std::vector<std::size_t> floats;
};

/// Quantises a model of tests/data/tiny, with the same range for each convolution.
Files quantized(const std::string& name) {
  const std::string path = "tests/data/tiny/" + name + ".json";
  const Model model = Model::load(path);
  std::map<std::string, convert::ValueRange> ranges;
  for (const std::string& module : measured_modules(model.impl().graph)) ranges[module] = {-1, 4};
  const convert::Int8Weights weights(Safetensors::read(model.weights_path()), model, ranges);
  const std::string temporary = "/tmp/cudet-fuzz-" + std::to_string(::getpid());
  write_safetensors(temporary, weights.tensors());
  Files files{read_text(path), read_text(temporary), {}};
  std::uint64_t header = 0;
  std::memcpy(&header, files.weights.data(), sizeof header);
  const SafetensorsFile stored(temporary);
  for (const auto& [tensor, entry] : stored.tensors())
    for (std::size_t at = 0; entry.dtype == Dtype::f32 && at < entry.bytes; at += sizeof(float))
      files.floats.push_back(sizeof header + header + entry.begin + at);
  ::unlink(temporary.c_str());
  return files;
}

void change(Files& files, const std::uint8_t* bytes) {
  using Limits = std::numeric_limits<float>;
  static constexpr float kValues[] = {0,
                                      -0.0f,
                                      1,
                                      -1,
                                      255,
                                      1e-9f,
                                      1e9f,
                                      1e-30f,
                                      1e30f,
                                      -1e30f,
                                      1e36f,
                                      Limits::max(),
                                      Limits::denorm_min(),
                                      Limits::infinity(),
                                      Limits::quiet_NaN()};
  const std::size_t at = static_cast<std::size_t>(bytes[1]) << 8 | bytes[2];
  std::string &text = files.description, &weights = files.weights;
  const std::size_t in_text = text.empty() ? 0 : at % text.size();
  switch (bytes[0] % 6) {
    case 0:
      if (!text.empty()) text[in_text] = static_cast<char>(bytes[3]);
      break;
    case 1:
      text.insert(in_text, 1, static_cast<char>(bytes[3]));
      break;
    case 2:
      text.erase(in_text, bytes[3] % 16);
      break;
    case 3:
      if (!weights.empty()) weights[at % weights.size()] = static_cast<char>(bytes[3]);
      break;
    case 4: {
      const std::size_t offset = files.floats[at % files.floats.size()];
      if (offset + sizeof(float) <= weights.size())
        std::memcpy(&weights[offset], &kValues[bytes[3] % std::size(kValues)], sizeof(float));
      break;
    }
    default:
      weights.resize(std::min(weights.size(), at));
  }
}

void require(bool condition) {
  if (!condition) __builtin_trap();
}

std::vector<float> run(const Model& model, int threads) {
  static const auto pixels = [] {
    std::array<std::uint8_t, 40 * 30 * 4> noise{};
    for (std::size_t i = 0; i < noise.size(); ++i) noise[i] = static_cast<std::uint8_t>(i * 2654435761u >> 24);
    return noise;
  }();
  const PixelFormat format = model.channels() == 1   ? PixelFormat::grey
                             : model.channels() == 4 ? PixelFormat::rgba
                                                     : PixelFormat::rgb;
  const Frame frame{pixels.data(), 40, 30, 40 * channels(format), format};
  Detector detector(model, {.device = Device::cpu, .threads = threads, .input = {model.stride(), model.stride()}});
  std::vector<RawOutput> raw;
  const std::vector<Result> results = detector.detect({&frame, 1}, {.confidence = 0.01f}, &raw);
  for (const Detection& d : results.at(0).detections) {
    require(d.x1 >= 0 && d.x1 <= d.x2 && d.x2 <= 40 && d.y1 >= 0 && d.y1 <= d.y2 && d.y2 <= 30);
    require(d.score > 0.01f && d.score <= 1);
    require(d.class_id >= 0 && static_cast<std::size_t>(d.class_id) < model.names().size());
  }
  return raw.at(0).values;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::array<Files, 4> models{quantized("plain"), quantized("dysample"), quantized("odd"),
                                           quantized("three_levels")};
  static const MemoryFile description, weights;
  if (size == 0) return -1;
  size = std::min(size, kMaxSize);
  Files files = models[data[0] % models.size()];
  for (std::size_t at = 1; at + kChange <= size; at += kChange) change(files, data + at);
  try {
    description.write(files.description);
    weights.write(files.weights);
    const Model model = Model::load(description.path(), weights.path());
    if (model.stride() > kLargest) return 0;
    const std::vector<float> values = run(model, 1);
    const std::vector<float> again = run(model, 2);
    // Bytes: weights near the largest float can give NaN, which no box has.
    require(values.size() == again.size() &&
            std::memcmp(values.data(), again.data(), values.size() * sizeof(float)) == 0);
  } catch (const Error&) {
  }
  return 0;
}
