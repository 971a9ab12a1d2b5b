// 2-D convolution with the operations that follow it in YOLOv8: bias, activation, residual.
#pragma once
#include "kernels/activation.h"
#include "kernels/step_info.h"
#include "kernels/tensor.h"

namespace cudet {

/// y(i, v, u, k) = act(bias(k) + sum over r, s, c of weight(k, r, s, c) * x(i, v·stride.h − pad.h + r·dilation.h,
///                 u·stride.w − pad.w + s·dilation.w, k's group · C/groups + c)) + residual(i, v, u, k)
/// with x = 0 outside of the image; act is one of activation.h. Equals torch.nn.Conv2d with zero padding.
struct Conv2d {
  static constexpr const char* kName = "conv2d";
  Tensor x;  // N, H, W, C
  Tensor y;  // N, V, U, K; V = (H + 2 pad.h − dilation.h (R − 1) − 1) / stride.h + 1 >= 1, U by the same formula
  Tensor residual;  // N, V, U, K, used only if `add`; neither it nor x may overlap y
  Tensor weight;    // weights; for the reference f32 of layout K, R, S, C/groups; for the CPU f32, packed by the kernel
                    // that runs (Conv2dCpuKernel::pack); for CUDA of x's type, packed by conv2d_cuda_pack
  Tensor bias;      // weights, f32; 1, 1, 1, K
  Extent kernel, stride, pad, dilation;  // kernel: R, S
  int groups;                            // divides C and K; group g of y's channels reads group g of x's
  Activation activation;
  bool add;
  float slope;  // of leaky_relu

  ActivationFunction function() const { return {activation, slope}; }
};

void run_reference(const Conv2d&, const Memory&);  // f32, summed in double

// The CPU's kernels are in kernels/conv2d/cpu/kernels.h.

/// Bytes of the weights as packed for conv2d_cuda. The size and the order (Conv2dPacking in cuda/plan.h) depend only on
/// the channels, kernel, stride, pad, dilation, groups and weight.type of `op`.
std::size_t conv2d_cuda_packed_bytes(const Conv2d& op);
/// Packs weights of layout K, R, S, C/groups. Throws Error if f16 cannot hold a weight.
void conv2d_cuda_pack(const Conv2d& op, const float* weight, std::byte* packed);
/// Floats of the bias on CUDA: K values, then zeros up to a whole number of blocks of output channels.
std::size_t conv2d_cuda_bias_floats(const Conv2d& op);
struct Conv2dCudaPlan;  // cuda/plan.h
/// Runs the convolution by a plan that conv2d_cuda_plan() made for it. x and weight are both f32 or both f16; the
/// residual has x's type; y has x's type or is f32. Sums are f32. Packed weight and bias start at multiples of 16
/// bytes; an image of a tensor has fewer than 2^31 elements. Throws Error if the stream has less scratch memory than
/// plan.scratch_bytes(), or if CUDA refuses the launch.
void conv2d_cuda(const Conv2d&, const Conv2dCudaPlan&, const Memory&, const CudaStream&);

StepInfo describe(const Conv2d&);
void parse_shape(ShapeParser&, Conv2d&);
/// Lays out all tensors except x. The attributes must be set. Throws Error if there are no outputs.
void lay_out(ShapeParser&, long channels, Conv2d&);

}  // namespace cudet
