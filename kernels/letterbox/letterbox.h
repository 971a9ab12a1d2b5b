// Converts an image to the network's input: scaled to fit, centred on grey, RGB in 0..1. Equals Ultralytics' LetterBox
// with OpenCV.
#pragma once
#include "kernels/frame.h"
#include "kernels/tensor.h"

namespace cudet {

/// The size and position of the scaled image within the network's input.
struct LetterboxFit {
  int width, height;  // of the scaled image, in pixels
  int left, top;      // its first pixel
};

/// Scales an image of at least 1 × 1 to fit into `limit`: gain = min(limit.h / height, limit.w / width), sizes rounded
/// half to even (at least 1). Centres it in `input`, which must be large enough; the smaller half of an odd margin is
/// left and above.
LetterboxFit letterbox_fit(int width, int height, Extent limit, Extent input);
/// The same with `input` as the limit.
LetterboxFit letterbox_fit(int width, int height, Extent input);

/// Returns the smallest input, in multiples of `stride`, that holds the image at the gain of letterbox_fit(width,
/// height, limit); `limit` is also a multiple of `stride`. Fit the image with letterbox_fit(width, height, limit,
/// input), where `input` is the result: with the result as the limit, the gain could be smaller because its sizes are
/// rounded.
Extent min_input(int width, int height, Extent limit, int stride);

/// y(image, v, u, ·) = the frame's RGB, resized as OpenCV's INTER_LINEAR does for 8-bit pixels (11-bit weights;
/// reference.cpp has the rule), divided by 255; 114/255 outside of the fit. nv12 is converted to RGB before. If y
/// has another number of channels than 3, the frame has the same number, and they keep their order.
struct Letterbox {
  Frame frame;
  LetterboxFit fit;
  Tensor y;   // N, H, W, C, arena; devices: f32 or f16; CPU: f32, or u8 without the division by 255
  int image;  // index within y's N

  /// One tile per row of the input.
  int tiles() const { return y.h; }
};

/// A range of rows of y, and the number of rows of the frame that it needs. Frames in host memory are sent to a device
/// strip by strip.
struct LetterboxStrip {
  int first, last;  // rows of y
  int rows;         // packed rows of the frame (nv12: of its luma); 0 if the strip is all grey
};

/// Returns the longest strip that starts at y's row `first` and whose packed rows take at most `bytes`. Throws Error if
/// one row of y takes more. Room for two rows of the frame, each rounded up to a multiple of 4 bytes, is always enough
/// (nv12: four rows of luma).
LetterboxStrip letterbox_strip(const Letterbox&, int first, std::size_t bytes);
/// Copies the strip's rows of op.frame (host) to `packed`, packed_pitch() bytes apart; bytes between rows are not
/// written. Returns the number of bytes from start to end.
std::size_t letterbox_pack(const Letterbox&, const LetterboxStrip&, std::uint8_t* packed);
/// Computes the strip's rows of y from the result of letterbox_pack(), copied to the device. y: f32 or f16; its
/// channels from C to pitch become 0. Throws Error if CUDA refuses the launch.
void letterbox_strip_cuda(const Letterbox&, const LetterboxStrip&, const std::uint8_t* packed, const Memory&,
                          const CudaStream&);
/// Computes all of y from a frame on the device; y and errors as above.
void letterbox_cuda(const Letterbox&, const Memory&, const CudaStream&);

void run_reference(const Letterbox&, const Memory&);                       // f32 or u8
void letterbox_cpu(const Letterbox&, const Memory&, int first, int last);  // f32 or u8; tiles [first, last)

}  // namespace cudet
