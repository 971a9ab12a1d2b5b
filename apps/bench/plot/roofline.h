// Plots the roofline of a machine and the steps below it.
#pragma once
#include <string>

#include "apps/bench/report/report.h"

namespace cudet::bench {

/// Returns an SVG image, 900 pixels wide: GFLOP/s over operations per byte, both axes logarithmic. Each step or kernel
/// is a dot. Its area is proportional to its share of the time, its colour shows the operator (the kernel if there is
/// no network). Throws Error if the report has no steps or no peak.
std::string roofline_svg(const Report& report);

}  // namespace cudet::bench
