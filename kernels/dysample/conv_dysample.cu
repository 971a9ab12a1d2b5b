// Launches the fused convolution and sampling of conv_dysample_tile.cuh.
#include "kernels/dysample/conv_dysample_tile.cuh"

namespace cudet {
namespace {

template <class T, int channels>
__global__ void __launch_bounds__(kThreads, 4)
    conv_dysample_kernel(const __grid_constant__ ConvDySample op, const __grid_constant__ Memory memory,
                         const __grid_constant__ ConvDySamplePlan plan) {
  conv_dysample_tile<T, channels>(op, memory, plan, static_cast<int>(blockIdx.x));
}

template <class T, int channels>
void conv_dysample_launch(const ConvDySample& op, const Memory& memory, const ConvDySamplePlan& plan,
                          const CudaStream& on) {
  launch(ConvDySample::kName, on, plan.conv.blocks(), plan.shared_bytes, conv_dysample_kernel<T, channels>, op, memory,
         plan);
}

template <class T>
void conv_dysample_launch(const ConvDySample& op, const Memory& memory, const ConvDySamplePlan& plan,
                          const CudaStream& on) {
  conv2d_with_width<type_of<T>>(plan.conv.packing.channels_per_block, [&](auto width) {
    conv_dysample_launch<T, decltype(width)::value>(op, memory, plan, on);
  });
}

}  // namespace

void conv_dysample_cuda(const ConvDySample& op, const ConvDySamplePlan& plan, const Memory& memory,
                        const CudaStream& on) {
  op.sample.x.type == Type::f16 ? conv_dysample_launch<__half>(op, memory, plan, on)
                                : conv_dysample_launch<float>(op, memory, plan, on);
}

}  // namespace cudet
