#include "apps/bench/benchmark_image.h"

#include <algorithm>
#include <random>

namespace cudet::bench {
namespace {

constexpr int kShapes = 60, kNoise = 16;

struct Shape {
  enum Kind { box, disc, bars } kind;
  int x, y, width, height;  // bounding box in pixels
  int colour[3];
};

/// Whether the shape covers a pixel of its bounding box.
bool covers(const Shape& shape, int x, int y) {
  switch (shape.kind) {
    case Shape::disc: {
      const double dx = (x - shape.x + 0.5) / shape.width - 0.5, dy = (y - shape.y + 0.5) / shape.height - 0.5;
      return dx * dx + dy * dy <= 0.25;
    }
    case Shape::bars:  // a repeated pattern of 32 modules, 3 pixels wide each
      return (0x2d3512d7u >> (x - shape.x) / 3 % 32 & 1) != 0;
    default:
      return true;
  }
}

}  // namespace

BenchmarkImage::BenchmarkImage(int channels)
    : channels_(channels), pixels_(static_cast<std::size_t>(kWidth) * kHeight * static_cast<std::size_t>(channels)) {
  std::mt19937 random(1);
  const auto below = [&](int bound) { return static_cast<int>(random() % static_cast<unsigned>(bound)); };
  const auto pixel = [&](int x, int y) { return &pixels_[(static_cast<std::size_t>(y) * kWidth + x) * channels_]; };

  for (int y = 0; y < kHeight; ++y)
    for (int x = 0; x < kWidth; ++x)
      for (int c = 0; c < channels_; ++c) pixel(x, y)[c] = static_cast<std::uint8_t>(60 + y / 12 + x / 20 + 10 * c);
  for (int i = 0; i < kShapes; ++i) {
    Shape shape{
        static_cast<Shape::Kind>(i % 3),     below(kWidth - 40), below(kHeight - 40), 30 + below(200), 30 + below(200),
        {below(256), below(256), below(256)}};
    for (int y = shape.y; y < std::min(shape.y + shape.height, kHeight); ++y)
      for (int x = shape.x; x < std::min(shape.x + shape.width, kWidth); ++x)
        if (covers(shape, x, y))
          for (int c = 0; c < channels_; ++c) pixel(x, y)[c] = static_cast<std::uint8_t>(shape.colour[c % 3]);
  }
  for (std::uint8_t& value : pixels_)
    value = static_cast<std::uint8_t>(std::clamp(value + below(kNoise) - kNoise / 2, 0, 255));
}

Frame BenchmarkImage::frame() const {
  Frame frame{pixels_.data(), kWidth, kHeight, std::ptrdiff_t{kWidth} * channels_, PixelFormat::rgb};
  if (channels_ != 3) frame.format = PixelFormat::interleaved, frame.count = channels_;
  return frame;
}

}  // namespace cudet::bench
