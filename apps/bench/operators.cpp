#include "apps/bench/operators.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>

#include "apps/bench/im2col.h"
#include "apps/bench/machine/clock.h"
#include "apps/bench/report/sample_statistics.h"
#include "apps/bench/steps.h"
#include "kernels/conv2d/cpu/kernels.h"
#include "runtime/cpu/executor.h"

namespace cudet::bench {
namespace {

constexpr double kMaxReferenceMs = 1000;       // for all runs of the reference
constexpr double kMaxReferenceFlops = 1e9;     // of one run: about a second
constexpr double kMaxComparisons = 2e10;       // of a pooling, which is run as a whole: half a minute
constexpr double kMaxMatrixFloats = 64 << 20;  // of im2col

std::size_t element_count(const Tensor& t) {
  return t.pixel(t.n, 0, 0);
}
std::size_t end(const Tensor& t) {
  return t.offset + element_count(t) * sizeof(float);
}

/// A fast generator of values in (-1, 1).
class Random {
 public:
  void fill(float* values, std::size_t count, float scale = 1) {
    for (std::size_t i = 0; i < count; ++i) {
      state_ = state_ * 1664525u + 1013904223u;
      values[i] = scale * (static_cast<float>(state_ >> 8) * 0x1p-23f - 1);
    }
  }

 private:
  std::uint32_t state_ = 1;
};

/// A step's memory: inputs, outputs, and weights packed for the reference and for each of the CPU's kernels.
class Operands {
 public:
  explicit Operands(const Step& step) : outputs_(step_info(step).outputs) {
    const std::vector<Tensor> given = step_info(step).inputs;
    std::size_t bytes = 0;
    for (const Tensor& t : given) bytes = std::max(bytes, end(t));
    for (const Tensor& t : outputs_) bytes = std::max(bytes, end(t));
    arena_ = Buffer(bytes);
    Random random;
    for (const Tensor& t : given) random.fill(arena_data<float>({arena_.data(), nullptr}, t), element_count(t));
    if (const Conv2d* conv = convolution(step)) make_weights(*conv, random);
    if (const auto* conv = std::get_if<ConvTranspose2d>(&step)) make_weights(*conv, random);
  }

  Memory plain() const { return {arena_.data(), plain_.data()}; }
  /// For the kernel that the CPU executor uses: the first that supports the convolution.
  Memory packed() const { return {arena_.data(), packed_.empty() ? nullptr : packed_.front().weights.data()}; }
  /// For one of the kernels that support the convolution.
  Memory packed(const Conv2dCpuKernel& kernel) const {
    const auto matches = [&](const Packed& packed) { return packed.kernel == &kernel; };
    return {arena_.data(), std::find_if(packed_.begin(), packed_.end(), matches)->weights.data()};
  }
  /// Fills the outputs with NaN, so that elements that a kernel does not write are noticed.
  void clear_outputs() const {
    for (const Tensor& t : outputs_) std::memset(arena_.data() + t.offset, 0xff, end(t) - t.offset);
  }

 private:
  struct Packed {
    const Conv2dCpuKernel* kernel;  // null if the operator has only one
    Buffer weights;
  };

  static float* floats(const Buffer& buffer, const Tensor& t) {
    return reinterpret_cast<float*>(buffer.data() + t.offset);
  }
  /// Fills the plain weight and bias of a convolution, transposed or not.
  template <class Conv>
  void fill_plain(const Conv& conv, Random& random) {
    plain_ = Buffer(end(conv.bias));
    const float depth = static_cast<float>(element_count(conv.weight)) / static_cast<float>(conv.y.c);
    random.fill(floats(plain_, conv.weight), element_count(conv.weight),
                std::sqrt(3 / depth));  // outputs have the magnitude of inputs
    random.fill(floats(plain_, conv.bias), element_count(conv.bias));
  }
  /// Returns weights with a copy of the plain bias, for a kernel to pack its weight into.
  template <class Conv>
  Buffer& add_packed(const Conv& conv, const Conv2dCpuKernel* kernel) {
    Buffer& weights = packed_.emplace_back(Packed{kernel, Buffer(end(conv.bias))}).weights;
    std::copy_n(floats(plain_, conv.bias), element_count(conv.bias), floats(weights, conv.bias));
    return weights;
  }

  void make_weights(const Conv2d& conv, Random& random) {
    fill_plain(conv, random);
    for (const Conv2dCpuKernel* kernel : kConv2dCpuKernels) {
      if (!kernel->supports(conv)) continue;
      kernel->pack(conv, floats(plain_, conv.weight), floats(add_packed(conv, kernel), conv.weight));
    }
  }
  void make_weights(const ConvTranspose2d& conv, Random& random) {
    fill_plain(conv, random);
    conv_transpose2d_pack(conv, floats(plain_, conv.weight), add_packed(conv, nullptr).data() + conv.weight.offset);
  }

  std::vector<Tensor> outputs_;
  Buffer arena_, plain_;
  std::vector<Packed> packed_;
};

using Kernel = std::function<void()>;

Kernel make_cpu(const Step& step, const Operands& operands, CpuExecutor& executor) {
  const StepPlan plan = plan_step(step, {.threads = executor.pool().threads()});
  return [&step, &executor, plan, memory = operands.packed()] { executor.run(step, plan, memory); };
}

/// One of the convolution's kernels, whether or not the executor would use it.
Kernel make_conv2d(const Conv2dCpuKernel& kernel, const Conv2d& op, const Operands& operands, CpuExecutor& executor) {
  const Conv2dCpuPlan plan = kernel.plan(op, executor.pool().threads());
  return [&op, &executor, plan, memory = operands.packed(kernel)] {
    executor.for_tiles(plan.tiles, memory,
                       [&](const Memory& own, int first, int last) { plan.kernel->run(op, plan, own, first, last); });
  };
}

Kernel make_im2col(const Conv2d& op, const Operands& operands, CpuExecutor& executor) {
  const auto matrix = std::make_shared<Buffer>(static_cast<std::size_t>(im2col_floats(op)) * sizeof(float));
  return [&op, &executor, memory = operands.packed(conv2d_cpu_direct), matrix] {
    executor.pool().for_tiles(im2col_tiles(op), [&](int first, int last) {
      conv2d_im2col(op, memory, reinterpret_cast<float*>(matrix->data()), first, last);
    });
  };
}

bool im2col_supports(const Conv2d& op) {
  return op.groups == 1 && im2col_floats(op) <= kMaxMatrixFloats;
}

struct NamedKernel {
  std::string name;
  Kernel run;
};

/// The kernels to compare with the reference.
std::vector<NamedKernel> candidates(const Step& step, const Operands& operands, CpuExecutor& executor) {
  const auto* conv = std::get_if<Conv2d>(&step);
  if (!conv) return {{"cpu", make_cpu(step, operands, executor)}};
  std::vector<NamedKernel> all;
  for (const Conv2dCpuKernel* kernel : kConv2dCpuKernels)
    if (kernel->supports(*conv)) all.push_back({kernel->name, make_conv2d(*kernel, *conv, operands, executor)});
  std::reverse(all.begin(), all.end());  // general kernels first
  if (im2col_supports(*conv)) all.push_back({"im2col", make_im2col(*conv, operands, executor)});
  return all;
}

/// Returns the part of a convolution that the reference computes in about a second: all of it, its first rows, or the
/// first pixels of its first row.
template <class Conv>
Conv reference_part(Conv part, double flops) {
  const double flops_per_pixel = flops / part.y.n / part.y.h / part.y.w;
  const int pixels = static_cast<int>(std::max(kMaxReferenceFlops / flops_per_pixel, 1.0));
  part.y.n = 1;
  part.y.h = std::min(std::max(pixels / part.y.w, 1), part.y.h);
  if (part.y.h == 1) part.y.w = std::min(pixels, part.y.w);
  return part;
}
Step reference_part(const Step& step) {
  const double flops = step_info(step).flops;
  if (flops <= kMaxReferenceFlops) return step;
  if (const auto* conv = std::get_if<Conv2d>(&step)) return reference_part(*conv, flops);
  if (const auto* conv = std::get_if<ConvTranspose2d>(&step)) return reference_part(*conv, flops);
  return step;
}

/// Throws Error for a pooling whose window is so large that the reference would take more than half a minute.
void check_window(const Step& step) {
  const auto check = [&](const Tensor& y, double windows, int kernel) {
    if (windows * static_cast<double>(element_count(y)) * kernel * kernel > kMaxComparisons)
      throw Error(std::string(step_name(step)) + " " + shape_text(step) +
                  ": the window is too large for the reference, which compares all of its values");
  };
  if (const auto* pool = std::get_if<MaxPool>(&step)) check(pool->y, 1, pool->kernel);
  if (const auto* chain = std::get_if<MaxPoolChain>(&step)) check(chain->y[0], chain->count, chain->kernel);
}

/// The reference's outputs of a step, and its times.
struct Reference {
  Reference(const Step& step, const Operands& operands, int runs) {
    const auto start = Clock::now();
    do {
      const auto run = Clock::now();
      run_reference_step(step, operands.plain());
      samples_ms.push_back(milliseconds_since(run));
    } while (static_cast<int>(samples_ms.size()) < runs && milliseconds_since(start) < kMaxReferenceMs);
    tensors = step_info(step).outputs;
    for (const Tensor& t : tensors) {
      values.emplace_back(element_count(t) * sizeof(float));
      std::memcpy(values.back().data(), arena_data<float>(operands.plain(), t), values.back().bytes());
    }
  }
  double error(const Memory& got) const {
    double error = 0;
    for (std::size_t i = 0; i < tensors.size(); ++i)
      error =
          std::max(error, relative_error(arena_data<float>(got, tensors[i]),
                                         reinterpret_cast<const float*>(values[i].data()), element_count(tensors[i])));
    return error;
  }

  std::vector<double> samples_ms;
  std::vector<Tensor> tensors;
  std::vector<Buffer> values;
};

}  // namespace

double relative_error(const float* got, const float* want, std::size_t count) {
  constexpr double infinite = std::numeric_limits<double>::infinity();
  double difference = 0, magnitude = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const double distance = std::abs(static_cast<double>(got[i]) - want[i]);
    if (std::isnan(distance)) return infinite;
    difference = std::max(difference, distance);
    magnitude = std::max(magnitude, std::abs(static_cast<double>(want[i])));
  }
  return difference == 0 ? 0 : magnitude == 0 ? infinite : difference / magnitude;
}

std::vector<Measurement> measure_operator(const Step& step, int threads, int warmup, int runs, const Machine& machine) {
  check_window(step);
  const Operands operands(step);
  CpuExecutor executor(threads);
  const Step part = reference_part(step);
  const Reference reference(part, operands, runs);
  std::vector<Measurement> measured;
  if (step_info(part).outputs == step_info(step).outputs)
    measured.push_back(make_measurement("reference", step, summarize(reference.samples_ms), machine));
  for (const NamedKernel& candidate : candidates(step, operands, executor)) {
    operands.clear_outputs();
    candidate.run();
    const double error = reference.error(operands.packed());
    std::vector<double> samples;
    for (int run = -warmup; run < runs; ++run) {
      const auto start = Clock::now();
      candidate.run();
      const double time = milliseconds_since(start);
      if (run >= 0) samples.push_back(time);
    }
    measured.push_back(make_measurement(candidate.name, step, summarize(std::move(samples)), machine));
    measured.back().error = error;
  }
  return measured;
}

}  // namespace cudet::bench
