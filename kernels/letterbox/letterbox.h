// A picture to the network's input: scaled to fit, centred on grey, RGB in 0..1. As Ultralytics' LetterBox on OpenCV.
#pragma once
#include "kernels/frame.h"
#include "kernels/tensor.h"

namespace cudet {

/// Where a picture lies within the network's input.
struct Placement {
  int width, height;  // of the scaled picture, pixels of the input
  int left, top;      // of its first pixel within the input
};

/// Fits a picture of at least 1 × 1 into `limit`: gain = min(limit.h / height, limit.w / width), sizes rounded half to
/// even (at least 1); centred in `input`, which holds it. Of an odd margin, the smaller half is left and above.
Placement fit(int width, int height, Extent limit, Extent input);
/// The same where the input is the limit.
Placement fit(int width, int height, Extent input);

/// The least input of whole strides, within `limit` (itself of whole strides), that holds the picture at the gain of
/// fit(width, height, limit). Place the picture by fit(width, height, limit, least): the gain of the least input alone
/// may be smaller, since its sizes are rounded.
Extent least_input(int width, int height, Extent limit, int stride);

/// y(image, v, u, ·) = the picture's RGB, resized by OpenCV's INTER_LINEAR for 8-bit pixels (11-bit weights;
/// reference.cpp has the rule), divided by 255; 114/255 outside of the placement.
struct Letterbox {
  Frame frame;
  Placement place;
  Tensor y;   // N, H, W, 3, arena, f32
  int image;  // which of y's N

  /// One tile a row of the input.
  int tiles() const { return y.h; }
};

void letterbox_reference(const Letterbox&, const Memory&);                 // f32
void letterbox_cpu(const Letterbox&, const Memory&, int first, int last);  // f32; tiles [first, last)

}  // namespace cudet
