#include "runtime/cpu/executor.h"

#include "kernels/conv2d/cpu/kernels.h"
#include "kernels/conv2d_int8/cpu/kernels.h"

namespace cudet {
namespace {

/// Runs an operator's CPU kernel.
struct CpuKernels {
  CpuExecutor& executor;
  const Memory& memory;

  void operator()(const Conv2d& op) const { run_conv2d(op, conv2d_cpu_plan(op, executor.pool().threads())); }
  void operator()(const Conv2dInt8& op) const { run_conv2d(op, conv2d_int8_cpu_plan(op)); }
  void operator()(const MaxPool& op) const {
    executor.pool().for_tiles(op.tiles(), [&](int first, int last) { max_pool_cpu(op, memory, first, last); });
  }
  void operator()(const MaxPoolChain& op) const {
    for (int i = 0; i < op.count; ++i) (*this)(op.step(i));
  }
  void operator()(const Upsample& op) const {
    executor.pool().for_tiles(op.tiles(), [&](int first, int last) { upsample_cpu(op, memory, first, last); });
  }
  void operator()(const Copy& op) const {
    executor.pool().for_tiles(op.tiles(), [&](int first, int last) { copy_cpu(op, memory, first, last); });
  }
  void operator()(const DySample& op) const {
    executor.pool().for_tiles(op.tiles(), [&](int first, int last) { dysample_cpu(op, memory, first, last); });
  }
  void operator()(const ConvDySample& op) const {
    (*this)(op.conv);
    (*this)(op.sample);
  }
  void operator()(const DetectDecode& op) const {
    executor.pool().for_tiles(op.tiles(), [&](int first, int last) { detect_decode_cpu(op, memory, first, last); });
  }

  template <class Op, class Plan>
  void run_conv2d(const Op& op, const Plan& plan) const {
    executor.for_tiles(plan.tiles, memory,
                       [&](const Memory& own, int first, int last) { plan.kernel->run(op, plan, own, first, last); });
  }
};

}  // namespace

void CpuExecutor::run(const Step& step, const Memory& memory) {
  std::visit(CpuKernels{*this, memory}, step);
}

void CpuExecutor::run(const Program& program, const Memory& memory) {
  for (const Program::NamedStep& named : program.steps) run(named.step, memory);
}

void run_reference_step(const Step& step, const Memory& memory) {
  std::visit([&](const auto& op) { run_reference(op, memory); }, step);
}

void run_reference(const Program& program, const Memory& memory) {
  for (const Program::NamedStep& named : program.steps) run_reference_step(named.step, memory);
}

}  // namespace cudet
