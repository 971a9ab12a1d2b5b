// Convolution in two dimensions, with all that follows it in YOLOv8: bias, SiLU, residual.
#pragma once
#include "kernels/tensor.h"

namespace cudet {

enum class Activation : unsigned char { none, silu };

/// y(i, v, u, k) = act(bias(k) + sum over r, s, c of weight(k, r, s, c) * x(i, v·stride.h − pad.h + r·dilation.h,
///                 u·stride.w − pad.w + s·dilation.w, k's group · C/groups + c)) + residual(i, v, u, k)
/// with x = 0 outside of the picture, act(t) = t or t·σ(t). As torch.nn.Conv2d, zero padded.
struct Conv2d {
  Tensor x;         // N, H, W, C
  Tensor y;         // N, V, U, K; V = (H + 2 pad.h − dilation.h (R − 1) − 1) / stride.h + 1 >= 1, U alike
  Tensor residual;  // N, V, U, K, only where `add`; neither it nor x may overlap y
  Tensor weight;    // weights; K, R, S, C/groups for the reference, packed for the CPU (conv2d_cpu_pack), both f32, or
                    // packed for CUDA in x's type (conv2d_cuda_pack)
  Tensor bias;      // weights, f32; 1, 1, 1, K
  Extent kernel, stride, pad, dilation;  // kernel: R, S
  int groups;                            // divides C and K; group g of x's channels makes group g of y's
  Activation activation;
  bool add;
};

/// Floats of the packed weights: a function of K = op.y.c, C = op.x.c, op.kernel, op.stride, op.dilation and op.groups
/// alone, as are their order and which kernel reads them.
std::size_t conv2d_cpu_packed_floats(const Conv2d& op);
/// Packs weights of layout K, R, S, C/groups into the order in which conv2d_cpu reads them, the same for every
/// instruction set. Best 64-byte aligned, in memory too.
void conv2d_cpu_pack(const Conv2d& op, const float* weight, float* packed);
/// The CPU's tiles for so many threads: a run of an image's output by blocks of output channels (cpu_tiling.h);
/// independent of each other. Neighbouring tiles read the same weights or the same input. `threads`, at least 1, has to
/// be the same for conv2d_cpu. y depends neither on it, nor on how the tiles are divided among calls, nor on their
/// order.
int conv2d_cpu_tiles(const Conv2d& op, int threads);

void run_reference(const Conv2d&, const Memory&);  // f32; double sums
/// f32; tiles [first, last) of those for so many threads, in Memory::scratch. Winograd's kernel where there is one
/// (conv2d_cpu_has_winograd), else the direct one.
void conv2d_cpu(const Conv2d&, const Memory&, int threads, int first, int last);

/// Implicit GEMM. Error: as a sum of floats in some order. Packed weights: group, block of 16 output channels, R, S,
/// C/groups, channel of the block; a group's last block is filled up with zeros.
std::size_t conv2d_cpu_direct_floats(const Conv2d& op);
void conv2d_cpu_direct_pack(const Conv2d& op, const float* weight, float* packed);
int conv2d_cpu_direct_tiles(const Conv2d& op, int threads);
void conv2d_cpu_direct(const Conv2d&, const Memory&, int threads, int first, int last);
/// Winograd's algorithm on patches of 4×4 outputs, for kernels of 3×3 with stride 1, or 2 from 32 channels on, dilation
/// and groups 1, and C a multiple of 16. Error: some ten times the other's, with stride 2 three times. A NaN or an
/// infinity of the input may reach all outputs of the patches that it is read for. Works in Memory::scratch.
bool conv2d_cpu_has_winograd(const Conv2d& op);
/// Packed weights: block of 16 output channels, 36 transformed ones, C, channel of the block. Where the convolution
/// keeps its taps (cpu_tiling.h) they take a quarter of that: block, C, 9 taps, channel of the block.
std::size_t conv2d_cpu_winograd_floats(const Conv2d& op);
void conv2d_cpu_winograd_pack(const Conv2d& op, const float* weight, float* packed);
int conv2d_cpu_winograd_tiles(const Conv2d& op, int threads);
void conv2d_cpu_winograd(const Conv2d&, const Memory&, int threads, int first, int last);

/// Bytes of the weights as conv2d_cuda reads them. They and their order (Conv2dPacking in cuda/plan.h) depend only on
/// the channels, kernel, stride, pad, dilation, groups and weight.type of `op`.
std::size_t conv2d_cuda_packed_bytes(const Conv2d& op);
/// Packs weights of layout K, R, S, C/groups. Throws Error if f16 cannot hold a weight.
void conv2d_cuda_pack(const Conv2d& op, const float* weight, std::byte* packed);
/// Floats of the bias on CUDA: K, then zeros up to whole blocks of output channels.
std::size_t conv2d_cuda_bias_floats(const Conv2d& op);
struct Conv2dCudaPlan;  // cuda/plan.h
/// Runs the convolution by a plan that conv2d_cuda_plan() made for it. x and weight are both f32 or both f16; the
/// residual has x's type; y has x's type or is f32. Sums are f32. Packed weight and bias start at multiples of 16
/// bytes; an image of a tensor has fewer than 2^31 elements. Throws Error if the stream has less scratch memory than
/// plan.scratch_bytes(), or if CUDA refuses the launch.
void conv2d_cuda(const Conv2d&, const Conv2dCudaPlan&, const Memory&, const CudaStream&);

}  // namespace cudet
