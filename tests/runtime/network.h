// Runs a whole network in memory, for tests.
#pragma once
#include <cmath>
#include <cstring>
#include <optional>
#include <vector>

#include "runtime/compile/lowering.h"
#include "runtime/compile/passes.h"
#include "runtime/cpu/session.h"
#include "runtime/model/model.h"
#include "runtime/model/safetensors.h"

namespace cudet::test {

/// A compiled program with its memory: a session's, or for the reference one of its own.
class Network {
 public:
  enum class Kernels { reference, cpu };

  Network(const Model& model, Kernels kernels, int batch, Extent input, bool keep_rows = false, int threads = 2) {
    if (kernels == Kernels::cpu) {
      session_.emplace(model, CpuSession::Options{.threads = threads, .keep_rows = keep_rows});
      program = session_->program(batch, input);
    } else {
      weights_ = pack_for_reference(model.impl().graph);
      program = compile(model.impl().graph, weights_, batch, input, keep_rows);
      arena_ = Buffer(program.memory.bytes);
    }
    std::memset(memory().arena, 0xff, program.memory.bytes);  // NaN, so that reading what no step has written shows
  }

  /// Writes an image (H, W, 3, RGB, u8) to the input, scaled to 0..1.
  void set_input(int image, const StoredTensor& picture) {
    float* x = arena_data<float>(memory(), program.input) + program.input.pixel(image, 0, 0);
    for (std::size_t i = 0; i < picture.data.size(); ++i)
      x[i] = static_cast<float>(std::to_integer<int>(picture.data[i])) / 255.0f;
  }
  void run() { session_ ? session_->run(program) : run_reference(program, memory()); }
  /// Values of one image of a tensor in the layout of the reference: C, H, W.
  std::vector<float> channels_first(const Tensor& t, int image = 0) const {
    std::vector<float> values;
    const float* data = arena_data<float>(memory(), t);
    for (int c = 0; c < t.c; ++c)
      for (int y = 0; y < t.h; ++y)
        for (int x = 0; x < t.w; ++x) values.push_back(data[t.pixel(image, y, x) + c]);
    return values;
  }
  Memory memory() const { return session_ ? session_->memory() : Memory{arena_.data(), weights_.bytes.data()}; }

  Program program;

 private:
  std::optional<CpuSession> session_;
  PackedWeights weights_;
  Buffer arena_;
};

/// Largest differences between two raw outputs of shape (4 + classes, anchors): of boxes in pixels, of scores.
struct RawDifference {
  double box = 0, score = 0;
};
inline RawDifference raw_difference(const std::vector<float>& got, const std::vector<float>& want,
                                    std::size_t anchors) {
  RawDifference worst;
  for (std::size_t i = 0; i < want.size(); ++i) {
    const double difference = std::abs(static_cast<double>(got[i]) - want[i]);
    double& at = i / anchors < 4 ? worst.box : worst.score;
    if (!(difference <= at)) at = difference;  // keeps NaN
  }
  return worst;
}

}  // namespace cudet::test
