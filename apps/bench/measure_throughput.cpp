#include "apps/bench/measure_throughput.h"

#include <algorithm>

#include "apps/bench/benchmark_image.h"
#include "apps/bench/machine/clock.h"
#include "apps/bench/report/sample_statistics.h"

namespace cudet::bench {
namespace {

constexpr int kMinBatches = 10;
constexpr int kMaxDefaultBatch = 8;  // unless the user asks for a larger one

/// Milliseconds between the results of consecutive batches, with one more batch always queued.
std::vector<double> batch_times(Detector& detector, const std::vector<Frame>& frames, int warmup, int runs) {
  std::vector<double> times;
  detector.submit(frames);
  auto last = Clock::now();
  for (int run = -warmup; run < runs; ++run) {
    detector.submit(frames);
    detector.collect();
    const auto now = Clock::now();
    if (run >= 0) times.push_back(std::chrono::duration<double, std::milli>(now - last).count());
    last = now;
  }
  detector.collect();
  return times;
}

}  // namespace

std::vector<int> thread_counts(int cores) {
  std::vector<int> counts;
  for (int threads = 1; threads < cores; threads *= 2) counts.push_back(threads);
  counts.push_back(cores);
  return counts;
}

std::vector<int> batch_sizes(int batch) {
  std::vector<int> sizes = {batch};
  for (int size = 1; size <= std::max(batch, kMaxDefaultBatch); size *= 2)
    if (size != batch) sizes.push_back(size);
  std::sort(sizes.begin(), sizes.end());
  return sizes;
}

std::vector<Throughput> measure_throughput(const Model& model, DetectorOptions options, std::span<const int> batches,
                                           std::span<const int> threads, int warmup, int runs) {
  options.fit = Fit::whole;
  const BenchmarkImage image(model.channels());
  std::vector<Throughput> results;
  for (const int count : threads) {
    options.threads = count;
    Detector detector(model, options);
    for (const int batch : batches) {
      const std::vector<Frame> frames(static_cast<std::size_t>(batch), image.frame());
      const auto batches_for = [&](int images) { return (images + batch - 1) / batch; };
      const Times times =
          summarize(batch_times(detector, frames, batches_for(warmup), std::max(kMinBatches, batches_for(runs))));
      const auto per_second = [&](double milliseconds) { return batch * 1e3 / milliseconds; };
      results.push_back({batch,
                         count,
                         per_second(times.p50_ms),
                         {per_second(times.p50_interval_ms.high), per_second(times.p50_interval_ms.low)}});
    }
  }
  return results;
}

}  // namespace cudet::bench
