// Fits frames into the network's input. All engines share it.
#pragma once
#include <span>
#include <vector>

#include "kernels/letterbox/letterbox.h"
#include "kernels/nms/nms.h"
#include "runtime/cudet.h"

namespace cudet {

struct InputFit {
  Extent limit;  // the detector's input, a multiple of the stride
  Fit fit;
  int stride;

  /// Returns the network's input size for a batch of at least one frame.
  Extent input_size(std::span<const Frame> frames) const;
  /// Returns the position and size of a frame within that input.
  LetterboxFit fit_frame(const Frame& frame, Extent input) const;
};

/// Converts boxes from pixels of the network's input to pixels of the frame at `fit`, clipped to the frame.
std::vector<Detection> to_detections(std::span<const Candidate> boxes, const Frame& frame, const LetterboxFit& fit);

/// Transposes one image's rows of the network's output y (anchors, channels) to RawOutput::values (channels, anchors).
std::vector<float> channels_first(const float* rows, const Tensor& y);

}  // namespace cudet
