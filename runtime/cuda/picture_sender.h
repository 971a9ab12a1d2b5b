// Pictures to the network's input.
#pragma once
#include "kernels/letterbox/letterbox.h"
#include "runtime/cuda/handles.h"

namespace cudet {

/// Letterboxes frames by way of a fixed amount of memory. A frame of the host is packed strip by strip into pinned
/// memory of two strips, one being sent while the other is filled; the device holds one strip, which its kernel has
/// read before the next arrives, as all of it is on one stream.
class PictureSender {
 public:
  PictureSender();

  /// Starts the letterbox on the stream. Once it returns, a frame of the host has been read; one on the device is read
  /// when the stream gets there.
  void letterbox(const Letterbox& op, const Memory& memory, const CudaStream& on);

  std::size_t device_bytes() const { return strip_.bytes(); }

 private:
  PinnedBuffer pinned_;
  DeviceBuffer strip_;
  Event sent_[2];  // of each half of the pinned memory: the device has it
  int turn_ = 0;   // the half to fill next
};

}  // namespace cudet
