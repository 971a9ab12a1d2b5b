#include <cmath>

#include "kernels/detect_decode/detect_decode.h"
#include "kernels/error.h"
#include "kernels/shape_text.h"

namespace cudet {

StepInfo describe(const DetectDecode& op) {
  StepInfo info{};
  const DetectDecode::Level& first = op.level[0];
  info.sizes = std::to_string(first.box.n) + "x";
  info.bytes = bytes(op.y);
  for (int i = 0; i < op.levels; ++i) {
    const DetectDecode::Level& level = op.level[i];
    info.sizes += (i ? "+" : "") + to_text(Extent{level.box.h, level.box.w});
    info.inputs.insert(info.inputs.end(), {level.box, level.score});
    info.bytes += bytes(level.box) + bytes(level.score);
  }
  info.outputs = {op.y};
  const Extent input{static_cast<int>(std::lround(first.stride_y * static_cast<float>(first.box.h))),
                     static_cast<int>(std::lround(first.stride_x * static_cast<float>(first.box.w)))};
  info.attributes =
      "classes" + std::to_string(op.y.c - 4) + " bins" + std::to_string(op.bins) + " input" + to_text(input);
  const double anchors = static_cast<double>(op.y.n) * op.y.w;
  const double per_side = 5.0 * op.bins + 1;  // softmax: maximum, exponential, sum; multiply-add; division
  const double per_score = 2;                 // σ: exponential, division
  info.flops = anchors * (4 * per_side + (op.y.c - 4) * per_score);
  return info;
}

void parse_shape(ShapeParser& shape, DetectDecode& op) {
  const std::string_view first = shape.take("N x H x W + H x W …");
  const int classes = shape.take_number("classes", "the number of classes", 1);
  op.bins = shape.take_number("bins", "the number of regression bins", 1);
  const Extent input = shape.take_pair("input", "the network's input", 1);
  long n = 0, anchors = 0;
  for (const std::string_view word : split(first, '+')) {
    if (op.levels == DetectDecode::kMaxLevels)
      throw Error("at most " + std::to_string(DetectDecode::kMaxLevels) + " levels are supported");
    const std::vector<int> sizes = parse_numbers(word, 1);
    if (sizes.size() != (op.levels == 0 ? 3 : 2)) throw Error(quoted(first) + ": expected N x H x W + H x W …");
    if (op.levels == 0) n = sizes.front();
    const int h = sizes[sizes.size() - 2], w = sizes.back();
    DetectDecode::Level& level = op.level[op.levels++];
    level.box = shape.arena(n, h, w, 4L * op.bins);
    level.score = shape.arena(n, h, w, classes);
    level.stride_y = static_cast<float>(input.h) / static_cast<float>(h);
    level.stride_x = static_cast<float>(input.w) / static_cast<float>(w);
    level.first_anchor = static_cast<int>(anchors);
    level.first_tile = op.rows;
    anchors += static_cast<long>(h) * w;
    op.rows += h;
  }
  op.y = shape.arena(n, 1, anchors, 4L + classes);
}

}  // namespace cudet
