#include "apps/bench/cuda/cudnn.h"

#include "kernels/error.h"

#ifdef CUDET_CUDNN
#include <cuda_fp16.h>
#include <cudnn.h>
#include <dlfcn.h>

#include <cstring>
#include <random>
#include <vector>

#include "runtime/cuda/handles.h"

namespace cudet::bench {
namespace {

constexpr std::size_t kWorkspaceBytes = 256 << 20;

/// Loads the library and calls its functions by name. The library is never unloaded, because it has its own threads.
class Library {
 public:
  Library() : handle_(dlopen(kName.c_str(), RTLD_NOW | RTLD_LOCAL)) {
    if (!handle_) throw Error(kName + " cannot be loaded");
  }

  /// Calls the function of this name and type.
  template <class Function, class... Args>
  cudnnStatus_t status(const char* name, Args... args) const {
    const auto function = reinterpret_cast<Function*>(dlsym(handle_, name));
    return function ? function(args...) : CUDNN_STATUS_NOT_SUPPORTED;
  }
  /// As status(), but throws Error if the function is missing or fails.
  template <class Function, class... Args>
  void call(const char* name, Args... args) const {
    if (const cudnnStatus_t error = status<Function>(name, args...); error != CUDNN_STATUS_SUCCESS)
      throw Error(std::string(name) + ": cuDNN error " + std::to_string(static_cast<int>(error)));
  }

 private:
  inline static const std::string kName = "libcudnn.so." + std::to_string(CUDNN_MAJOR);
  void* handle_;
};

#define CUDNN(library, function, ...) (library).call<decltype(function)>(#function, __VA_ARGS__)

/// Random values in (-1, 1). With zeros a device would run faster.
DeviceBuffer random_values(std::size_t count, Type type) {
  std::mt19937 random(1);
  std::uniform_real_distribution<float> draw(-1, 1);
  std::vector<std::byte> bytes(count * size_of(type));
  for (std::size_t i = 0; i < count; ++i) {
    const float value = draw(random);
    const __half half = __float2half_rn(value);
    std::memcpy(bytes.data() + i * size_of(type), type == Type::f32 ? static_cast<const void*>(&value) : &half,
                size_of(type));
  }
  DeviceBuffer buffer(bytes.size());
  check(cudaMemcpy(buffer.data(), bytes.data(), bytes.size(), cudaMemcpyHostToDevice), "data to the device");
  check(cudaDeviceSynchronize(), "data to the device");  // it may return before the copy; other streams do not wait
  return buffer;
}

std::size_t element_count(const Tensor& t) {
  return static_cast<std::size_t>(t.n) * t.h * t.w * t.c;
}

const char* algorithm_name(cudnnConvolutionFwdAlgo_t algorithm) {
  constexpr const char* kNames[CUDNN_CONVOLUTION_FWD_ALGO_COUNT] = {
      "IMPLICIT_GEMM", "IMPLICIT_PRECOMP_GEMM", "GEMM", "DIRECT", "FFT", "FFT_TILING", "WINOGRAD", "WINOGRAD_NONFUSED"};
  return kNames[algorithm];
}

}  // namespace

struct Cudnn::Impl {
  explicit Impl(cudaStream_t stream) {
    CUDNN(library, cudnnCreate, &handle);
    CUDNN(library, cudnnSetStream, handle, stream);
    CUDNN(library, cudnnCreateTensorDescriptor, &x);
    CUDNN(library, cudnnCreateTensorDescriptor, &y);
    CUDNN(library, cudnnCreateFilterDescriptor, &weight);
    CUDNN(library, cudnnCreateConvolutionDescriptor, &conv);
    workspace = DeviceBuffer(kWorkspaceBytes);
  }
  ~Impl() {  // failures are ignored, as a destructor cannot report them
    library.status<decltype(cudnnDestroyConvolutionDescriptor)>("cudnnDestroyConvolutionDescriptor", conv);
    library.status<decltype(cudnnDestroyFilterDescriptor)>("cudnnDestroyFilterDescriptor", weight);
    library.status<decltype(cudnnDestroyTensorDescriptor)>("cudnnDestroyTensorDescriptor", y);
    library.status<decltype(cudnnDestroyTensorDescriptor)>("cudnnDestroyTensorDescriptor", x);
    library.status<decltype(cudnnDestroy)>("cudnnDestroy", handle);
  }
  Impl(const Impl&) = delete;  // owns the handles
  Impl& operator=(const Impl&) = delete;

  Library library;
  cudnnHandle_t handle = nullptr;
  cudnnTensorDescriptor_t x = nullptr, y = nullptr;
  cudnnFilterDescriptor_t weight = nullptr;
  cudnnConvolutionDescriptor_t conv = nullptr;
  cudnnConvolutionFwdAlgo_t algorithm{};
  DeviceBuffer x_data, y_data, weight_data, workspace;
};

std::string Cudnn::prepare(const Conv2d& op) {
  Impl& i = *impl_;
  const cudnnDataType_t type = op.x.type == Type::f16 ? CUDNN_DATA_HALF : CUDNN_DATA_FLOAT;
  const int c = op.x.c / op.groups;
  CUDNN(i.library, cudnnSetTensor4dDescriptor, i.x, CUDNN_TENSOR_NHWC, type, op.x.n, op.x.c, op.x.h, op.x.w);
  CUDNN(i.library, cudnnSetTensor4dDescriptor, i.y, CUDNN_TENSOR_NHWC, type, op.y.n, op.y.c, op.y.h, op.y.w);
  CUDNN(i.library, cudnnSetFilter4dDescriptor, i.weight, type, CUDNN_TENSOR_NHWC, op.y.c, c, op.kernel.h, op.kernel.w);
  CUDNN(i.library, cudnnSetConvolution2dDescriptor, i.conv, op.pad.h, op.pad.w, op.stride.h, op.stride.w, op.dilation.h,
        op.dilation.w, CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT);
  CUDNN(i.library, cudnnSetConvolutionGroupCount, i.conv, op.groups);
  CUDNN(i.library, cudnnSetConvolutionMathType, i.conv, op.x.type == Type::f16 ? CUDNN_TENSOR_OP_MATH : CUDNN_FMA_MATH);
  i.x_data = random_values(element_count(op.x), op.x.type);
  i.weight_data = random_values(static_cast<std::size_t>(op.y.c) * op.kernel.h * op.kernel.w * c, op.x.type);
  i.y_data = DeviceBuffer(element_count(op.y) * size_of(op.x.type));
  cudnnConvolutionFwdAlgoPerf_t found[CUDNN_CONVOLUTION_FWD_ALGO_COUNT] = {};  // the fastest first
  int count = 0;
  CUDNN(i.library, cudnnFindConvolutionForwardAlgorithmEx, i.handle, i.x, i.x_data.data(), i.weight,
        i.weight_data.data(), i.conv, i.y, i.y_data.data(), CUDNN_CONVOLUTION_FWD_ALGO_COUNT, &count, found,
        i.workspace.data(), kWorkspaceBytes);
  if (count == 0 || found[0].status != CUDNN_STATUS_SUCCESS) throw Error("cuDNN has no algorithm for this convolution");
  i.algorithm = found[0].algo;
  CUDNN(i.library, cudnnSetConvolutionMathType, i.conv, found[0].mathType);
  return algorithm_name(i.algorithm);
}

void Cudnn::run() {
  Impl& i = *impl_;
  const float one = 1, zero = 0;
  CUDNN(i.library, cudnnConvolutionForward, i.handle, &one, i.x, i.x_data.data(), i.weight, i.weight_data.data(),
        i.conv, i.algorithm, i.workspace.data(), kWorkspaceBytes, &zero, i.y, i.y_data.data());
}

}  // namespace cudet::bench

#else

namespace cudet::bench {

struct Cudnn::Impl {
  explicit Impl(cudaStream_t) { throw Error("this build has no cuDNN"); }
};

std::string Cudnn::prepare(const Conv2d&) {
  return "";
}
void Cudnn::run() {}

}  // namespace cudet::bench
#endif

namespace cudet::bench {

Cudnn::Cudnn(cudaStream_t stream) : impl_(std::make_unique<Impl>(stream)) {}
Cudnn::~Cudnn() = default;
Cudnn::Cudnn(Cudnn&&) noexcept = default;
Cudnn& Cudnn::operator=(Cudnn&&) noexcept = default;

}  // namespace cudet::bench
