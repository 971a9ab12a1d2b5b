#include "apps/bench/times.h"

#include <algorithm>
#include <random>

#include "kernels/error.h"

namespace cudet::bench {
namespace {

constexpr int kResamples = 1000;

/// Reorders the samples.
double quantile_of(std::span<double> samples, double share) {
  if (samples.empty()) throw Error("no times were measured");
  const double place = static_cast<double>(samples.size() - 1) * share;
  const auto below = samples.begin() + static_cast<std::ptrdiff_t>(place);
  std::nth_element(samples.begin(), below, samples.end());
  const double fraction = place - static_cast<double>(below - samples.begin());
  return fraction > 0 ? *below + fraction * (*std::min_element(below + 1, samples.end()) - *below) : *below;
}

/// Medians of what one may as well have measured.
class Bootstrap {
 public:
  explicit Bootstrap(std::span<const double> samples) : samples_(samples), drawn_(samples.size()) {}

  double median(std::mt19937& random) {
    for (double& value : drawn_) value = samples_[random() % samples_.size()];
    return quantile_of(drawn_, 0.5);
  }

 private:
  std::span<const double> samples_;
  std::vector<double> drawn_;
};

template <class Draw>
Interval bootstrap(const Draw& draw) {
  std::mt19937 random(1);
  std::vector<double> estimates(kResamples);
  for (double& estimate : estimates) estimate = draw(random);
  return {quantile_of(estimates, 0.025), quantile_of(estimates, 0.975)};
}

}  // namespace

double quantile(std::vector<double> samples, double share) {
  return quantile_of(samples, share);
}

Times summarize(std::vector<double> samples_ms) {
  Bootstrap resampled(samples_ms);
  const double p50 = quantile(samples_ms, 0.5), p90 = quantile(samples_ms, 0.9), p99 = quantile(samples_ms, 0.99);
  const Interval interval = bootstrap([&](std::mt19937& random) { return resampled.median(random); });
  return {std::move(samples_ms), p50, p90, p99, interval};
}

Interval ratio_interval(std::span<const double> now, std::span<const double> before) {
  Bootstrap above(now), below(before);
  return bootstrap([&](std::mt19937& random) {
    const double numerator = above.median(random);
    return numerator / below.median(random);
  });
}

double noise_of(std::span<const double> samples) {
  std::vector<double> sorted(samples.begin(), samples.end());
  return (quantile_of(sorted, 0.9) - quantile_of(sorted, 0.1)) / quantile_of(sorted, 0.5);
}

}  // namespace cudet::bench
