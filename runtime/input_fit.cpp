#include "runtime/input_fit.h"

#include <algorithm>

namespace cudet {

Extent InputFit::input_size(std::span<const Frame> frames) const {
  const Frame& first = frames.front();
  const bool equal = std::all_of(frames.begin(), frames.end(),
                                 [&](const Frame& f) { return f.width == first.width && f.height == first.height; });
  return fit == Fit::least && equal ? min_input(first.width, first.height, limit, stride) : limit;
}

LetterboxFit InputFit::fit_frame(const Frame& frame, Extent input) const {
  return letterbox_fit(frame.width, frame.height, limit, input);
}

std::vector<Detection> to_detections(std::span<const Candidate> boxes, const Frame& frame, const LetterboxFit& fit) {
  const double gain_x = static_cast<double>(fit.width) / frame.width;
  const double gain_y = static_cast<double>(fit.height) / frame.height;
  const auto to_image = [](float corner, int margin, double gain, int size) {
    return static_cast<float>(
        std::clamp((static_cast<double>(corner) - margin) / gain, 0.0, static_cast<double>(size)));
  };
  const auto x = [&](float corner) { return to_image(corner, fit.left, gain_x, frame.width); };
  const auto y = [&](float corner) { return to_image(corner, fit.top, gain_y, frame.height); };
  std::vector<Detection> detections;
  detections.reserve(boxes.size());
  for (const Candidate& c : boxes) detections.push_back({x(c.x1), y(c.y1), x(c.x2), y(c.y2), c.score, c.class_id});
  return detections;
}

std::vector<float> channels_first(const float* rows, const Tensor& y) {
  const std::size_t channels = static_cast<std::size_t>(y.c), anchors = static_cast<std::size_t>(y.w);
  std::vector<float> values(channels * anchors);
  for (std::size_t c = 0; c < channels; ++c)
    for (std::size_t a = 0; a < anchors; ++a) values[c * anchors + a] = rows[a * static_cast<std::size_t>(y.pitch) + c];
  return values;
}

}  // namespace cudet
