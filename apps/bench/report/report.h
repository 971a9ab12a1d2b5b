// What `bench` measures, as plain data: how it is measured, printed, stored and compared are other files' business.
#pragma once
#include <optional>
#include <string>
#include <vector>

namespace cudet::bench {

/// Of an estimate, 95 %.
struct Interval {
  double low, high;
};

/// Times of one thing, in the order in which they were measured, and what they come to.
struct Times {
  std::vector<double> samples_ms;  // at least one
  double p50_ms, p90_ms, p99_ms;
  Interval p50_interval_ms;  // by bootstrap
};

/// What the numbers were measured on, and what it can do at the most.
struct Machine {
  std::string processor;     // "AMD EPYC 7R13 Processor"
  int cores;                 // that this process may use
  std::string instructions;  // that the kernels use: "AVX2"
  std::string gpu;           // empty where none was used
  double peak_gflops;        // fp32 multiply-adds on the threads of the run, measured; a multiply-add counts 2; on
                             // CUDA in the run's precision on the device
  double bandwidth_gbs;      // 1e9 bytes a second read from memory by them, measured; on CUDA copied in the device's
  double noise;              // by how much equal work differed: (p90 - p10) / p50
  std::string busy;          // why times mean little; empty where they mean something
};

/// What was run.
struct Setting {
  std::string model;              // path; empty for an operator alone
  std::string device, precision;  // "cpu", "cuda"; "fp32", "fp16"
  int height, width;              // input of the network
  int batch, threads, warmup, runs;
};

/// The model as a whole. Times are for a whole batch.
struct Network {
  Times network;                       // from the letterboxed picture to the decoded boxes
  Times end_to_end;                    // from a picture in memory to its detections
  double gflop;                        // executed, of a batch: 1e9 floating-point operations
  double load_ms;                      // description and weights, to a Detector
  double first_ms;                     // from the start of the process to the first result
  double first_run_ms;                 // of `first_ms`, after load_ms: the first batch, end to end
  double peak_mb;                      // 1e6 bytes: the most resident memory since the start of the process
  double grown_mb;                     // of `peak_mb`, what was not resident before the model was loaded
  std::optional<Times> launches = {};  // on CUDA, where `network` is one graph: the same kernels, launched one by one
};

/// cuDNN's best algorithm for a convolution, without bias, activation and residual.
struct CudnnTime {
  std::string algorithm;  // "IMPLICIT_PRECOMP_GEMM"
  double p50_ms;
};

/// One step of the Program, or one kernel of an operator's benchmark.
struct Measurement {
  std::string name;   // of the module, "model.0.conv"; of an operator's benchmark its kernel, "direct"
  std::string op;     // "conv2d"
  std::string shape;  // in the grammar of kernels/shape_text.h
  Times time;
  double gflop;                 // 1e9 floating-point operations
  double mbytes;                // 1e6 bytes that must be read and written once, weights too
  double gflops, gbs;           // a second
  double share_of_peak;         // the larger of gflops / peak and gbs / bandwidth: 1 is the roofline
  bool memory_bound;            // which of the two is larger at the roofline
  std::optional<double> error;  // largest difference from the reference, over the largest magnitude of its output
  std::optional<CudnnTime> cudnn = {};  // on CUDA, beside a convolution's own time
};

struct Throughput {
  int batch, threads;
  double pictures_per_s;
  Interval interval;
};

struct Report {
  std::string version;
  Machine machine;
  Setting setting;
  std::optional<Network> network;
  std::vector<Measurement> layers;     // with --layers: the Program's steps; of --op: each kernel at each shape
  std::vector<Throughput> throughput;  // with --sweep
};

}  // namespace cudet::bench
