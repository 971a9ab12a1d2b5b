#include "runtime/cuda/executor.h"

#include <algorithm>

#include "kernels/conv2d/cuda/plan.h"
#include "kernels/dysample/conv_dysample_plan.h"

namespace cudet {
namespace {

struct CudaKernels {
  const Memory& memory;
  const CudaStream& on;

  void operator()(const Conv2d& op) const {
    const std::size_t scratch = on.scratch ? on.scratch_bytes : 0;
    conv2d_cuda(op, conv2d_cuda_plan(op, on.multiprocessors, std::min(scratch, kConv2dScratchLimit)), memory, on);
  }
  void operator()(const Conv2dInt8&) const { throw Error("8 bits are for the CPU alone"); }
  void operator()(const MaxPool& op) const { max_pool_cuda(op, memory, on); }
  void operator()(const MaxPoolChain& op) const { max_pool_chain_cuda(op, memory, on); }
  void operator()(const Upsample& op) const { upsample_cuda(op, memory, on); }
  void operator()(const Copy& op) const { copy_cuda(op, memory, on); }
  void operator()(const DySample& op) const { dysample_cuda(op, memory, on); }
  void operator()(const ConvDySample& op) const {
    conv_dysample_cuda(op, conv_dysample_plan(op, on.multiprocessors), memory, on);
  }
  void operator()(const DetectDecode& op) const { detect_decode_cuda(op, memory, on); }
};

}  // namespace

void run_on_cuda(const Program::NamedStep& named, const Memory& memory, const CudaStream& on) {
  try {
    std::visit(CudaKernels{memory, on}, named.step);
  } catch (const Error& error) {
    throw Error(named.name + ": " + error.what());
  }
}

}  // namespace cudet
