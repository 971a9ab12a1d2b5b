// Cases for transposed convolutions.
#pragma once
#include <vector>

#include "kernels/conv_transpose2d/conv_transpose2d.h"
#include "tests/kernels/compare.h"

namespace cudet::test {

struct ConvTranspose2dCase {
  int n, h, w, c, k;
  Extent kernel, stride = {1, 1}, pad = {0, 0}, output_pad = {0, 0}, dilation = {1, 1};
  int groups = 1;
  int spare_x = 0, spare_y = 0;  // further channels of the tensors of which x and y are slices
};

inline const std::vector<ConvTranspose2dCase> kConvTranspose2dCases = {
    {1, 20, 20, 32, 32, {2, 2}, {2, 2}},                                     // instead of an Upsample
    {1, 10, 12, 16, 48, {4, 4}, {2, 2}, {1, 1}, {0, 0}, {1, 1}, 1, 16, 16},  // the usual kernel of stride 2
    {1, 1, 1, 1, 1, {1, 1}},                                                 // the smallest
    {2, 7, 5, 5, 17, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {1, 1}, 1, 3, 5},       // one channel more than a block
    {3, 5, 9, 13, 37, {3, 3}, {1, 1}, {1, 1}},                               // stride 1: a plain convolution
    {1, 4, 23, 8, 8, {3, 5}, {1, 3}, {0, 2}, {0, 2}},                        // height and width differ
    {1, 6, 4, 8, 16, {5, 3}, {3, 1}, {2, 0}, {1, 0}},                        // and again
    {2, 6, 7, 8, 24, {3, 3}, {2, 2}, {2, 2}, {0, 0}, {2, 2}, 1, 0, 8},       // even dilation: taps of one phase
    {1, 6, 7, 4, 8, {3, 2}, {2, 3}, {1, 0}, {0, 1}, {3, 2}},                 // odd dilation
    {1, 5, 6, 8, 8, {1, 1}, {3, 3}, {0, 0}, {2, 2}},                         // most outputs have no tap
    {1, 5, 6, 10, 36, {3, 3}, {2, 2}, {1, 1}, {0, 0}, {1, 1}, 2, 0, 1},      // groups, not of whole blocks
    {1, 5, 6, 96, 48, {2, 2}, {2, 2}, {0, 0}, {0, 0}, {1, 1}, 3},            // groups of whole blocks
    {2, 5, 4, 21, 21, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {1, 1}, 21},           // depthwise
    {1, 3, 3, 8, 16, {3, 3}, {1, 1}, {2, 2}},                                // only borders remain
    {1, 2, 2, 3, 4, {7, 7}, {2, 2}, {3, 3}},                                 // a kernel larger than the image
};

struct ConvTranspose2dProblem {
  explicit ConvTranspose2dProblem(const ConvTranspose2dCase& t) {
    op.kernel = t.kernel, op.stride = t.stride, op.pad = t.pad, op.dilation = t.dilation, op.groups = t.groups;
    const auto along = [](int size, int window, int step, int padding, int output_padding, int spacing) {
      return (size - 1) * step - 2 * padding + spacing * (window - 1) + 1 + output_padding;
    };
    op.x = arena.place_random(t.n, t.h, t.w, t.c, t.spare_x, 1);
    op.y = arena.place(t.n, along(t.h, t.kernel.h, t.stride.h, t.pad.h, t.output_pad.h, t.dilation.h),
                       along(t.w, t.kernel.w, t.stride.w, t.pad.w, t.output_pad.w, t.dilation.w), t.k, t.spare_y);
    op.weight = weights.place_random(t.c, t.k / t.groups, t.kernel.h, t.kernel.w, 0, 2);
    op.bias = weights.place_random(1, 1, 1, t.k, 0, 3);
  }
  /// The plain weights and bias, then the packed weights, then guards. Sets the weight's offset to that of the packed
  /// weights.
  std::vector<float> pack() {
    std::vector<float> packed = weights.values;
    const std::size_t start = (packed.size() + 15) / 16 * 16;
    packed.resize(start + conv_transpose2d_packed_bytes(op) / sizeof(float));
    conv_transpose2d_pack(op, &weights.at(op.weight, 0, 0, 0, 0), reinterpret_cast<std::byte*>(packed.data() + start));
    packed.resize(packed.size() + 64, kGuard);
    op.weight.offset = start * sizeof(float);
    return packed;
  }

  Arena arena{Space::arena}, weights{Space::weights};
  ConvTranspose2d op{};
};

}  // namespace cudet::test
