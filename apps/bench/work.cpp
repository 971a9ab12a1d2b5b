#include "apps/bench/work.h"

namespace cudet::bench {
namespace {

double elements(const Tensor& t) {
  return static_cast<double>(t.n) * t.h * t.w * t.c;
}
double bytes(const Tensor& t) {
  return elements(t) * static_cast<double>(size_of(t.type));
}

struct Counter {
  Work operator()(const Conv2d& op) const {
    const int depth = op.x.c / op.groups;
    const double weights = static_cast<double>(op.y.c) * op.kernel.h * op.kernel.w * depth;
    return {2 * elements(op.y) / op.y.c * weights,
            bytes(op.x) + weights * static_cast<double>(size_of(op.weight.type)) + bytes(op.bias) + bytes(op.y) +
                (op.add ? bytes(op.residual) : 0)};
  }
  /// Weights of 8 bits, whatever a kernel makes of them.
  Work operator()(const Conv2dInt8& op) const {
    Conv2d conv = op.conv;
    conv.weight.type = Type::u8;
    return (*this)(conv);
  }
  Work operator()(const MaxPool& op) const {
    return {elements(op.y) * comparisons(op.kernel), bytes(op.x) + bytes(op.y)};
  }
  Work operator()(const MaxPoolChain& op) const {
    return {op.count * elements(op.x) * comparisons(op.kernel), bytes(op.x) + op.count * bytes(op.y[0])};
  }
  Work operator()(const Upsample& op) const { return {0, bytes(op.x) + bytes(op.y)}; }
  Work operator()(const Copy& op) const { return {0, bytes(op.x) + bytes(op.y)}; }
  Work operator()(const DySample& op) const { return {sampling(op), bytes(op.x) + bytes(op.offset) + bytes(op.y)}; }
  /// Offsets need not leave the chip.
  Work operator()(const ConvDySample& op) const {
    const Work conv = (*this)(op.conv);
    return {conv.flops + sampling(op.sample), conv.bytes - bytes(op.conv.y) + bytes(op.sample.y)};
  }
  Work operator()(const DetectDecode& op) const {
    const double anchors = static_cast<double>(op.y.n) * op.y.w;
    const double side = 5.0 * op.bins + 1;  // of softmax: largest, exponential, sum; multiply-add; division
    const double score = 2;                 // of σ: exponential, division
    double sum = bytes(op.y);
    for (int i = 0; i < op.levels; ++i) sum += bytes(op.level[i].box) + bytes(op.level[i].score);
    return {anchors * (4 * side + (op.y.c - 4) * score), sum};
  }

 private:
  /// Of an output: along the rows, then along the columns.
  static double comparisons(int kernel) { return 2.0 * (kernel - 1); }
  static double sampling(const DySample& op) {
    const double offsets = elements(op.offset) / (op.dyscope ? 2 : 1);
    const double offset = op.dyscope ? 6 : 4;      // multiply-add, clamp between two limits; σ
    return offsets * offset + elements(op.y) * 8;  // four corners
  }
};

}  // namespace

Work work_of(const Step& step) {
  return std::visit(Counter{}, step);
}

}  // namespace cudet::bench
