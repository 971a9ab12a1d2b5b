// What repeated times come to. Intervals are of 95 %, by the percentile bootstrap: the samples are drawn anew, with
// replacement, a thousand times from a fixed seed, and the interval holds the middle 95 % of what comes out. They tell
// how much the samples at hand leave open, not what another process, another day or a machine that drifts would show;
// of fewer than ten samples they are too narrow, of one they have no width.
#pragma once
#include <span>
#include <vector>

#include "apps/bench/report/report.h"

namespace cudet::bench {

/// The value below which a share of 0..1 of the samples lies: between the two samples nearest to (n - 1) * share in
/// order, linearly. Throws Error where there are no samples, as all below.
double quantile(std::vector<double> samples, double share);

/// Quantiles and the median's interval of times, milliseconds in the order in which they were measured.
Times summarize(std::vector<double> samples_ms);

/// Of median(now) / median(before); below 1: `now` is quicker. The two are drawn independently of each other.
Interval ratio_interval(std::span<const double> now, std::span<const double> before);

/// By how much equal work differed: (p90 - p10) / p50.
double noise_of(std::span<const double> samples);

}  // namespace cudet::bench
