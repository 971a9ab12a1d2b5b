// Sends images to the device and letterboxes them.
#pragma once
#include "kernels/letterbox/letterbox.h"
#include "runtime/cuda/handles.h"

namespace cudet {

/// Letterboxes frames through a fixed amount of memory. A frame in host memory is packed strip by strip into pinned
/// memory for two strips: one is sent while the other is filled. The device holds one strip. All work is on one stream,
/// so the kernel has read a strip before the next one arrives.
class ImageSender {
 public:
  ImageSender();

  /// Queues the letterbox on the stream. On return a frame in host memory has been read; a frame on the device is read
  /// later, when the stream reaches it.
  void letterbox(const Letterbox& op, const Memory& memory, const CudaStream& on);

  std::size_t device_bytes() const { return strip_.bytes(); }

 private:
  PinnedBuffer pinned_;
  DeviceBuffer strip_;
  Event sent_[2];  // per half of the pinned memory: recorded after its copy
  int turn_ = 0;   // index of the half to fill next
};

}  // namespace cudet
