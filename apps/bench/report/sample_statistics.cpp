#include "apps/bench/report/sample_statistics.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "kernels/error.h"

namespace cudet::bench {
namespace {

constexpr int kResamples = 1000;

/// As quantile(), but reorders the samples in place.
double quantile_in_place(std::span<double> samples, double share) {
  if (samples.empty()) throw Error("no times were measured");
  const double index = static_cast<double>(samples.size() - 1) * share;
  const auto below = samples.begin() + static_cast<std::ptrdiff_t>(index);
  std::nth_element(samples.begin(), below, samples.end());
  const double fraction = index - static_cast<double>(below - samples.begin());
  return fraction > 0 ? *below + fraction * (*std::min_element(below + 1, samples.end()) - *below) : *below;
}

/// Draws medians of resamples: of as many samples, drawn from the given ones with replacement.
class Bootstrap {
 public:
  explicit Bootstrap(std::span<const double> samples) : sorted_(samples.begin(), samples.end()) {
    if (samples.empty()) throw Error("no times were measured");
    std::sort(sorted_.begin(), sorted_.end());
  }

  /// Draws the median of a resample directly, as drawing each sample is slow if there are many. A resample is n uniform
  /// positions in (0, 1), each scaled to an index of the sorted samples. The k-th smallest of the positions has the
  /// distribution Beta(k, n + 1 - k). The m = n - k positions above it are uniform between it and 1, so the smallest of
  /// them is at a Beta(1, m) share of that range.
  double median(std::mt19937& random) const {
    const double count = static_cast<double>(sorted_.size()), k = std::floor((count + 1) / 2);
    const double position = beta(k, count + 1 - k, random);
    if (k != count / 2) return at(position);  // an odd number of samples
    return (at(position) + at(position + (1 - position) * beta(1, count - k, random))) / 2;
  }

 private:
  static double beta(double a, double b, std::mt19937& random) {
    const double x = std::gamma_distribution<double>(a)(random);
    return x / (x + std::gamma_distribution<double>(b)(random));
  }
  double at(double position) const {
    const auto index = static_cast<std::size_t>(position * static_cast<double>(sorted_.size()));
    return sorted_[std::min(sorted_.size() - 1, index)];
  }

  std::vector<double> sorted_;
};

/// The interval of the estimates that `draw` returns.
template <class Draw>
Interval bootstrap(const Draw& draw) {
  std::mt19937 random(1);
  std::vector<double> estimates(kResamples);
  for (double& estimate : estimates) estimate = draw(random);
  return {quantile_in_place(estimates, 0.025), quantile_in_place(estimates, 0.975)};
}

}  // namespace

double quantile(std::vector<double> samples, double share) {
  return quantile_in_place(samples, share);
}

Times summarize(std::vector<double> samples_ms) {
  const Bootstrap resampled(samples_ms);
  const double p50 = quantile(samples_ms, 0.5), p90 = quantile(samples_ms, 0.9), p99 = quantile(samples_ms, 0.99);
  const Interval interval = bootstrap([&](std::mt19937& random) { return resampled.median(random); });
  return {std::move(samples_ms), p50, p90, p99, interval};
}

Interval ratio_interval(std::span<const double> now, std::span<const double> before) {
  const Bootstrap above(now), below(before);
  return bootstrap([&](std::mt19937& random) {
    const double numerator = above.median(random);
    return numerator / below.median(random);
  });
}

double noise_of(std::span<const double> samples) {
  std::vector<double> sorted(samples.begin(), samples.end());
  return (quantile_in_place(sorted, 0.9) - quantile_in_place(sorted, 0.1)) / quantile_in_place(sorted, 0.5);
}

}  // namespace cudet::bench
