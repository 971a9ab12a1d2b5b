#include <algorithm>
#include <cmath>

#include "kernels/letterbox/letterbox.h"
#include "kernels/letterbox/nv12.h"

namespace cudet {
namespace {

// The two pixels of the frame along an axis that a pixel of the scaled image blends, and their weights, in 1/2048.
struct Taps {
  int first, second;
  int first_weight, second_weight;
};

// OpenCV's rule: the coordinate is computed in double and rounded to float; each weight is rounded half to even
// separately. For a column outside the frame, the nearest column gets the full weight. For a row outside, both taps are
// the nearest row and the weights are unchanged, which may round differently.
Taps taps(int destination, int scaled, int size, bool columns) {
  const double step = 1 / (static_cast<double>(scaled) / size);
  const float coordinate = static_cast<float>((destination + 0.5) * step - 0.5);
  int first = static_cast<int>(std::floor(coordinate));
  float fraction = coordinate - static_cast<float>(first);
  if (columns && (first < 0 || first >= size - 1)) fraction = 0;
  const auto weight = [](float part) { return static_cast<int>(std::nearbyint(part * 2048)); };
  return {std::clamp(first, 0, size - 1), std::clamp(first + 1, 0, size - 1), weight(1 - fraction), weight(fraction)};
}

// Red, green or blue (channel 0, 1, 2) of a pixel, or a channel of an interleaved frame.
int value_nv12(const Frame& frame, int row, int column, int channel) {
  const std::uint8_t* pair = chroma_plane(frame) + row / 2 * frame.stride + chroma_pair(column);
  const Rgb rgb = nv12_to_rgb(frame.data[row * frame.stride + column], pair[0], pair[1]);
  return channel == 0 ? rgb.r : channel == 1 ? rgb.g : rgb.b;
}
int value(const Frame& frame, int row, int column, int channel, int channels_of_y) {
  if (frame.format == PixelFormat::nv12) return value_nv12(frame, row, column, channel);
  const std::uint8_t* pixel = frame.data + row * frame.stride + std::ptrdiff_t{column} * channels(frame);
  const bool blue_first = frame.format == PixelFormat::bgr || frame.format == PixelFormat::bgra;
  if (channels_of_y != 3) return pixel[channel];
  return frame.format == PixelFormat::grey ? pixel[0] : pixel[blue_first ? 2 - channel : channel];
}

}  // namespace

// Sums of a row have 19 bits; the 4 lowest are dropped, then 16 of each product, and the last 2 are rounded. A frame of
// equal size is unchanged, and one of twice the size in both directions becomes the average of each 2×2, rounded half
// up. So OpenCV's two special cases need no separate code.
void run_reference(const Letterbox& op, const Memory& memory) {
  const Frame& frame = op.frame;
  for (int v = 0; v < op.y.h; ++v)
    for (int u = 0; u < op.y.w; ++u)
      for (int channel = 0; channel < op.y.c; ++channel) {
        int pixel = 114;
        const int row = v - op.fit.top, column = u - op.fit.left;
        if (row >= 0 && row < op.fit.height && column >= 0 && column < op.fit.width) {
          const Taps x = taps(column, op.fit.width, frame.width, true);
          const Taps y = taps(row, op.fit.height, frame.height, false);
          const auto sum = [&](int r) {
            return value(frame, r, x.first, channel, op.y.c) * x.first_weight +
                   value(frame, r, x.second, channel, op.y.c) * x.second_weight;
          };
          const int above = ((sum(y.first) >> 4) * y.first_weight) >> 16;
          const int below = ((sum(y.second) >> 4) * y.second_weight) >> 16;
          pixel = (above + below + 2) >> 2;
        }
        const std::size_t at = op.y.pixel(op.image, v, u) + static_cast<std::size_t>(channel);
        if (op.y.type == Type::u8)
          arena_data<std::uint8_t>(memory, op.y)[at] = static_cast<std::uint8_t>(pixel);
        else
          arena_data<float>(memory, op.y)[at] = static_cast<float>(pixel) / 255;
      }
}

}  // namespace cudet
