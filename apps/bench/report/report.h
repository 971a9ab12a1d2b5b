// The results of `bench` as plain data.
#pragma once
#include <optional>
#include <string>
#include <vector>

namespace cudet::bench {

/// A 95 % confidence interval.
struct Interval {
  double low, high;
};

/// Repeated times of the same work.
struct Times {
  std::vector<double> samples_ms;  // at least one, in the order of measurement
  double p50_ms, p90_ms, p99_ms;
  Interval p50_interval_ms;  // by bootstrap (sample_statistics.h)
};

/// The machine and its measured peak.
struct Machine {
  std::string processor;     // "AMD EPYC 7R13 Processor"
  int cores;                 // that this process may use
  std::string instructions;  // instruction set of the kernels: "AVX2"
  std::string gpu;           // empty if none was used
  double peak_gflops;    // fp32 multiply-adds on the run's threads, 2 operations each; on CUDA: of the device, in the
                         // run's precision
  double bandwidth_gbs;  // 1e9 bytes per second that these threads read from memory; on CUDA: of copies in device
                         // memory
  double noise;          // spread of the times of equal work: (p90 - p10) / p50
  std::string busy;      // why times are unreliable; empty if they are reliable
};

/// What was run.
struct Setting {
  std::string model;              // path; empty for single operators
  std::string device, precision;  // "cpu", "cuda"; "fp32", "fp16", "int8"
  int height, width;              // input size of the network
  int batch, threads, warmup, runs;
};

/// Results of the network as a whole. Times are per batch.
struct Network {
  Times network;        // from the letterboxed images to the decoded boxes
  Times end_to_end;     // from images in memory to their detections
  double gflop;         // 1e9 floating-point operations executed per batch
  double load_ms;       // to read description and weights and to construct a Detector
  double first_ms;      // from the start of the process to the first result
  double first_run_ms;  // the part of first_ms after load_ms: the first batch, end to end
  double peak_mb;       // maximum resident memory since the start of the process, 1e6 bytes
  double grown_mb;      // the part of peak_mb that was not resident before the model was loaded
  // CUDA only: the network by one launch per step, captured in a graph (if `network` is one launch), and not captured.
  std::optional<Times> graph = {}, launches = {};
};

/// cuDNN's fastest algorithm for a convolution, without bias, activation and residual.
struct CudnnTime {
  std::string algorithm;  // "IMPLICIT_PRECOMP_GEMM"
  double p50_ms;
};

/// One step of the Program, or one kernel in a benchmark of single operators.
struct Measurement {
  std::string name;   // of a step its module, "model.0.conv"; of a kernel its name, "direct"
  std::string op;     // "conv2d"
  std::string shape;  // in the grammar of kernels/shape_text.h
  Times time;
  double gflop;                         // 1e9 floating-point operations
  double mbytes;                        // 1e6 bytes: each input, weight and output once
  double gflops, gbs;                   // gflop and 1e9 bytes, per second
  double share_of_peak;                 // the larger of gflops / peak and gbs / bandwidth: 1 is the roofline
  bool memory_bound;                    // whether memory, not arithmetic, limits the step at the roofline
  std::optional<double> error;          // maximum difference from the reference, relative to its largest magnitude
  std::optional<CudnnTime> cudnn = {};  // CUDA only: the same convolution by cuDNN
};

struct Throughput {
  int batch, threads;
  double images_per_s;
  Interval interval;
};

struct Report {
  std::string version;
  Machine machine;
  Setting setting;
  std::optional<Network> network;
  std::vector<Measurement> layers;     // --layers: the Program's steps; --op, --shapes: each kernel at each shape
  std::vector<Throughput> throughput;  // --sweep
};

}  // namespace cudet::bench
