// The network as a whole: its time to load, to give a first result, and to run.
#pragma once
#include <string>

#include "apps/bench/report/report.h"
#include "runtime/cudet.h"

namespace cudet::bench {

/// A network that has given its first result, and the time that this took.
struct Started {
  Model model;
  Detector detector;
  double load_ms;       // to read description and weights and to construct the Detector
  double first_ms;      // from the start of the process to the first result
  double first_run_ms;  // the part of first_ms after load_ms: the first batch
  double before_mb;     // 1e6 bytes resident before the model was loaded, including the benchmark image
};

/// Loads a model and runs one batch of the benchmark image (benchmark_image.h). The network's input has exactly the
/// size `options.input`; options.fit is ignored. Call this first in the process: first_ms includes everything before
/// it. Throws Error.
Started start_network(const std::string& model, DetectorOptions options, int batch);

/// Runs a batch of the benchmark image `warmup` times, then `runs` (at least 1) measured times. All times are per
/// batch: `end_to_end` by a clock around Detector::detect, `network` by the engine (Timing::network; on CUDA it
/// includes NMS and a share of the letterbox). `gflop` is counted from the steps that the CPU runs, for every device.
/// Throws Error.
Network measure_network(Started& started, int batch, int warmup, int runs);

}  // namespace cudet::bench
