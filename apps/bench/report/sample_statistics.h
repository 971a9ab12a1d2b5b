// Quantiles and confidence intervals of repeated times.
//
// Intervals are 95 % intervals by the percentile bootstrap: the samples are resampled with replacement a thousand times
// from a fixed seed, and the interval spans the middle 95 % of the results. An interval covers the uncertainty of these
// samples only, not the difference to another process, to another day or after a drift of the machine. With fewer than
// ten samples intervals are too narrow; with one sample they have no width.
#pragma once
#include <span>
#include <vector>

#include "apps/bench/report/report.h"

namespace cudet::bench {

// All functions throw Error if there are no samples.

/// Returns the quantile for a share of 0..1, interpolated linearly between the two sorted samples around the index
/// (n - 1) * share.
double quantile(std::vector<double> samples, double share);

/// Computes the quantiles of times in milliseconds and the interval of their median. Keeps the order of the samples.
Times summarize(std::vector<double> samples_ms);

/// Returns the interval of median(now) / median(before); below 1 means that `now` is faster. The two are resampled
/// independently.
Interval ratio_interval(std::span<const double> now, std::span<const double> before);

/// Returns the spread of the times of equal work: (p90 - p10) / p50.
double noise_of(std::span<const double> samples);

}  // namespace cudet::bench
