// The interface of the engines that run a Detector's batches. The detector checks frames and options and serialises
// calls.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/cudet.h"
#include "runtime/input_fit.h"

namespace cudet {

class Engine {
 public:
  static constexpr std::size_t kMaxInFlight = 2;  // batches

  virtual ~Engine() = default;
  virtual Device device() const = 0;
  virtual Precision precision() const = 0;  // never automatic

  /// Starts a batch of at least one frame. Fewer than kMaxInFlight batches must be in flight. Fills `raw` unless it is
  /// null. If it throws Error, the batch is not in flight; earlier ones still are.
  virtual void submit(std::span<const Frame> frames, const DetectOptions& options, std::vector<RawOutput>* raw) = 0;
  /// Waits for the oldest batch in flight; there must be one. Returns one result per frame. The batch is then no longer
  /// in flight, even if this throws Error.
  virtual std::vector<Result> collect() = 0;

  /// See Detector::take_warning().
  virtual std::string take_warning() { return {}; }
  /// Returns the bytes allocated on the CUDA device.
  virtual std::size_t device_bytes() const { return 0; }
};

/// Precision: fp32, or int8 for a quantised model. `threads`: at least 1.
std::unique_ptr<Engine> make_cpu_engine(const Model& model, const InputFit& input_fit, Precision precision,
                                        int threads);

/// Thrown if there is no CUDA device. Device::automatic then uses the CPU and reports nothing.
class NoCudaDevice : public Error {
  using Error::Error;
};

struct CudaOptions {
  Precision precision;  // fp32 or fp16
  Executor executor = Executor::automatic;
  int device = -1;  // as DetectorOptions::cuda_device
};
/// Throws NoCudaDevice if there is no CUDA device, or Error if the chosen one cannot be used. Only in builds with CUDA.
std::unique_ptr<Engine> make_cuda_engine(const Model& model, const InputFit& input_fit, const CudaOptions& options);

}  // namespace cudet
