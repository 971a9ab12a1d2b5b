#include "apps/bench/cuda/machine.h"

#include <algorithm>
#include <cstdio>
#include <vector>

#include "apps/bench/cuda/clock.h"
#include "apps/bench/cuda/peak.h"
#include "apps/bench/machine/machine.h"
#include "apps/bench/report/sample_statistics.h"
#include "runtime/cuda/device.h"

namespace cudet::bench {
namespace {

constexpr int kRuns = 20;
constexpr double kWorkMilliseconds = 2;
constexpr std::size_t kCopyBytes = 256 << 20;  // larger than every cache

std::string device_name() {
  int ordinal = 0;
  cudaDeviceProp properties{};
  check(cudaGetDevice(&ordinal), "CUDA device");
  check(cudaGetDeviceProperties(&properties, ordinal), "CUDA device");
  return properties.name;
}

/// Measures the peak of the device as the fastest of several runs.
class Peaks {
 public:
  explicit Peaks(const CudaDevice& device)
      : on_{stream_.get(), device.multiprocessors, device.shared_bytes_per_block, nullptr, 0},
        sums_(static_cast<std::size_t>(device.multiprocessors) * kPeakBlocksPerMultiprocessor * kThreads *
              sizeof(float)) {}

  /// 1e9 operations per second. Appends the times of the runs, which do equal work, to `times`.
  double gflops(Type type, int runs, std::vector<double>& times) {
    int iterations = 1;
    double flops = 0;
    const auto run = [&] {
      return clock_.milliseconds(
          [&] { flops = multiply_adds_cuda(type, iterations, reinterpret_cast<float*>(sums_.data()), on_); });
    };
    run();  // loads the kernel
    while (runs > 1 && iterations < kMaxIterations && run() < kWorkMilliseconds) iterations *= 2;
    for (int i = 0; i < runs; ++i) times.push_back(run());
    return flops / quantile(times, 0) * 1e-6;
  }
  /// 1e9 bytes per second, reads plus writes.
  double bandwidth_gbs(std::size_t bytes, int runs) {
    const DeviceBuffer from(bytes), to(bytes);
    check(cudaMemsetAsync(from.data(), 0, bytes, stream_.get()), "memory");
    std::vector<double> times(static_cast<std::size_t>(runs));
    for (double& time : times)
      time = clock_.milliseconds([&] {
        check(cudaMemcpyAsync(to.data(), from.data(), bytes, cudaMemcpyDeviceToDevice, stream_.get()), "memory");
      });
    return 2 * static_cast<double>(bytes) / quantile(times, 0) * 1e-6;
  }

 private:
  static constexpr int kMaxIterations = 1 << 24;

  Stream stream_ = make_stream();
  CudaClock clock_{stream_.get()};
  CudaStream on_;
  DeviceBuffer sums_;
};

}  // namespace

std::string why_no_times(const std::string& device) {
  const bool fibers = device == "fibers";  // tests/simt
  if (!fibers && device.rfind("Emulated CUDA device", 0) != 0) return "";
  return std::string(fibers ? "fibers simulate" : "an emulator simulates") +
         " the GPU, so its times are meaningless; `make counts` tells what kernels execute";
}

std::string why_no_times() {
  return why_no_times(device_name());
}

void measure_cuda_machine(Machine& machine, Precision precision) {
  const CudaDevice device = find_cuda_device(precision);
  machine.gpu = device_name();
  const std::string no_times = why_no_times(machine.gpu);
  const int runs = no_times.empty() ? kRuns : 1;
  Peaks peaks(device);
  std::vector<double> times;
  machine.peak_gflops = peaks.gflops(precision == Precision::fp16 ? Type::f16 : Type::f32, runs, times);
  machine.bandwidth_gbs = peaks.bandwidth_gbs(no_times.empty() ? kCopyBytes : 1 << 20, runs);
  machine.noise = noise_of(times);
  if (!no_times.empty()) {
    machine.busy = no_times;
  } else if (machine.noise > kMaxSpread) {
    char line[100];
    std::snprintf(line, sizeof line, "equal work on the GPU varied by %.0f %%: there is other load",
                  100 * machine.noise);
    machine.busy = line;
  }
}

}  // namespace cudet::bench
