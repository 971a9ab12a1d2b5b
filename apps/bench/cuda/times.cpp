#include "apps/bench/cuda/times.h"

#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "apps/bench/benchmark_image.h"
#include "apps/bench/cuda/clock.h"
#include "apps/bench/cuda/cudnn.h"
#include "apps/bench/cuda/machine.h"
#include "apps/bench/report/sample_statistics.h"
#include "apps/bench/steps.h"
#include "runtime/cuda/device.h"
#include "runtime/cuda/executor.h"
#include "runtime/cuda/picture_sender.h"
#include "runtime/cuda/program.h"
#include "runtime/model/model.h"

namespace cudet::bench {
namespace {

constexpr int kRepeats = 10;  // of a step in its graph

using Work = std::function<void()>;

/// A graph of what `work` puts on the stream, so many times.
GraphExec captured(cudaStream_t stream, const Work& work, int times) {
  check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "a graph");
  const auto end = [stream] {
    cudaGraph_t graph = nullptr;
    const cudaError_t error = cudaStreamEndCapture(stream, &graph);
    return std::pair(error, CapturedGraph(graph));
  };
  try {
    for (int i = 0; i < times; ++i) work();
  } catch (...) {
    if (end().first != cudaSuccess) cudaGetLastError();  // the stream is of use again
    throw;
  }
  const auto [error, graph] = end();
  check(error, "a graph");
  cudaGraphExec_t exec = nullptr;
  check(cudaGraphInstantiate(&exec, graph.get(), 0), "a graph");
  return GraphExec(exec);
}

/// A program on the device, with all that it needs there.
class OnDevice {
 public:
  OnDevice(const Model& model, const CudaRun& how)
      : device_(find_cuda_device(how.precision)), program_(build(model, how)) {
    const CudaMemory needed = cuda_memory(program_, device_.multiprocessors);
    arena_ = DeviceBuffer(needed.arena);
    candidates_ = DeviceBuffer(needed.candidates);
    scratch_ = DeviceBuffer(needed.scratch);
    input_ = DeviceBuffer(needed.input);
    check(cudaMemsetAsync(scratch_.data(), 0, kScratchCounters, stream()), "scratch memory");
    std::vector<std::byte> wanted(program_.layout.found, std::byte{1});
    const NmsParameters parameters{0.25f, 0.7f, 300, 0};
    std::memcpy(wanted.data() + program_.layout.parameters, &parameters, sizeof parameters);
    check(cudaMemcpyAsync(candidates_.data(), wanted.data(), wanted.size(), cudaMemcpyHostToDevice, stream()),
          "options to the device");
    letterbox();
    take_picture();
    program_.run(memory(), candidates_.data(), on(), false);  // loads each kernel
    check(cudaStreamSynchronize(stream()), "network");
    program_.capture(memory(), candidates_.data(), on());
  }

  cudaStream_t stream() const { return stream_.get(); }
  const CudaProgram& program() const { return program_; }
  /// The input's memory serves later values too.
  void take_picture() {
    check(cudaMemcpyAsync(arena_.data() + program_.input.offset, input_.data(), input_.bytes(),
                          cudaMemcpyDeviceToDevice, stream()),
          "picture");
  }
  void launch_graph() { check(cudaGraphLaunch(program_.graph.get(), stream()), "network"); }
  void launch_each() { program_.run(memory(), candidates_.data(), on(), false); }
  /// What puts a step on the stream; in place of the whole output, candidates and NMS.
  Work step(std::size_t i) {
    if (i + 1 < program_.steps.size()) return [this, i] { run_on_cuda(program_.steps[i], memory(), on()); };
    Program head = program_;
    head.steps.erase(head.steps.begin(), head.steps.end() - 1);
    const auto alone = std::make_shared<CudaProgram>(std::move(head));
    return [this, alone] { alone->run(memory(), candidates_.data(), on(), false); };
  }

 private:
  CudaProgram build(const Model& model, const CudaRun& how) {
    const Type type = how.precision == Precision::fp16 ? Type::f16 : Type::f32;
    const Graph& graph = model.impl().graph;
    const PackedWeights packed = pack_for_cuda(graph, type);
    weights_ = DeviceBuffer(packed.bytes.bytes());
    check(cudaMemcpy(weights_.data(), packed.bytes.data(), weights_.bytes(), cudaMemcpyHostToDevice),
          "weights to the device");
    const Extent size{round_up(how.input.height, model.stride()), round_up(how.input.width, model.stride())};
    return CudaProgram(compile(graph, packed, how.batch, size, false, {type, true}));
  }
  void letterbox() {
    const Picture picture;
    const Frame frame = picture.frame();
    Tensor input = program_.input;
    input.offset = 0;
    for (int i = 0; i < program_.batch; ++i)
      sender_.letterbox({frame, letterbox_fit(frame.width, frame.height, program_.input_size), input, i},
                        {input_.data(), nullptr}, on());
    check(cudaStreamSynchronize(stream()), "picture");
  }
  Memory memory() const { return {arena_.data(), weights_.data()}; }
  CudaStream on() const {
    return {stream(), device_.multiprocessors, device_.shared_bytes_per_block, scratch_.data(), scratch_.bytes()};
  }

  CudaDevice device_;
  Stream stream_ = make_stream();
  DeviceBuffer weights_, arena_, candidates_, scratch_, input_;
  PictureSender sender_;
  CudaProgram program_;
};

/// Times of work on a stream, each after `before`.
std::vector<double> times_of(cudaStream_t stream, const CudaRun& how, const Work& before, const Work& work) {
  CudaClock clock(stream);
  std::vector<double> samples_ms;
  for (int run = -how.warmup; run < how.runs; ++run) {
    before();
    const double time = clock.milliseconds(work);
    if (run >= 0) samples_ms.push_back(time);
  }
  return samples_ms;
}

/// Times of work that is repeated within a graph.
Times times_in_graph(cudaStream_t stream, const CudaRun& how, const Work& work) {
  const int repeats = why_no_times().empty() ? kRepeats : 1;
  const GraphExec graph = captured(stream, work, repeats);
  const Work launch = [&] { check(cudaGraphLaunch(graph.get(), stream), "a step"); };
  std::vector<double> samples_ms = times_of(
      stream, how, [] {}, launch);
  for (double& sample : samples_ms) sample /= repeats;
  return summarize(std::move(samples_ms));
}

/// cuDNN's times, those of each shape found once.
class Rival {
 public:
  Rival(cudaStream_t stream, const CudaRun& how) : stream_(stream), how_(how), missing_(why_no_times()) {
    if (missing_.empty()) try {
        cudnn_.emplace(stream);
      } catch (const Error& error) {
        missing_ = error.what();
      }
  }

  const std::string& missing() const { return missing_; }
  std::optional<CudnnTime> time(const Conv2d& op, const std::string& shape) {
    if (!cudnn_) return {};
    const auto [at, fresh] = known_.try_emplace(shape);
    if (fresh) try {
        std::string algorithm = cudnn_->prepare(op);
        cudnn_->run();  // what it sets up at first is no part of a graph
        check(cudaStreamSynchronize(stream_), "cuDNN");
        at->second = {std::move(algorithm), times_in_graph(stream_, how_, [&] { cudnn_->run(); }).p50_ms};
      } catch (const Error& error) {
        missing_ = shape + ": " + error.what();
      }
    return at->second;
  }

 private:
  cudaStream_t stream_;
  CudaRun how_;
  std::string missing_;  // why there is no time
  std::optional<Cudnn> cudnn_;
  std::map<std::string, std::optional<CudnnTime>> known_;
};

}  // namespace

CudaNetworkTimes measure_cuda_network(const Model& model, const CudaRun& how) {
  OnDevice device(model, how);
  const auto times = [&](const Work& work) {
    return summarize(times_of(
        device.stream(), how, [&] { device.take_picture(); }, work));
  };
  return {times([&] { device.launch_graph(); }), times([&] { device.launch_each(); })};
}

CudaStepTimes measure_cuda_steps(const Model& model, const CudaRun& how, const Machine& machine) {
  OnDevice device(model, how);
  Rival cudnn(device.stream(), how);
  CudaStepTimes times;
  for (std::size_t i = 0; i < device.program().steps.size(); ++i) {
    const Program::NamedStep& named = device.program().steps[i];
    Measurement& step = times.steps.emplace_back(
        measurement_of(named.name, named.step, times_in_graph(device.stream(), how, device.step(i)), machine));
    if (const auto* conv = std::get_if<Conv2d>(&named.step)) step.cudnn = cudnn.time(*conv, step.shape);
  }
  times.no_cudnn = cudnn.missing();
  return times;
}

}  // namespace cudet::bench
