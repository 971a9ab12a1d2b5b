#include "runtime/compile/planning.h"

namespace cudet {
namespace {

/// An operator either has tiles(), which follow from its sizes, or needs an overload here.
struct Planner {
  const Target& target;

  StepPlan operator()(const Conv2d& op) const {
    if (target.cuda) return conv2d_cuda_plan(op, target.multiprocessors);
    return conv2d_cpu_plan(op, target.threads);
  }
  StepPlan operator()(const Conv2dInt8& op) const { return conv2d_int8_cpu_plan(op); }
  StepPlan operator()(const MaxPoolChain&) const { return {}; }
  StepPlan operator()(const ConvDySample& op) const {
    if (target.cuda) return conv_dysample_plan(op, target.multiprocessors);
    return (*this)(op.conv);  // on the CPU it runs as its two operators
  }
  template <class Op>
  requires requires(const Op& op) { op.tiles(); }
  StepPlan operator()(const Op&) const { return {}; }
};

}  // namespace

StepPlan plan_step(const Step& step, const Target& target) {
  return std::visit(Planner{target}, step);
}

}  // namespace cudet
