// The network and its steps on a CUDA device, by the device's own clock.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "apps/bench/report/report.h"
#include "runtime/cudet.h"

namespace cudet::bench {

struct CudaNetworkTimes {
  Times network;               // as the engine runs it
  std::optional<Times> graph;  // as one launch per step, captured in a graph, if `network` is one launch
  Times launches;              // as one launch per step, not captured
};

struct CudaStepTimes {
  std::vector<Measurement> steps;  // the last one includes the search for candidates and NMS, as the engine runs it
  std::string no_cudnn;            // why convolutions have no time of cuDNN; empty if they have
};

struct CudaRun {
  Precision precision;
  Size input;  // rounded up to whole strides
  int batch, warmup, runs;
};

/// Times the network from the letterboxed benchmark image (benchmark_image.h) to the detections, `runs` times after
/// `warmup` runs, on the calling thread's current device. Throws Error.
CudaNetworkTimes measure_cuda_network(const Model& model, const CudaRun& how);

/// Times each step separately. A step is launched ten times in one graph, so that a launch costs as much as in the
/// network's graph, and each run finds in the caches what the previous run left there. On a simulated device, whose
/// times are meaningless (machine.h), it is launched once. Each convolution is measured together with cuDNN's fastest
/// algorithm, timed in the same way. Throws Error.
CudaStepTimes measure_cuda_steps(const Model& model, const CudaRun& how, const Machine& machine);

}  // namespace cudet::bench
