// Runs a model's Programs on the CPU. The engine, bench, calibration and tests all run networks through it.
#pragma once
#include <memory>

#include "kernels/letterbox/letterbox.h"
#include "runtime/cpu/executor.h"
#include "runtime/model/model.h"
#include "runtime/program_cache.h"

namespace cudet {

/// Owns threads, packed weights, an arena, and the Programs of the most recently used batches and input sizes. Not
/// thread-safe.
class CpuSession {
 public:
  struct Options {
    Type type = Type::f32;   // of activations; u8 needs a quantised model
    int threads = 1;         // at least 1, including the caller's
    bool keep_rows = false;  // see compile()
  };

  /// Packs the weights, or shares those that another session of the model holds. Throws Error if packing fails.
  CpuSession(const Model& model, const Options& options);

  /// Returns the Program for `batch` images of `input` pixels, compiled or from the cache, and makes the arena large
  /// enough. Valid until the next call. A cached size allocates nothing. Throws Error if there is not enough memory.
  const Program& program(int batch, Extent input);

  /// Writes a frame into image `image` of the Program's input.
  void letterbox(const Program& program, const Frame& frame, const LetterboxFit& fit, int image);
  /// Runs all steps, or one step; each reads the results of earlier steps from the arena.
  void run(const Program& program) { executor_.run(program, memory()); }
  void run(const Program::NamedStep& step) { executor_.run(step.step, step.plan, memory()); }

  /// The arena of the Program that program() returned last, and the weights.
  Memory memory() const { return {arena_.data(), weights_->bytes.data()}; }
  CpuExecutor& executor() { return executor_; }
  Type type() const { return options_.type; }

 private:
  Model model_;
  Options options_;
  CpuExecutor executor_;
  std::shared_ptr<const PackedWeights> weights_;
  ProgramCache<Program> programs_;
  Buffer arena_;
};

}  // namespace cudet
