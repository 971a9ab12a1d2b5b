// A report for spreadsheets.
#pragma once
#include <string>

#include "apps/bench/report/report.h"

namespace cudet::bench {

/// A line of titles, then one for each thing that was measured: of the kind network, launches, end_to_end, layer
/// or throughput. What a kind has not is empty. Texts are quoted (RFC 4180).
std::string to_csv(const Report& report);

}  // namespace cudet::bench
