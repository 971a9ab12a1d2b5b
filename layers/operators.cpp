#include "layers/operators.h"

#include <algorithm>
#include <string>

#include "kernels/error.h"
#include "kernels/shape_text.h"

namespace cudet {
namespace {

void require_equal(Extent a, Extent b) {
  if (a != b) throw Error("operands of " + to_text(a) + " and " + to_text(b) + " pixels do not fit");
}

/// The extent that all inputs share.
Extent common_extent(InputExtents inputs) {
  for (const Extent& input : inputs) require_equal(inputs[0], input);
  return inputs[0];
}

/// The number of positions of a window that covers `reach` pixels.
int windows(long long size, int pad, int reach, int stride) {
  const long long room = size + 2LL * pad - reach;
  return room < 0 ? 0 : static_cast<int>(room / stride + 1);
}

/// Throws Error if a map of h x w pixels is too large. Both may be below 1.
Extent checked(long long h, long long w) {
  if (std::max(h, 1LL) * std::max(w, 1LL) > kMaxPixels)
    throw Error("a map of " + std::to_string(h) + " rows is too large");
  return {static_cast<int>(h), static_cast<int>(w)};
}

Extent scaled(Extent x, int scale) {
  return checked(static_cast<long long>(x.h) * scale, static_cast<long long>(x.w) * scale);
}

}  // namespace

Extent ConvOp::output_extent(InputExtents inputs) const {
  const Extent x = inputs[0];
  const Extent y{windows(x.h, pad.h, dilation.h * (kernel.h - 1) + 1, stride.h),
                 windows(x.w, pad.w, dilation.w * (kernel.w - 1) + 1, stride.w)};
  if (add) require_equal(y, inputs[1]);
  return y;
}

Extent ConvTransposeOp::output_extent(InputExtents inputs) const {
  const auto along = [](long long size, int window, int step, int padding, int output_padding, int spacing) {
    return (size - 1) * step - 2LL * padding + static_cast<long long>(spacing) * (window - 1) + 1 + output_padding;
  };
  return checked(along(inputs[0].h, kernel.h, stride.h, pad.h, output_pad.h, dilation.h),
                 along(inputs[0].w, kernel.w, stride.w, pad.w, output_pad.w, dilation.w));
}

Extent BatchNormOp::output_extent(InputExtents inputs) const {
  return inputs[0];
}
Extent ActivationOp::output_extent(InputExtents inputs) const {
  return inputs[0];
}
Extent AddOp::output_extent(InputExtents inputs) const {
  return common_extent(inputs);
}
Extent ConcatOp::output_extent(InputExtents inputs) const {
  return common_extent(inputs);
}
Extent SliceOp::output_extent(InputExtents inputs) const {
  return inputs[0];
}
Extent CopyOp::output_extent(InputExtents inputs) const {
  return inputs[0];
}

Extent MaxPoolOp::output_extent(InputExtents inputs) const {
  return {windows(inputs[0].h, pad, kernel, stride), windows(inputs[0].w, pad, kernel, stride)};
}

Extent UpsampleOp::output_extent(InputExtents inputs) const {
  return scaled(inputs[0], scale);
}

Extent ResizeBilinearOp::output_extent(InputExtents inputs) const {
  return scaled(inputs[0], scale);
}

Extent PadOp::output_extent(InputExtents inputs) const {
  return {top + inputs[0].h + bottom, left + inputs[0].w + right};
}

Extent DySampleOp::output_extent(InputExtents inputs) const {
  return scaled(common_extent(inputs), scale);
}

Extent DetectDecodeOp::output_extent(InputExtents inputs) const {
  long long anchors = 0;
  for (std::size_t level = 0; level < inputs.size(); level += 2) {
    require_equal(inputs[level], inputs[level + 1]);
    anchors += static_cast<long long>(inputs[level].h) * inputs[level].w;
  }
  if (anchors > kMaxPixels) throw Error(std::to_string(anchors) + " anchors are too many");
  return {1, static_cast<int>(anchors)};
}

}  // namespace cudet
