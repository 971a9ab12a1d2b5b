#include "runtime/compile/planning.h"

namespace cudet {

StepPlan plan_step(const Step& step, const Target& target) {
  if (const auto* op = std::get_if<Conv2dInt8>(&step)) return conv2d_int8_cpu_plan(*op);
  if (const auto* op = std::get_if<ConvDySample>(&step); op && target.cuda)
    return conv_dysample_plan(*op, target.multiprocessors);
  const Conv2d* conv = convolution(step);  // on the CPU a ConvDySample runs as its two operators
  if (!conv) return {};
  if (target.cuda) return conv2d_cuda_plan(*conv, target.multiprocessors);
  return conv2d_cpu_plan(*conv, target.threads);
}

}  // namespace cudet
