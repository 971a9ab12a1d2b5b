// How frames lie within the network's input: the same for every engine.
#pragma once
#include <span>
#include <vector>

#include "kernels/letterbox/letterbox.h"
#include "kernels/nms/nms.h"
#include "runtime/cudet.h"

namespace cudet {

struct InputFit {
  Extent limit;  // the detector's input: whole strides
  Fit fit;
  int stride;

  /// The network's input for a batch of these frames, at least one.
  Extent input_size(std::span<const Frame> frames) const;
  /// Where a frame lies in such an input.
  LetterboxFit fit_frame(const Frame& frame, Extent input) const;
};

/// Boxes in pixels of the network's input to boxes in pixels of the frame that lies at `fit`, cut to its borders.
std::vector<Detection> to_detections(std::span<const Candidate> boxes, const Frame& frame, const LetterboxFit& fit);

/// RawOutput::values of one image from rows of the network's output, `y`: anchors, channels.
std::vector<float> channels_first(const float* rows, const Tensor& y);

}  // namespace cudet
