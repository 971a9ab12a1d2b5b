// Throughput in images per second, over batch sizes and numbers of threads.
#pragma once
#include <span>
#include <vector>

#include "apps/bench/report/report.h"
#include "runtime/cudet.h"

namespace cudet::bench {

/// The numbers of threads to measure: the powers of two below `cores`, and `cores`.
std::vector<int> thread_counts(int cores);

/// The batch sizes to measure: the powers of two up to max(8, batch), and `batch`.
std::vector<int> batch_sizes(int batch);

/// Measures for each number of threads and each batch size how many images per second a Detector processes while a
/// batch is always queued (on CUDA a batch is uploaded while the network runs on the batch before it). The throughput
/// is computed from the median time between the results of consecutive batches. Runs about `runs` images after about
/// `warmup` images, but at least ten batches. options.threads and options.fit are ignored: the network's input has
/// exactly the size options.input. Throws Error.
std::vector<Throughput> measure_throughput(const Model& model, DetectorOptions options, std::span<const int> batches,
                                           std::span<const int> threads, int warmup, int runs);

}  // namespace cudet::bench
