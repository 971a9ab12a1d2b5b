// Checkpoints as users have them, with what Ultralytics computes from them: tests/data/cases and, if it exists, the
// shared folder's cases.
#pragma once
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "apps/checkpoint/load_model.h"
#include "runtime/model/safetensors.h"
#include "tests/runtime/network.h"

namespace cudet::test {

/// The input of tests/data/make_cases.py, as an interleaved frame of 96 x 64 pixels (width x height).
struct CaseInput {
  explicit CaseInput(int channels) : pixels(static_cast<std::size_t>(64 * 96 * channels)) {
    for (int row = 0; row < 64; ++row)
      for (int column = 0; column < 96; ++column)
        for (int c = 0; c < channels; ++c)
          pixels[static_cast<std::size_t>((row * 96 + column) * channels + c)] =
              static_cast<std::uint8_t>(31 * row + 17 * column + 97 * c + row * column);
    frame = {pixels.data(), 96, 64, std::ptrdiff_t{96} * channels, PixelFormat::interleaved};
    frame.count = channels;
  }
  std::vector<std::uint8_t> pixels;
  Frame frame;
};

/// Runs a model on a frame at its own size and compares the raw output with `want`.
inline void expect_output(const Model& model, const Frame& frame, const StoredTensor& want, DetectorOptions options,
                          float pixels, float score) {
  options.input = {frame.height, frame.width};
  options.fit = Fit::whole;
  std::vector<RawOutput> raw;
  Detector(model, options).detect({&frame, 1}, {}, &raw);
  ASSERT_EQ(want.shape, (std::vector<std::int64_t>{raw[0].channels, raw[0].anchors}));
  const RawDifference off = raw_difference(raw[0].values, want.to_f32(), static_cast<std::size_t>(raw[0].anchors));
  EXPECT_TRUE(off.box <= pixels) << off.box << " px";
  EXPECT_TRUE(off.score <= score) << off.score;
}

/// Names of the cases in tests/data/cases that have an output.
inline std::vector<std::string> case_names() {
  const Safetensors outputs = Safetensors::read("tests/data/cases/outputs.safetensors");
  std::vector<std::string> names;
  for (const auto& [name, tensor] : outputs.tensors()) names.push_back(name);
  return names;
}

inline std::string test_name(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  for (char& c : name)
    if (c == '-') c = '_';
  return name;
}

}  // namespace cudet::test
