#include "runtime/cuda/image_sender.h"

#include "runtime/compile/device_memory.h"

namespace cudet {

ImageSender::ImageSender()
    : pinned_(2 * kStripBytes), strip_(kStripBytes), sent_{make_order_event(), make_order_event()} {}

void ImageSender::letterbox(const Letterbox& op, const Memory& memory, const CudaStream& on) {
  if (op.frame.on_device) return letterbox_cuda(op, memory, on);
  for (int row = 0; row < op.y.h;) {
    const LetterboxStrip strip = letterbox_strip(op, row, kStripBytes);
    if (strip.rows > 0) {
      std::byte* const half = pinned_.data() + turn_ * kStripBytes;
      const cudaEvent_t sent = sent_[turn_].get();
      check(cudaEventSynchronize(sent), "an image on its way to the device");
      const std::size_t bytes = letterbox_pack(op, strip, reinterpret_cast<std::uint8_t*>(half));
      check(cudaMemcpyAsync(strip_.data(), half, bytes, cudaMemcpyHostToDevice, on.stream), "an image to the device");
      check(cudaEventRecord(sent, on.stream), "an image to the device");
      turn_ = 1 - turn_;
    }
    letterbox_strip_cuda(op, strip, reinterpret_cast<const std::uint8_t*>(strip_.data()), memory, on);
    row = strip.last;
  }
}

}  // namespace cudet
