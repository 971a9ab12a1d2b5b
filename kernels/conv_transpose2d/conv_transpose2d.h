// 2-D transposed convolution: upsampling with trained weights.
#pragma once
#include "kernels/step_info.h"
#include "kernels/vectors.h"

namespace cudet {

/// y(i, v, u, k) = bias(k) + sum over c in [0, C/groups) and over all r, s, h, w with
///                 v = h·stride.h − pad.h + r·dilation.h and u = w·stride.w − pad.w + s·dilation.w
///                 of weight(g·C/groups + c, k − g·K/groups, r, s) · x(i, h, w, g·C/groups + c)
/// where g = ⌊k / (K/groups)⌋. Equals torch.nn.ConvTranspose2d.
struct ConvTranspose2d {
  static constexpr const char* kName = "conv_transpose2d";
  Tensor x;  // N, H, W, C
  Tensor y;  // N, V, U, K; V = (H − 1) stride.h − 2 pad.h + dilation.h (R − 1) + 1 + output padding >= 1, U from W
             // in the same way; does not overlap x
  Tensor weight;  // weights, C, K/groups, R, S; for the reference f32 in that layout; for the CPU f32, for CUDA of x's
                  // type, both packed by conv_transpose2d_pack
  Tensor bias;    // weights, f32; 1, 1, 1, K
  Extent kernel, stride, pad, dilation;  // kernel: R, S
  int groups;                            // divides C and K

  /// One tile per row of y.
  CUDET_HD int tiles() const { return y.n * y.h; }
};

/// The order of packed weights: blocks of kBlock output channels of one group; in a block R, S, C/groups, channel.
/// Channels past the end of a group are zeros. So a vector of output channels is contiguous, and so are its weights for
/// all input channels of a tap.
struct ConvTranspose2dPacking {
  static constexpr int kBlock = 16;
  int c_per_group, k_per_group, blocks_per_group;
  Extent kernel;

  CUDET_HD explicit ConvTranspose2dPacking(const ConvTranspose2d& op)
      : c_per_group(op.x.c / op.groups),
        k_per_group(op.y.c / op.groups),
        blocks_per_group(ceil_div(k_per_group, kBlock)),
        kernel(op.kernel) {}
  /// Elements of a block.
  CUDET_HD std::size_t block_size() const {
    return static_cast<std::size_t>(kernel.h) * kernel.w * c_per_group * kBlock;
  }
  /// Index of the weight of output channel k for tap (r, s) and channel c of k's group.
  CUDET_HD std::size_t index(int k, int r, int s, int c) const {
    const int group = k / k_per_group, lane = k % k_per_group;
    const std::size_t block = static_cast<std::size_t>(group) * blocks_per_group + lane / kBlock;
    return block * block_size() + ((static_cast<std::size_t>(r) * kernel.w + s) * c_per_group + c) * kBlock +
           lane % kBlock;
  }
};

/// Returns the row (column) of x that tap `tap` multiplies for row (column) `at` of y, or -1 if there is none. size:
/// rows (columns) of x.
CUDET_HD inline int conv_transpose2d_source(int at, int tap, int stride, int pad, int dilation, int size) {
  const int distance = at + pad - tap * dilation;
  return distance >= 0 && distance % stride == 0 && distance / stride < size ? distance / stride : -1;
}

void run_reference(const ConvTranspose2d&, const Memory&);  // f32, summed in double

/// Bytes of the packed weights. They depend only on the channels, kernel, groups and weight.type of `op`.
std::size_t conv_transpose2d_packed_bytes(const ConvTranspose2d& op);
/// Packs weights of layout C, K/groups, R, S in op.weight.type. Throws Error if f16 cannot hold a weight.
void conv_transpose2d_pack(const ConvTranspose2d& op, const float* weight, std::byte* packed);

void conv_transpose2d_cpu(const ConvTranspose2d&, const Memory&, int first, int last);  // f32; tiles [first, last)
/// All f32, or all but the bias f16; sums are f32. Packed weights start at a multiple of 16 bytes.
void conv_transpose2d_cuda(const ConvTranspose2d&, const Memory&, const CudaStream&);

/// For CUDA: whether a thread computes a vector of 16 bytes, not a single element; and the map that the threads divide.
/// No vector is in two groups.
inline bool has_vectors(const ConvTranspose2d& op) {
  return vectorizable(op.y) && op.y.c / op.groups * size_of(op.y.type) % 16 == 0;
}
inline const Tensor& vector_map(const ConvTranspose2d& op) {
  return op.y;
}

StepInfo describe(const ConvTranspose2d&);
void parse_shape(ShapeParser&, ConvTranspose2d&);

}  // namespace cudet
