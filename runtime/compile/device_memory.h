// Computes the CUDA device memory that a Program needs. The session allocates by it; `inspect` prints it without a
// device.
#pragma once
#include <cstddef>

#include "kernels/nms/nms.h"
#include "runtime/program.h"

namespace cudet {

/// Bytes of a strip of image rows that is sent to the device. The device has room for one strip, pinned host memory for
/// two: one is packed while the other is sent.
constexpr std::size_t kStripBytes = 2 << 20;

/// Offsets of the parts of the memory for candidates, bytes. A call's options come first and are contiguous, so that
/// the host sends them in one copy.
struct CandidateLayout {
  explicit CandidateLayout(const Program& program);

  int images, anchors, classes;
  int max_kept;                    // maximum number of candidates that NMS keeps per image
  std::size_t parameters, wanted;  // NmsParameters; one flag per class
  std::size_t found, kept_count;   // CandidateOutput::found; int per image
  std::size_t candidates;          // Candidate: images, anchors
  std::size_t sorted, kept;        // Candidate: images, max_kept
  std::size_t bytes;

  /// Returns where the candidates go, and the NMS operator, in memory that starts at `base`.
  CandidateOutput output(std::byte* base) const;
  NmsBatch batch(std::byte* base) const;
};

/// Bytes on the device, by purpose. Lists of tiles are not counted: some 100 KB per Program.
struct CudaMemory {
  std::size_t weights;     // once per detector
  std::size_t arena;       // inputs, and values between steps
  std::size_t candidates;  // CandidateLayout
  std::size_t scratch;     // partial sums that blocks exchange
  std::size_t strip;       // strip of an image in host memory

  std::size_t total() const { return weights + arena + candidates + scratch + strip; }
};

/// Computes the memory of a Program compiled for CUDA.
CudaMemory cuda_memory(const Program& program);

}  // namespace cudet
