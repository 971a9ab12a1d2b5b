#include "runtime/cpu/executor.h"

namespace cudet {
namespace {

/// Runs an operator's CPU kernel.
struct CpuKernels {
  CpuExecutor& executor;
  const StepPlan& plan;
  const Memory& memory;

  void operator()(const Conv2d& op) const { run_planned(op, std::get<Conv2dCpuPlan>(plan)); }
  void operator()(const Conv2dInt8& op) const { run_planned(op, std::get<Conv2dInt8CpuPlan>(plan)); }
  void operator()(const MaxPool& op) const { run_tiles(op, max_pool_cpu); }
  void operator()(const MaxPoolChain& op) const {
    for (int i = 0; i < op.count; ++i) (*this)(op.step(i));
  }
  void operator()(const Upsample& op) const { run_tiles(op, upsample_cpu); }
  void operator()(const Copy& op) const { run_tiles(op, copy_cpu); }
  void operator()(const DySample& op) const { run_tiles(op, dysample_cpu); }
  void operator()(const ConvDySample& op) const {
    (*this)(op.conv);
    (*this)(op.sample);
  }
  void operator()(const DetectDecode& op) const { run_tiles(op, detect_decode_cpu); }
  void operator()(const Add& op) const { run_tiles(op, add_cpu); }
  void operator()(const Pad& op) const { run_tiles(op, pad_cpu); }
  void operator()(const ResizeBilinear& op) const { run_tiles(op, resize_bilinear_cpu); }
  void operator()(const ConvTranspose2d& op) const { run_tiles(op, conv_transpose2d_cpu); }

 private:
  template <class Op>
  void run_tiles(const Op& op, void (*kernel)(const Op&, const Memory&, int first, int last)) const {
    executor.pool().for_tiles(op.tiles(), [&](int first, int last) { kernel(op, memory, first, last); });
  }
  template <class Op, class Plan>
  void run_planned(const Op& op, const Plan& its_plan) const {
    executor.for_tiles(its_plan.tiles, memory, [&](const Memory& own, int first, int last) {
      its_plan.kernel->run(op, its_plan, own, first, last);
    });
  }
};

}  // namespace

void CpuExecutor::run(const Step& step, const StepPlan& plan, const Memory& memory) {
  std::visit(CpuKernels{*this, plan, memory}, step);
}

void CpuExecutor::run(const Program& program, const Memory& memory) {
  for (const Program::NamedStep& named : program.steps) run(named.step, named.plan, memory);
}

void run_reference_step(const Step& step, const Memory& memory) {
  std::visit([&](const auto& op) { run_reference(op, memory); }, step);
}

void run_reference(const Program& program, const Memory& memory) {
  for (const Program::NamedStep& named : program.steps) run_reference_step(named.step, memory);
}

}  // namespace cudet
