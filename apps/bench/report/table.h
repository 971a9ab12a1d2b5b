// Prints a report as text.
#pragma once
#include <iosfwd>

#include "apps/bench/report/report.h"

namespace cudet::bench {

/// Prints the machine and the setting, then what was measured: the network, its steps with sums per operator (or the
/// kernels of single operators), the throughput.
void print_table(const Report& report, std::ostream& out);

}  // namespace cudet::bench
