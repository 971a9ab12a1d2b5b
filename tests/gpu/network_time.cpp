// How long the device takes for the network with NMS, a picture of 640x640 at a time, as one graph.
//
//   network-time [--runs N] [--side PIXELS] [MODEL.json]
//
// Without a model: YOLOv8n with random weights. A quarter of N=200 runs before those that count warm the device up.
#include <cuda_fp16.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "runtime/cuda/cuda_program.h"
#include "runtime/cuda/device.h"
#include "runtime/model.h"
#include "runtime/passes.h"
#include "tests/runtime/random_weights.h"

namespace cudet::test {
namespace {

struct Options {
  int runs = 200, side = 640;
  std::string model;
};

Graph load(const std::string& model) {
  if (!model.empty()) {
    const Model loaded = Model::load(model);
    return load_graph(loaded.impl().description, loaded.weights_path());
  }
  Graph graph = build_graph(read_description("weights/yolov8.json", "n"), RandomWeights(1));
  optimise(graph);
  return graph;
}

/// A picture of noise, as the network's input holds it.
std::vector<std::byte> noise(const Tensor& x) {
  const std::size_t count = x.pixel(x.n, 0, 0);
  std::vector<std::byte> bytes(count * size_of(x.type));
  std::mt19937 random(1);
  std::uniform_real_distribution<float> draw(0, 1);
  for (std::size_t i = 0; i < count; ++i) {
    const float value = draw(random);
    const __half half = __float2half_rn(value);
    std::memcpy(bytes.data() + i * size_of(x.type), x.type == Type::f32 ? static_cast<const void*>(&value) : &half,
                size_of(x.type));
  }
  return bytes;
}

/// A program on the device, with all that it needs there.
class Timed {
 public:
  Timed(const Graph& graph, Precision precision, int side)
      : device_(find_cuda_device(precision)),
        type_(precision == Precision::fp16 ? Type::f16 : Type::f32),
        packed_(pack_for_cuda(graph, type_)),
        program_(compile(graph, packed_, 1, {side, side}, false, {type_, true})) {
    const CudaMemory needed = cuda_memory(program_, device_.multiprocessors);
    weights_ = DeviceBuffer(packed_.bytes.bytes());
    arena_ = DeviceBuffer(needed.arena);
    candidates_ = DeviceBuffer(needed.candidates);
    scratch_ = DeviceBuffer(needed.scratch);
    send(weights_.data(), packed_.bytes.data(), weights_.bytes());
    const std::vector<std::byte> picture = noise(program_.input);
    input_ = DeviceBuffer(picture.size());
    send(input_.data(), picture.data(), picture.size());
    check(cudaMemset(scratch_.data(), 0, kScratchCounters), "scratch memory");
    std::vector<std::byte> wanted(program_.layout.found, std::byte{1});
    const NmsParameters parameters{0.25f, 0.7f, 300, 0};
    std::memcpy(wanted.data() + program_.layout.parameters, &parameters, sizeof parameters);
    send(candidates_.data(), wanted.data(), wanted.size());
    check(cudaDeviceSynchronize(), "data to the device");
    take_picture();
    program_.run(memory(), candidates_.data(), on(), false);  // loads each kernel
    program_.capture(memory(), candidates_.data(), on());
  }

  /// Milliseconds of a run by the device's own clock. Letterboxes are elsewhere, but the picture is new each time.
  float run() {
    take_picture();
    check(cudaEventRecord(start_.get(), stream_.get()), "network");
    check(cudaGraphLaunch(program_.graph.get(), stream_.get()), "network");
    check(cudaEventRecord(end_.get(), stream_.get()), "network");
    check(cudaEventSynchronize(end_.get()), "network");
    float milliseconds = 0;
    check(cudaEventElapsedTime(&milliseconds, start_.get(), end_.get()), "time");
    return milliseconds;
  }
  std::size_t steps() const { return program_.steps.size(); }

 private:
  static void send(std::byte* to, const std::byte* from, std::size_t bytes) {
    check(cudaMemcpy(to, from, bytes, cudaMemcpyHostToDevice), "data to the device");
  }
  /// The input's memory serves later values too.
  void take_picture() {
    check(cudaMemcpyAsync(arena_.data() + program_.input.offset, input_.data(), input_.bytes(),
                          cudaMemcpyDeviceToDevice, stream_.get()),
          "picture");
  }
  Memory memory() const { return {arena_.data(), weights_.data()}; }
  CudaStream on() const {
    return {stream_.get(), device_.multiprocessors, device_.shared_bytes_per_block, scratch_.data(), scratch_.bytes()};
  }

  CudaDevice device_;
  Type type_;
  PackedWeights packed_;
  CudaProgram program_;
  DeviceBuffer weights_, arena_, input_, candidates_, scratch_;
  Stream stream_ = make_stream();
  Event start_ = make_event(), end_ = make_event();
};

void measure(const Graph& graph, Precision precision, const Options& options) {
  const char* name = precision == Precision::fp16 ? "fp16" : "fp32";
  Timed timed(graph, precision, options.side);
  for (int i = 0; i < options.runs / 4; ++i) timed.run();
  std::vector<float> times;
  for (int i = 0; i < options.runs; ++i) times.push_back(timed.run());
  std::sort(times.begin(), times.end());
  const auto quantile = [&](int percent) {
    return times[(times.size() - 1) * static_cast<std::size_t>(percent) / 100];
  };
  std::printf("%-10s %6zu %9.3f %9.3f %9.3f\n", name, timed.steps(), times.front(), quantile(50), quantile(90));
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (int* number = word == "--runs"   ? &options.runs
                      : word == "--side" ? &options.side
                                         : nullptr;
        number && i + 1 < argc)
      *number = std::stoi(argv[++i]);
    else
      options.model = word;
  }
  return options;
}

void run(const Options& options) {
  const Graph graph = load(options.model);
  std::printf("%s, batch 1, %dx%d, %d runs\n",
              options.model.empty() ? "YOLOv8n, random weights" : options.model.c_str(), options.side, options.side,
              options.runs);
  std::printf("%-10s %6s %9s %9s %9s\n", "precision", "steps", "least ms", "p50 ms", "p90 ms");
  measure(graph, Precision::fp32, options);
  if (find_cuda_device(Precision::fp32).capability >= 80)
    measure(graph, Precision::fp16, options);
  else
    std::printf("fp16       NOT RUN: it needs compute capability 8.0\n");
}

}  // namespace
}  // namespace cudet::test

int main(int argc, char** argv) {
  try {
    cudet::test::run(cudet::test::parse(argc, argv));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "network-time: %s\n", error.what());
    return 1;
  }
}
