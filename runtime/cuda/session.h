// Runs a model's Programs on a CUDA device. The engine and bench run networks through it.
#pragma once
#include "runtime/cuda/device.h"
#include "runtime/cuda/image_sender.h"
#include "runtime/cuda/program.h"
#include "runtime/model/model.h"
#include "runtime/program_cache.h"

namespace cudet {

/// Packed weights, device memory, and the Programs of the batches and input sizes used last, on the calling thread's
/// current device, which must be current in every call. Images are letterboxed on one stream and the network runs on
/// another. Not thread-safe.
class CudaSession {
 public:
  /// Packs the weights and sends them to the device. With Executor::graph, makes no PersistentProgram. Throws Error if
  /// the device or the precision is not available.
  CudaSession(const Model& model, Precision precision, Executor executor = Executor::automatic);
  ~CudaSession() { synchronize(); }
  CudaSession(const CudaSession&) = delete;  // owns the device's memory
  CudaSession& operator=(const CudaSession&) = delete;

  /// Returns the Program for `batch` images of `input` pixels, compiled or from the cache, and allocates the device
  /// memory that it needs. Valid until the next call. A cached size allocates nothing; a new one may wait until the
  /// device is idle. Throws Error if there is not enough memory.
  CudaProgram& program(int batch, Extent input);
  /// Sets the number of inputs of all Programs, 1 or 2. Waits until the device is idle, and drops all Programs. Batches
  /// in flight lose their inputs.
  void set_inputs(int inputs);
  int inputs() const { return inputs_; }
  /// Whether program() has this size in its cache. If not, its next call may move the device memory, and batches in
  /// flight lose their inputs.
  bool is_cached(int batch, Extent input) { return programs_.find(batch, input) != nullptr; }

  /// Queues the letterbox of a frame into image `image` of `input`, a tensor of `memory`, on the images' stream.
  void letterbox(const Frame& frame, const LetterboxFit& fit, const Tensor& input, int image, const Memory& memory) {
    sender_.letterbox({frame, fit, input, image}, memory, image_launches());
  }
  /// Queues the network on input `slot`, the search for candidates and NMS on the network's stream, step by step; with
  /// `all_outputs`, the whole output too.
  void run(const CudaProgram& program, int slot = 0, bool all_outputs = false) {
    program.run(slot, memory(), candidates_.data(), network_launches(), all_outputs);
  }
  /// Queues the same work as run() as one launch. The Program has a PersistentProgram.
  void launch_persistent(const CudaProgram& program, int slot = 0, int blocks = 0) {
    program.persistent->launch(slot, network_launches(), blocks);
  }
  /// Queues one step on the network's stream. For the last one, DetectDecode, this is the search for candidates and
  /// NMS.
  void run_step(const CudaProgram& program, std::size_t step) {
    program.run_step(step, memory(), candidates_.data(), network_launches());
  }
  /// Captures the same work as run() into the Program's graph of the slot.
  void capture(CudaProgram& program, int slot = 0) {
    program.capture(slot, memory(), candidates_.data(), network_launches());
  }

  /// Waits until both streams are idle, and ignores errors.
  void synchronize() noexcept;

  Type type() const { return type_; }
  const CudaDevice& device() const { return device_; }
  cudaStream_t image_stream() const { return image_stream_.get(); }
  cudaStream_t network_stream() const { return network_stream_.get(); }
  Memory memory() const { return {arena_.data(), weights_.data()}; }
  std::byte* candidates() const { return candidates_.data(); }
  /// Scratch memory serves one launch at a time, and only the network needs it.
  CudaStream network_launches() const {
    return {network_stream_.get(), device_.multiprocessors, device_.shared_bytes_per_block, scratch_.data(),
            scratch_.bytes()};
  }
  std::size_t device_bytes() const {
    return weights_.bytes() + arena_.bytes() + candidates_.bytes() + scratch_.bytes() + sender_.device_bytes();
  }

 private:
  void reserve(const CudaMemory& needed);
  CudaStream image_launches() const {
    return {image_stream_.get(), device_.multiprocessors, device_.shared_bytes_per_block, nullptr, 0};
  }

  Model model_;
  CudaDevice device_;
  Type type_;
  Executor executor_;
  Stream image_stream_ = make_stream(), network_stream_ = make_stream();
  PackedWeights packed_;  // offsets of the parameters in weights_; the bytes are on the device only
  DeviceBuffer weights_, arena_, candidates_, scratch_;  // see CudaMemory
  ImageSender sender_;
  // All Programs have their inputs at the same offsets, so that one batch can be letterboxed while another Program
  // runs.
  int inputs_ = 1;
  std::size_t input_bytes_ = 0;
  ProgramCache<CudaProgram> programs_;
};

}  // namespace cudet
