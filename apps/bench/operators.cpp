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
#include "apps/bench/work.h"
#include "apps/cli/shape.h"
#include "runtime/cpu/executor.h"

namespace cudet::bench {
namespace {

constexpr double kMostReferenceMs = 1000;       // for all of its runs
constexpr double kMostReferenceFlops = 1e9;     // of one: about a second
constexpr double kMostComparisons = 2e10;       // of a pooling's, which is not cut: half a minute
constexpr double kMostMatrixFloats = 64 << 20;  // of im2col

const Conv2d* convolution(const Step& step) {
  if (const auto* fused = std::get_if<ConvDySample>(&step)) return &fused->conv;
  return std::get_if<Conv2d>(&step);
}

std::vector<Tensor> inputs(const Step& step) {
  using Tensors = std::vector<Tensor>;
  return std::visit(Overloaded{[](const Conv2d& op) {
                                 return op.add ? Tensors{op.x, op.residual} : Tensors{op.x};
                               },
                               [](const Conv2dInt8& op) {
                                 return op.conv.add ? Tensors{op.conv.x, op.conv.residual} : Tensors{op.conv.x};
                               },
                               [](const DySample& op) {
                                 return Tensors{op.x, op.offset};
                               },
                               [](const ConvDySample& op) { return Tensors{op.sample.x}; },
                               [](const DetectDecode& op) {
                                 Tensors all;
                                 for (int i = 0; i < op.levels; ++i)
                                   all.insert(all.end(), {op.level[i].box, op.level[i].score});
                                 return all;
                               },
                               [](const auto& op) { return Tensors{op.x}; }},
                    step);
}

std::vector<Tensor> outputs(const Step& step) {
  using Tensors = std::vector<Tensor>;
  return std::visit(Overloaded{[](const Conv2dInt8& op) { return Tensors{op.conv.y}; },
                               [](const MaxPoolChain& op) { return Tensors(op.y, op.y + op.count); },
                               [](const ConvDySample& op) {
                                 return Tensors{op.sample.offset, op.sample.y};
                               },
                               [](const auto& op) { return Tensors{op.y}; }},
                    step);
}

std::size_t elements(const Tensor& t) {
  return t.pixel(t.n, 0, 0);
}
std::size_t end(const Tensor& t) {
  return t.offset + elements(t) * sizeof(float);
}

/// Values of (-1, 1), quickly.
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

/// A step's memory: its inputs, and its weights in the order of the reference, of what the CPU runs, and of its direct
/// kernel.
class Operands {
 public:
  explicit Operands(const Step& step) : outputs_(outputs(step)) {
    const std::vector<Tensor> given = inputs(step);
    std::size_t bytes = 0;
    for (const Tensor& t : given) bytes = std::max(bytes, end(t));
    for (const Tensor& t : outputs_) bytes = std::max(bytes, end(t));
    arena_ = Buffer(bytes);
    Random random;
    for (const Tensor& t : given) random.fill(arena_data<float>({arena_.data(), nullptr}, t), elements(t));
    if (const Conv2d* conv = convolution(step)) make_weights(*conv, random);
  }

  Memory plain() const { return {arena_.data(), plain_.data()}; }
  Memory packed() const { return {arena_.data(), packed_.data()}; }
  Memory direct() const { return {arena_.data(), direct_.data()}; }
  /// So that what a kernel does not write is seen.
  void forget_outputs() const {
    for (const Tensor& t : outputs_) std::memset(arena_.data() + t.offset, 0xff, end(t) - t.offset);  // NaN
  }

 private:
  void make_weights(const Conv2d& conv, Random& random) {
    plain_ = Buffer(end(conv.bias));
    packed_ = Buffer(end(conv.bias));
    direct_ = Buffer(end(conv.bias));
    const auto floats = [](const Buffer& buffer, const Tensor& t) {
      return reinterpret_cast<float*>(buffer.data() + t.offset);
    };
    const float depth = static_cast<float>(elements(conv.weight)) / static_cast<float>(conv.weight.n);
    random.fill(floats(plain_, conv.weight), elements(conv.weight),
                std::sqrt(3 / depth));  // outputs as large as inputs
    random.fill(floats(plain_, conv.bias), elements(conv.bias));
    conv2d_cpu_pack(conv, floats(plain_, conv.weight), floats(packed_, conv.weight));
    conv2d_cpu_direct_pack(conv, floats(plain_, conv.weight), floats(direct_, conv.weight));
    for (const Buffer* packed : {&packed_, &direct_})
      std::copy_n(floats(plain_, conv.bias), elements(conv.bias), floats(*packed, conv.bias));
  }

  std::vector<Tensor> outputs_;
  Buffer arena_, plain_, packed_, direct_;
};

using Kernel = std::function<void()>;

Kernel make_cpu(const Step& step, const Operands& operands, CpuExecutor& executor) {
  return [&step, &executor, memory = operands.packed()] { executor.run(step, memory); };
}

/// One of the convolution's kernels, whichever of them the executor would take.
template <auto tiles, auto run, auto weights>
Kernel make_conv2d(const Step& step, const Operands& operands, CpuExecutor& executor) {
  const Conv2d& op = std::get<Conv2d>(step);
  return [&op, &executor, memory = (operands.*weights)()] {
    const int threads = executor.pool().threads();
    executor.for_tiles(tiles(op, threads), memory,
                       [&](const Memory& own, int first, int last) { run(op, own, threads, first, last); });
  };
}

Kernel make_im2col(const Step& step, const Operands& operands, CpuExecutor& executor) {
  const Conv2d& op = std::get<Conv2d>(step);
  const auto matrix = std::make_shared<Buffer>(static_cast<std::size_t>(im2col_floats(op)) * sizeof(float));
  return [&op, &executor, memory = operands.direct(), matrix] {
    executor.pool().for_tiles(im2col_tiles(op), [&](int first, int last) {
      conv2d_im2col(op, memory, reinterpret_cast<float*>(matrix->data()), first, last);
    });
  };
}

/// Whether the step is a convolution for which `predicate` holds.
template <auto predicate>
bool conv2d_with(const Step& step) {
  const auto* op = std::get_if<Conv2d>(&step);
  return op && predicate(*op);
}
constexpr bool any(const Conv2d&) {
  return true;
}
bool suits_im2col(const Conv2d& op) {
  return op.groups == 1 && im2col_floats(op) <= kMostMatrixFloats;
}

/// The kernels beside the reference. Another one is another line.
constexpr struct {
  const char* name;
  bool (*suits)(const Step&);
  Kernel (*make)(const Step&, const Operands&, CpuExecutor&);
} kCandidates[] = {
    {"direct", conv2d_with<any>, make_conv2d<conv2d_cpu_direct_tiles, conv2d_cpu_direct, &Operands::direct>},
    {"winograd", conv2d_with<conv2d_cpu_has_winograd>,
     make_conv2d<conv2d_cpu_winograd_tiles, conv2d_cpu_winograd, &Operands::packed>},
    {"im2col", conv2d_with<suits_im2col>, make_im2col},
    {"cpu", [](const Step& step) { return !std::holds_alternative<Conv2d>(step); }, make_cpu}};

/// As much of a convolution as the reference does in time: all, or its first rows, or pixels of its first row.
Step reference_part(const Step& step) {
  const auto* conv = std::get_if<Conv2d>(&step);
  const double flops = work_of(step).flops;
  if (!conv || flops <= kMostReferenceFlops) return step;
  Conv2d part = *conv;
  const double of_pixel = flops / part.y.n / part.y.h / part.y.w;
  const int pixels = static_cast<int>(std::max(kMostReferenceFlops / of_pixel, 1.0));
  part.y.n = 1;
  part.y.h = std::min(std::max(pixels / part.y.w, 1), part.y.h);
  if (part.y.h == 1) part.y.w = std::min(pixels, part.y.w);
  return part;
}

/// Throws Error for a pooling whose window is so large that the reference would not end.
void check_window(const Step& step) {
  const auto check = [&](const Tensor& y, double windows, int kernel) {
    if (windows * static_cast<double>(elements(y)) * kernel * kernel > kMostComparisons)
      throw Error(op_of(step) + " " + shape_of(step) +
                  ": too large a window for the reference, which compares all of it");
  };
  if (const auto* pool = std::get_if<MaxPool>(&step)) check(pool->y, 1, pool->kernel);
  if (const auto* chain = std::get_if<MaxPoolChain>(&step)) check(chain->y[0], chain->count, chain->kernel);
}

/// What the reference makes of a step, and its times.
struct Reference {
  Reference(const Step& step, const Operands& operands, int runs) {
    Program program{};
    program.steps.push_back({step, "", 0});
    const auto start = Clock::now();
    do {
      const auto run = Clock::now();
      run_reference(program, operands.plain());
      samples_ms.push_back(milliseconds_since(run));
    } while (static_cast<int>(samples_ms.size()) < runs && milliseconds_since(start) < kMostReferenceMs);
    tensors = outputs(step);
    for (const Tensor& t : tensors) {
      values.emplace_back(elements(t) * sizeof(float));
      std::memcpy(values.back().data(), arena_data<float>(operands.plain(), t), values.back().bytes());
    }
  }
  double error(const Memory& got) const {
    double error = 0;
    for (std::size_t i = 0; i < tensors.size(); ++i)
      error = std::max(error, error_of(arena_data<float>(got, tensors[i]),
                                       reinterpret_cast<const float*>(values[i].data()), elements(tensors[i])));
    return error;
  }

  std::vector<double> samples_ms;
  std::vector<Tensor> tensors;
  std::vector<Buffer> values;
};

}  // namespace

double error_of(const float* got, const float* want, std::size_t count) {
  constexpr double infinite = std::numeric_limits<double>::infinity();
  double difference = 0, magnitude = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const double apart = std::abs(static_cast<double>(got[i]) - want[i]);
    if (std::isnan(apart)) return infinite;
    difference = std::max(difference, apart);
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
  if (work_of(part).flops == work_of(step).flops)
    measured.push_back(measurement_of("reference", step, summarize(reference.samples_ms), machine));
  for (const auto& candidate : kCandidates) {
    if (!candidate.suits(step)) continue;
    const Kernel kernel = candidate.make(step, operands, executor);
    operands.forget_outputs();
    kernel();
    const double error = reference.error(operands.packed());
    std::vector<double> samples;
    for (int run = -warmup; run < runs; ++run) {
      const auto start = Clock::now();
      kernel();
      const double time = milliseconds_since(start);
      if (run >= 0) samples.push_back(time);
    }
    measured.push_back(measurement_of(candidate.name, step, summarize(std::move(samples)), machine));
    measured.back().error = error;
  }
  return measured;
}

}  // namespace cudet::bench
