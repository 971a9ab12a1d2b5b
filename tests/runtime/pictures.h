// Images of noise, and comparison of results.
#pragma once
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "runtime/cudet.h"

namespace cudet::test {

/// An image of random pixels and its frame.
struct Picture {
  Picture(int width, int height, unsigned seed, PixelFormat format = PixelFormat::rgb)
      : pixels(static_cast<std::size_t>(width) * height * channels(format)),
        frame{pixels.data(), width, height, static_cast<std::ptrdiff_t>(width) * channels(format), format} {
    std::mt19937 random(seed);
    for (std::uint8_t& p : pixels) p = static_cast<std::uint8_t>(random());
  }
  std::vector<std::uint8_t> pixels;
  Frame frame;
};

/// The message of the Error that `call` throws; "no error" if it throws none.
template <class F>
std::string error_of(F call) {
  try {
    call();
    return "no error";
  } catch (const Error& error) {
    return error.what();
  }
}

inline void expect_equal(const Result& a, const Result& b) {
  ASSERT_EQ(a.detections.size(), b.detections.size());
  for (std::size_t i = 0; i < a.detections.size(); ++i) {
    const Detection &x = a.detections[i], &y = b.detections[i];
    EXPECT_EQ((std::tuple(x.x1, x.y1, x.x2, x.y2, x.score, x.class_id)),
              (std::tuple(y.x1, y.y1, y.x2, y.y2, y.score, y.class_id)));
  }
}

}  // namespace cudet::test
