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
  /// Packs the weights and sends them to the device. Throws Error if the device or the precision is not available.
  CudaSession(const Model& model, Precision precision);
  ~CudaSession() { synchronize(); }
  CudaSession(const CudaSession&) = delete;  // owns the device's memory
  CudaSession& operator=(const CudaSession&) = delete;

  /// Returns the Program for `batch` images of `input` pixels, compiled or from the cache, and allocates the device
  /// memory that it needs. Valid until the next call. A cached size allocates nothing; a new one may wait until the
  /// device is idle. Throws Error if there is not enough memory.
  CudaProgram& program(int batch, Extent input);

  /// Queues the letterbox of a frame into image `image` of `input`, a tensor of `memory`, on the images' stream.
  void letterbox(const Frame& frame, const LetterboxFit& fit, const Tensor& input, int image, const Memory& memory) {
    sender_.letterbox({frame, fit, input, image}, memory, image_launches());
  }
  /// Queues the copy of next_input() to the network's input in the arena, on the network's stream.
  void copy_next_input(const CudaProgram& program);
  /// Queues the network, the search for candidates and NMS on the network's stream; with `all_outputs`, the whole
  /// output too.
  void run(const CudaProgram& program, bool all_outputs = false) {
    program.run(memory(), candidates_.data(), network_launches(), all_outputs);
  }
  /// Queues one step on the network's stream. For the last one, DetectDecode, this is the search for candidates and
  /// NMS.
  void run_step(const CudaProgram& program, std::size_t step) {
    program.run_step(step, memory(), candidates_.data(), network_launches());
  }
  /// Captures the same work as run() into the Program's graph.
  void capture(CudaProgram& program) { program.capture(memory(), candidates_.data(), network_launches()); }

  /// Waits until both streams are idle, and ignores errors.
  void synchronize() noexcept;

  Type type() const { return type_; }
  const CudaDevice& device() const { return device_; }
  cudaStream_t image_stream() const { return image_stream_.get(); }
  cudaStream_t network_stream() const { return network_stream_.get(); }
  Memory memory() const { return {arena_.data(), weights_.data()}; }
  /// The network's input for the next batch, while the network still reads the arena (CudaMemory::input).
  Memory next_input() const { return {input_.data(), nullptr}; }
  std::byte* candidates() const { return candidates_.data(); }
  std::size_t device_bytes() const {
    return weights_.bytes() + arena_.bytes() + input_.bytes() + candidates_.bytes() + scratch_.bytes() +
           sender_.device_bytes();
  }

 private:
  void reserve(const CudaMemory& needed);
  /// Scratch memory serves one launch at a time, and only the network needs it.
  CudaStream network_launches() const {
    return {network_stream_.get(), device_.multiprocessors, device_.shared_bytes_per_block, scratch_.data(),
            scratch_.bytes()};
  }
  CudaStream image_launches() const {
    return {image_stream_.get(), device_.multiprocessors, device_.shared_bytes_per_block, nullptr, 0};
  }

  Model model_;
  CudaDevice device_;
  Type type_;
  Stream image_stream_ = make_stream(), network_stream_ = make_stream();
  PackedWeights packed_;  // offsets of the parameters in weights_; the bytes are on the device only
  DeviceBuffer weights_, arena_, input_, candidates_, scratch_;  // see CudaMemory
  ImageSender sender_;
  ProgramCache<CudaProgram> programs_;
};

}  // namespace cudet
