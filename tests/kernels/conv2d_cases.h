// Convolutions with which the kernels of every executor are tested.
#pragma once
#include <ostream>

#include "kernels/conv2d/conv2d.h"
#include "tests/kernels/compare.h"

namespace cudet::test {

struct Case {
  int n, h, w, c, k;
  Extent kernel, stride = {1, 1}, pad = {0, 0}, dilation = {1, 1};
  int groups = 1;
  Activation activation = Activation::silu;
  bool add = false;
  int spare = 0;  // further channels of the wider tensors of which x, y and residual are slices

  Extent outputs() const {
    const auto along = [](int size, int window, int step, int padding, int spacing) {
      return (size + 2 * padding - spacing * (window - 1) - 1) / step + 1;
    };
    return {along(h, kernel.h, stride.h, pad.h, dilation.h), along(w, kernel.w, stride.w, pad.w, dilation.w)};
  }
};

inline std::ostream& operator<<(std::ostream& out, const Case& t) {
  const auto pair = [&](const char* name, Extent e) { out << name << e.h << "x" << e.w; };
  out << t.n << "x" << t.h << "x" << t.w << "x" << t.c << " to " << t.k;
  pair(", kernel ", t.kernel), pair(", stride ", t.stride), pair(", pad ", t.pad), pair(", dilation ", t.dilation);
  return out << ", groups " << t.groups << ", " << activation_name(t.activation) << (t.add ? ", residual" : "")
             << ", spare " << t.spare;
}

constexpr float kSlope = 0.1f;  // of leaky_relu in these cases
constexpr Activation kNone = Activation::none, kSilu = Activation::silu;

// Shapes of YOLOv8's layers, then unusual ones that reveal index errors.
inline const std::vector<Case> kCases = {
    {1, 64, 96, 3, 16, {3, 3}, {2, 2}, {1, 1}},                               // the stem
    {1, 32, 32, 16, 32, {3, 3}, {2, 2}, {1, 1}},                              // between stages
    {1, 20, 20, 64, 64, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 1, kSilu, true, 64},  // a bottleneck of C2f
    {2, 23, 41, 32, 40, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 1, kSilu, true, 3},   // Winograd patches partly outside
    {1, 30, 26, 16, 16, {3, 3}, {1, 1}, {0, 2}, {1, 1}, 1, kNone},            // or starting outside
    {1, 9, 9, 256, 33, {3, 3}, {1, 1}, {1, 1}},                               // few of them per tile
    {1, 20, 20, 96, 48, {1, 1}},                                              // pointwise
    {1, 20, 20, 80, 80, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 1, kNone},            // the end of Detect
    {1, 80, 80, 4, 8, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 1, kSilu, true, 4},     // several tiles
    {1, 1, 1, 1, 1, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 1, kNone},                // the smallest
    {1, 7, 5, 5, 1, {1, 1}},                                                  // one output channel
    {1, 7, 5, 5, 17, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 1, kSilu, true, 3},      // one channel more than a block
    {3, 9, 11, 13, 37, {3, 3}, {2, 2}, {1, 1}, {1, 1}, 1, kSilu, true, 5},    // several images, nothing divides
    {3, 5, 7, 24, 33, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 1, kSilu, false, 1},    // slices at odd offsets
    {2, 6, 9, 10, 36, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 2, kSilu, true, 7},     // groups of less than a block
    {1, 6, 5, 9, 51, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 3},                      // groups of one channel more than a block
    {1, 6, 5, 96, 96, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 3, kSilu, true},        // groups of whole blocks
    {2, 9, 8, 21, 21, {3, 3}, {2, 2}, {1, 1}, {1, 1}, 21, kSilu, true, 2},    // depthwise
    {1, 8, 8, 6, 12, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 6, kNone},               // depthwise with a multiplier
    {1, 9, 8, 8, 16, {1, 1}, {2, 2}},                                         // pointwise, not of every pixel
    {1, 5, 6, 8, 16, {1, 1}, {1, 1}, {1, 1}},                                 // pointwise, with padding
    {1, 13, 17, 8, 16, {3, 3}, {3, 3}, {0, 0}},                               // stride 3
    {1, 13, 17, 8, 16, {3, 5}, {1, 2}, {1, 2}, {1, 1}, 1, kSilu, true},       // height and width differ
    {1, 7, 9, 10, 18, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 1, Activation::relu, true, 2},
    {1, 7, 9, 10, 18, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 1, Activation::relu6, true, 2},
    {1, 7, 9, 10, 18, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 1, Activation::leaky_relu, true, 2},
    {1, 7, 9, 10, 18, {3, 3}, {2, 2}, {1, 1}, {1, 1}, 1, Activation::hardswish, true, 2},
    {1, 7, 9, 32, 32, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 1, Activation::gelu, true},
    {1, 7, 9, 32, 32, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 1, Activation::mish, true},
    {1, 13, 17, 8, 16, {5, 3}, {3, 1}, {2, 0}, {1, 2}},                      // and again
    {2, 12, 14, 7, 20, {3, 3}, {1, 1}, {2, 2}, {2, 2}, 1, kSilu, false, 9},  // dilation
    {1, 10, 30, 6, 18, {3, 2}, {1, 1}, {0, 0}, {3, 1}},                      // dilation of rows only
    {1, 4, 3, 5, 6, {2, 3}, {1, 1}, {4, 5}},                                 // windows that see only padding
    {1, 2, 2, 3, 4, {7, 7}, {1, 1}, {3, 3}},                                 // a kernel larger than the image
    {1, 3, 40, 3, 16, {3, 1}, {1, 1}, {1, 0}},                               // kernel rows of one tap
    {1, 3, 3, 1500, 2, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 1, kSilu, false, 1},  // very many channels
    {1, 1, 300, 3, 100, {1, 3}, {1, 1}, {0, 1}, {1, 1}, 1, kSilu, true, 1},  // an image of one row
    {1, 5, 5, 640, 200, {3, 3}, {1, 1}, {1, 1}},                             // several ranges of channels
};

}  // namespace cudet::test
