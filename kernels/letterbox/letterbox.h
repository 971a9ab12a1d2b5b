// A picture to the network's input: scaled to fit, centred on grey, RGB in 0..1. As Ultralytics' LetterBox on OpenCV.
#pragma once
#include "kernels/frame.h"
#include "kernels/tensor.h"

namespace cudet {

/// Where a picture lies within the network's input.
struct LetterboxFit {
  int width, height;  // of the scaled picture, pixels of the input
  int left, top;      // of its first pixel within the input
};

/// Fits a picture of at least 1 × 1 into `limit`: gain = min(limit.h / height, limit.w / width), sizes rounded half to
/// even (at least 1); centred in `input`, which holds it. Of an odd margin, the smaller half is left and above.
LetterboxFit letterbox_fit(int width, int height, Extent limit, Extent input);
/// The same where the input is the limit.
LetterboxFit letterbox_fit(int width, int height, Extent input);

/// The least input of whole strides, within `limit` (itself of whole strides), that holds the picture at the gain of
/// letterbox_fit(width, height, limit). Place the picture by letterbox_fit(width, height, limit, least): the gain of
/// the least input alone may be smaller, since its sizes are rounded.
Extent least_input(int width, int height, Extent limit, int stride);

/// y(image, v, u, ·) = the picture's RGB, resized by OpenCV's INTER_LINEAR for 8-bit pixels (11-bit weights;
/// reference.cpp has the rule), divided by 255; 114/255 outside of the placement. Pixels of nv12 are converted first.
struct Letterbox {
  Frame frame;
  LetterboxFit fit;
  Tensor y;   // N, H, W, 3, arena, f32; on devices f32 or f16; on the CPU f32 or u8, then not divided by 255
  int image;  // which of y's N

  /// One tile a row of the input.
  int tiles() const { return y.h; }
};

/// Rows of y, and how many of the picture's they need: how a picture in host memory reaches a device, strip by strip.
struct LetterboxStrip {
  int first, last;  // rows of y
  int rows;         // of the picture (nv12: of its luma), packed; 0 where the strip is all grey
};

/// The longest strip from y's row `first` whose packed rows take at most `bytes`. Throws Error where one row of y takes
/// more: two rows of the picture, each rounded up to whole words of 4 bytes, are always enough (nv12: four of luma).
LetterboxStrip letterbox_strip(const Letterbox&, int first, std::size_t bytes);
/// Copies the strip's rows of op.frame (host) to `packed`, each to a whole word from its start; what lies between rows
/// is not written. Returns how many bytes from start to end.
std::size_t letterbox_pack(const Letterbox&, const LetterboxStrip&, std::uint8_t* packed);
/// The strip's rows of y from what letterbox_pack made, copied to the device. y: f32 or f16, of pitch >= 3; its
/// channels from 3 to pitch become 0.
void letterbox_strip_cuda(const Letterbox&, const LetterboxStrip&, const std::uint8_t* packed, const Memory&,
                          const CudaStream&);
/// All of y from a frame on the device; y as above.
void letterbox_cuda(const Letterbox&, const Memory&, const CudaStream&);

void run_reference(const Letterbox&, const Memory&);                       // f32 or u8
void letterbox_cpu(const Letterbox&, const Memory&, int first, int last);  // f32 or u8; tiles [first, last)

}  // namespace cudet
