// Results of bench, stored and read back.
#pragma once
#include <string>
#include <string_view>

#include "apps/bench/report/report.h"

namespace cudet::bench {

/// All of the report, samples too, a line for each layer. Units are in the names: ms, mb (1e6 bytes), gflop (1e9
/// operations), gflops and gbs (a second). An infinite error is null. Text that isn't UTF-8
/// gets U+FFFD.
std::string to_json(const Report& report);

/// The same back. Throws Error that says, behind `path`, what is not as to_json writes it.
Report parse_report(std::string_view text, const std::string& path);
Report read_report(const std::string& path);

}  // namespace cudet::bench
