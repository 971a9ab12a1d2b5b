#include "apps/bench/cuda/times.h"

#include <cstring>
#include <functional>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "apps/bench/benchmark_image.h"
#include "apps/bench/cuda/clock.h"
#include "apps/bench/cuda/cudnn.h"
#include "apps/bench/cuda/machine.h"
#include "apps/bench/report/sample_statistics.h"
#include "apps/bench/steps.h"
#include "runtime/cuda/session.h"

namespace cudet::bench {
namespace {

constexpr int kRepeats = 10;  // of a step within one graph

using Work = std::function<void()>;

/// A session whose Program has run once on the benchmark's image, with default options, and is captured in a graph.
class BenchSession {
 public:
  BenchSession(const Model& model, const CudaRun& how) : session_(model, how.precision) {
    const Extent size{round_up(how.input.height, model.stride()), round_up(how.input.width, model.stride())};
    program_ = &session_.program(how.batch, size);
    const CandidateLayout& layout = program_->layout;
    std::vector<std::byte> options(layout.found, std::byte{1});
    const NmsParameters parameters{0.25f, 0.7f, 300, 0};
    std::memcpy(options.data() + layout.parameters, &parameters, sizeof parameters);
    check(cudaMemcpyAsync(session_.candidates(), options.data(), options.size(), cudaMemcpyHostToDevice, stream()),
          "options to the device");
    letterbox_image(model.channels());
    session_.run(*program_);  // loads each kernel
    check(cudaStreamSynchronize(stream()), "network");
    session_.capture(*program_);
  }

  cudaStream_t stream() const { return session_.network_stream(); }
  const CudaProgram& program() const { return *program_; }
  void launch_graph() { check(cudaGraphLaunch(program_->graphs[0].get(), stream()), "network"); }
  void launch_persistent() { session_.launch_persistent(*program_); }
  /// Throws Error if a launch of the persistent kernel was stopped: then its times count for nothing.
  void require_progress() {
    unsigned stopped = 0;
    program_->persistent->copy_stopped(&stopped, stream());
    check(cudaStreamSynchronize(stream()), "network");
    if (stopped != 0) throw Error("the network's launch made no progress and was stopped: its time is not known");
  }
  void launch_steps() { session_.run(*program_); }
  void launch_step(std::size_t i) { session_.run_step(*program_, i); }

 private:
  void letterbox_image(int channels) {
    const BenchmarkImage image(channels);
    const Frame frame = image.frame();
    for (int i = 0; i < program_->batch; ++i)
      session_.letterbox(frame, letterbox_fit(frame.width, frame.height, program_->input_size), program_->input, i,
                         session_.memory());
    check(cudaStreamSynchronize(session_.image_stream()), "image");
  }

  CudaSession session_;
  CudaProgram* program_;
};

/// Measures work on a stream.
std::vector<double> times_of(cudaStream_t stream, const CudaRun& how, const Work& work) {
  CudaClock clock(stream);
  std::vector<double> samples_ms;
  for (int run = -how.warmup; run < how.runs; ++run) {
    const double time = clock.milliseconds(work);
    if (run >= 0) samples_ms.push_back(time);
  }
  return samples_ms;
}

/// Measures work that is repeated within one graph. Returns times of one repeat.
Times times_in_graph(cudaStream_t stream, const CudaRun& how, const Work& work) {
  const int repeats = why_no_times().empty() ? kRepeats : 1;
  const GraphExec graph = capture_graph(stream, [&] {
    for (int i = 0; i < repeats; ++i) work();
  });
  const Work launch = [&] { check(cudaGraphLaunch(graph.get(), stream), "a step"); };
  std::vector<double> samples_ms = times_of(stream, how, launch);
  for (double& sample : samples_ms) sample /= repeats;
  return summarize(std::move(samples_ms));
}

/// cuDNN's times, measured once per shape.
class CudnnTimes {
 public:
  CudnnTimes(cudaStream_t stream, const CudaRun& how) : stream_(stream), how_(how), missing_(why_no_times()) {
    if (missing_.empty()) try {
        cudnn_.emplace(stream);
      } catch (const Error& error) {
        missing_ = error.what();
      }
  }

  /// Why a time is missing; empty if none is.
  const std::string& missing() const { return missing_; }
  std::optional<CudnnTime> time(const Conv2d& op, const std::string& shape) {
    if (!cudnn_) return {};
    const auto [at, fresh] = known_.try_emplace(shape);
    if (fresh) try {
        std::string algorithm = cudnn_->prepare(op);
        cudnn_->run();  // its first run sets up memory, which a graph cannot capture
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
  std::string missing_;
  std::optional<Cudnn> cudnn_;
  std::map<std::string, std::optional<CudnnTime>> known_;
};

}  // namespace

CudaNetworkTimes measure_cuda_network(const Model& model, const CudaRun& how) {
  BenchSession session(model, how);
  const auto times = [&](const Work& work) { return summarize(times_of(session.stream(), how, work)); };
  const Times graph = times([&] { session.launch_graph(); }), launches = times([&] { session.launch_steps(); });
  if (!session.program().persistent) return {graph, {}, launches};
  const Times persistent = times([&] { session.launch_persistent(); });
  session.require_progress();
  return {persistent, graph, launches};
}

CudaStepTimes measure_cuda_steps(const Model& model, const CudaRun& how, const Machine& machine) {
  BenchSession session(model, how);
  CudnnTimes cudnn(session.stream(), how);
  CudaStepTimes times;
  for (std::size_t i = 0; i < session.program().steps.size(); ++i) {
    const Program::NamedStep& named = session.program().steps[i];
    Measurement& step = times.steps.emplace_back(make_measurement(
        named.name, named.step, times_in_graph(session.stream(), how, [&] { session.launch_step(i); }), machine));
    if (const auto* conv = std::get_if<Conv2d>(&named.step)) step.cudnn = cudnn.time(*conv, step.shape);
  }
  times.no_cudnn = cudnn.missing();
  return times;
}

}  // namespace cudet::bench
