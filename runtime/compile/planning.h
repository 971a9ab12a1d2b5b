// Plans: how an executor divides each step's work. They are made once per Program; running it only reads them.
#pragma once
#include <limits>
#include <variant>

#include "kernels/conv2d/cpu/kernels.h"
#include "kernels/conv2d/cuda/plan.h"
#include "kernels/conv2d_int8/cpu/kernels.h"
#include "kernels/dysample/conv_dysample_plan.h"
#include "runtime/step.h"

namespace cudet {

/// The executor that a Program is compiled for.
struct Target {
  /// Element type of activations and convolution weights. Offset maps of DySample and the output are always f32. u8
  /// needs a quantised graph; Detect's inputs are then f32.
  Type type = Type::f32;
  /// For CUDA: steps are fused (fusion.h), and every pixel except the output's starts at a multiple of 16 bytes, or of
  /// 4 elements if it has at most 4 channels.
  bool cuda = false;
  int threads = 1;                                                  // of the CPU
  int multiprocessors = 1;                                          // of the CUDA device
  std::size_t max_bytes = std::numeric_limits<std::size_t>::max();  // of the arena
  int inputs = 1;                                                   // on CUDA: 2 if two batches can be in flight
  std::size_t input_bytes = 0;                                      // on CUDA: minimum of Program::input_bytes
};

/// The plan of a step, or std::monostate if its kernel needs none because the tiles follow from the tensors' sizes.
using StepPlan = std::variant<std::monostate, Conv2dCpuPlan, Conv2dInt8CpuPlan, Conv2dCudaPlan, ConvDySamplePlan>;

/// Plans a step for the target's executor, which reads the plan in every run.
StepPlan plan_step(const Step& step, const Target& target);

}  // namespace cudet
