// A model as a whole: how long it takes to start, and to run.
#pragma once
#include <string>

#include "apps/bench/report/report.h"
#include "runtime/cudet.h"

namespace cudet::bench {

/// A network that has given its first result, and how long that took.
struct Started {
  Model model;
  Detector detector;
  double load_ms;       // description and weights read, to a Detector
  double first_ms;      // from the start of the process to the first result
  double first_run_ms;  // of it, after load_ms: that batch
  double before_mb;     // 1e6 bytes resident before the model was loaded, the picture in them
};

/// Loads a model and runs a batch of the picture (benchmark_image.h). The network's input is all of `options.input`,
/// whatever options.fit. Call it before anything else: first_ms holds all that the process did. Throws Error.
Started start_network(const std::string& model, DetectorOptions options, int batch);

/// `warmup` runs, then `runs` (at least 1) that count, of a batch of the picture. Times are of a batch: end to end by
/// the clock around Detector::detect, network as the engine times it (Timing::network; on CUDA with letterbox's share
/// and NMS in it). `gflops` is counted from the steps that the CPU runs, for every device. Throws Error.
Network measure_network(Started& started, int batch, int warmup, int runs);

}  // namespace cudet::bench
