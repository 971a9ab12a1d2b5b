// Writes a report as CSV.
#pragma once
#include <string>

#include "apps/bench/report/report.h"

namespace cudet::bench {

/// Returns a header line and one line per measurement. The first field is its kind: network, graph, launches,
/// end_to_end, layer or throughput. Fields that a kind does not have are empty. Texts are quoted (RFC 4180).
std::string to_csv(const Report& report);

}  // namespace cudet::bench
