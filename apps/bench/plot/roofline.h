// The roofline of a machine, and how near to it each step is.
#pragma once
#include <string>

#include "apps/bench/report/report.h"

namespace cudet::bench {

/// An SVG picture, 900 pixels wide: operations a byte against GFLOP/s, both logarithmic; a dot for each step or kernel,
/// its area by its share of the time, its colour by operator (by kernel where there is no network). Throws Error where
/// the report has no steps, or no peak.
std::string roofline_svg(const Report& report);

}  // namespace cudet::bench
