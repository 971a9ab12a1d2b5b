// A report for people, on a terminal.
#pragma once
#include <iosfwd>

#include "apps/bench/report/report.h"

namespace cudet::bench {

/// Machine and setting; then, as far as they were measured: the network, its steps with sums over operators (of an
/// operator's benchmark its kernels), the throughput.
void print_table(const Report& report, std::ostream& out);

}  // namespace cudet::bench
