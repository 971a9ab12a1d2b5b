// What the options ask for, measured.
#pragma once
#include <functional>
#include <string>

#include "apps/bench/measure_network.h"
#include "apps/bench/options.h"
#include "apps/bench/report/report.h"

namespace cudet::bench {

/// A line for the user, which is no failure.
using Note = std::function<void(const std::string&)>;

/// The network, and what else of it the options ask for. Throws Error.
Report measure_model(Started& started, const Options& options, const Note& note);

/// Each kernel of the operators at their shapes, on the CPU. Throws Error.
Report measure_operators(const Options& options);

}  // namespace cudet::bench
