// What runs a Detector's batches. The detector has checked frames and options, and lets one thread in at a time.
#pragma once
#include <memory>
#include <span>
#include <vector>

#include "runtime/cudet.h"
#include "runtime/input_fit.h"

namespace cudet {

class Engine {
 public:
  static constexpr std::size_t kMostInFlight = 2;  // batches

  virtual ~Engine() = default;
  virtual Device device() const = 0;
  virtual Precision precision() const = 0;  // never automatic

  /// Starts a batch of at least one frame; fewer than kMostInFlight are in flight. `raw`, unless null, is filled.
  /// Throws Error; the batch is then not in flight, those before it still are.
  virtual void submit(std::span<const Frame> frames, const DetectOptions& options, std::vector<RawOutput>* raw) = 0;
  /// Waits for the first of the batches in flight, at least one: one result a frame. It is not in flight any more, even
  /// where this throws Error.
  virtual std::vector<Result> collect() = 0;

  /// Of memory on the CUDA device: all that is allocated there.
  virtual std::size_t device_bytes() const { return 0; }
};

/// In fp32, or int8 of a model that was quantised. `threads`: at least 1.
std::unique_ptr<Engine> make_cpu_engine(const Model& model, const InputFit& input_fit, Precision precision,
                                        int threads);

/// No CUDA device: nothing that Device::automatic would mention.
class NoCudaDevice : public Error {
  using Error::Error;
};

/// On the calling thread's current CUDA device. Throws NoCudaDevice, or Error where there is one that cannot be used.
/// In fp32 or fp16. Only in builds with CUDA.
std::unique_ptr<Engine> make_cuda_engine(const Model& model, const InputFit& input_fit, Precision precision);

}  // namespace cudet
