// Runs CUTLASS's implicit GEMM, without activation, on the same device as convolutions.cpp, to compare instruction
// counts with a good library's. Needs CUTLASS's headers (PyPI: nvidia-cutlass), and nothing of cudet.
//
//   cutlass TILE ROWS COLUMNS C K KERNEL      TILE: 0 for 128x64x32, 1 for 64x64x64; stride 1, f16, sums in f32
#include <cutlass/conv/conv2d_problem_size.h>
#include <cutlass/conv/convolution.h>
#include <cutlass/conv/device/implicit_gemm_convolution.h>
#include <cutlass/conv/kernel/default_conv2d_fprop.h>
#include <cutlass/epilogue/thread/linear_combination.h>

#include <cstdio>
#include <cstdlib>

namespace {

template <class Block, class Warp, int stages>
int run(int rows, int columns, int c, int k, int kernel) {
  using Half = cutlass::half_t;
  using Layout = cutlass::layout::TensorNHWC;
  using Epilogue = cutlass::epilogue::thread::LinearCombination<Half, 8, float, float>;
  using Kernel = typename cutlass::conv::kernel::DefaultConv2dFprop<
      Half, Layout, Half, Layout, Half, Layout, float, cutlass::arch::OpClassTensorOp, cutlass::arch::Sm80, Block, Warp,
      cutlass::gemm::GemmShape<16, 8, 16>, Epilogue, cutlass::gemm::threadblock::GemmIdentityThreadblockSwizzle<>,
      stages, cutlass::arch::OpMultiplyAdd, cutlass::conv::IteratorAlgorithm::kOptimized>::Kernel;
  using Convolution = cutlass::conv::device::ImplicitGemmConvolution<Kernel>;

  const int pad = kernel / 2;
  const cutlass::conv::Conv2dProblemSize problem(1, rows, columns, c, k, kernel, kernel, rows, columns, pad, pad, 1, 1,
                                                 1, 1, cutlass::conv::Mode::kCrossCorrelation);
  void *x = nullptr, *w = nullptr, *y = nullptr;
  const std::size_t pixels = static_cast<std::size_t>(rows) * columns, weights = std::size_t(k) * kernel * kernel * c;
  if (cudaMalloc(&x, 2 * pixels * c) != cudaSuccess || cudaMalloc(&w, 2 * weights) != cudaSuccess ||
      cudaMalloc(&y, 2 * pixels * k) != cudaSuccess)
    return 1;
  cudaMemset(x, 0, 2 * pixels * c);
  cudaMemset(w, 0, 2 * weights);
  cudaMemset(y, 0, 2 * pixels * k);
  const auto tensor = [&](void* data, int h, int width, int channels) {
    return cutlass::TensorRef<Half, Layout>(static_cast<Half*>(data), Layout::packed({1, h, width, channels}));
  };
  const cutlass::TensorRef<Half, Layout> filter(static_cast<Half*>(w), Layout::packed({k, kernel, kernel, c}));
  typename Convolution::Arguments arguments(problem, tensor(x, rows, columns, c), filter, tensor(y, rows, columns, k),
                                            tensor(y, rows, columns, k), {1.0f, 0.0f});
  Convolution convolution;
  if (convolution.can_implement(arguments) != cutlass::Status::kSuccess ||
      convolution.initialize(arguments) != cutlass::Status::kSuccess || convolution() != cutlass::Status::kSuccess ||
      cudaDeviceSynchronize() != cudaSuccess) {
    std::fprintf(stderr, "cutlass: cannot run this convolution\n");
    return 1;
  }
  cudaFree(x), cudaFree(w), cudaFree(y);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) return std::fprintf(stderr, "usage: cutlass TILE ROWS COLUMNS C K KERNEL\n"), 2;
  const auto number = [&](int i) { return std::atoi(argv[i]); };
  using cutlass::gemm::GemmShape;
  return number(1) == 0 ? run<GemmShape<128, 64, 32>, GemmShape<64, 32, 32>, 3>(number(2), number(3), number(4),
                                                                                number(5), number(6))
                        : run<GemmShape<64, 64, 64>, GemmShape<32, 32, 64>, 3>(number(2), number(3), number(4),
                                                                               number(5), number(6));
}
