// What running a Program takes of a CUDA device's memory. Needs no device: `inspect` asks, and the engine allocates by
// it.
#pragma once
#include <cstddef>

#include "kernels/nms/nms.h"
#include "runtime/program.h"

namespace cudet {

/// Bytes of a picture on its way to the device: one strip of rows there, two in pinned memory of the host, so that one
/// is packed while the other is sent.
constexpr std::size_t kStripBytes = 2 << 20;

/// Where each part of the memory for candidates starts, bytes. What a call wants is in front and in one piece; the host
/// sends it as it is.
struct CandidateLayout {
  explicit CandidateLayout(const Program& program);

  int images, anchors, classes;
  int most;                        // that NMS may keep of an image
  std::size_t parameters, wanted;  // NmsParameters, a flag a class
  std::size_t found, kept_count;   // int an image
  std::size_t candidates;          // Candidate: images, anchors
  std::size_t sorted, kept;        // Candidate: images, most
  std::size_t bytes;

  /// The operator over memory that starts at `base`.
  NmsBatch batch(std::byte* base) const;
};

/// Bytes on the device, by what they are for.
struct CudaMemory {
  std::size_t weights;     // once a detector, whatever the Program
  std::size_t arena;       // values between steps
  std::size_t input;       // of the next batch, while the network runs on this one
  std::size_t candidates;  // CandidateLayout
  std::size_t scratch;     // sums that blocks share
  std::size_t strip;       // of a picture in host memory

  std::size_t total() const { return weights + arena + input + candidates + scratch + strip; }
};

/// For a Program compiled for CUDA, on a device of so many multiprocessors.
CudaMemory cuda_memory(const Program& program, int multiprocessors);

}  // namespace cudet
