// Runs the benchmarks that the options select and collects their results in a Report.
#pragma once
#include <functional>
#include <string>

#include "apps/bench/measure_network.h"
#include "apps/bench/options.h"
#include "apps/bench/report/report.h"

namespace cudet::bench {

/// Receives one line for the user that is not an error.
using Note = std::function<void(const std::string&)>;

/// Measures the whole network and the machine; also the network's steps (--layers) and its throughput (--sweep) if
/// asked for. Throws Error.
Report benchmark_model(Started& started, const Options& options, const Note& note);

/// Measures the machine and every kernel of the given operators at their shapes, on the CPU (--op, --shapes). Throws
/// Error.
Report benchmark_operators(const Options& options);

}  // namespace cudet::bench
