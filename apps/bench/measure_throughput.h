// Pictures a second over batch sizes and numbers of threads.
#pragma once
#include <span>
#include <vector>

#include "apps/bench/report/report.h"
#include "runtime/cudet.h"

namespace cudet::bench {

/// 1, 2, 4, … and `cores`.
std::vector<int> thread_counts(int cores);

/// 1, 2, 4, … to 8 or to `batch`, and `batch`.
std::vector<int> batch_sizes(int batch);

/// For each number of threads and each batch: how many pictures a second come out of a Detector that is never without
/// work (on CUDA a batch is read while the network runs on the one before), by the median time from one batch's results
/// to the next's. About `runs` pictures after `warmup`, at least ten batches. `options.threads` and fit count for
/// nothing: the network's input is all of options.input. Throws Error.
std::vector<Throughput> measure_throughput(const Model& model, DetectorOptions options, std::span<const int> batches,
                                           std::span<const int> threads, int warmup, int runs);

}  // namespace cudet::bench
