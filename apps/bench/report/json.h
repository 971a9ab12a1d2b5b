// Writes reports as JSON and reads them back.
#pragma once
#include <string>
#include <string_view>

#include "apps/bench/report/report.h"

namespace cudet::bench {

/// Writes the whole report including the samples, one line per layer. Member names end in their units: ms, mb (1e6
/// bytes), gflop (1e9 operations), gflops and gbs (1e9 operations and bytes per second). An infinite error becomes
/// null. Invalid UTF-8 becomes U+FFFD.
std::string to_json(const Report& report);

/// Inverse of to_json(). Checks untrusted text. Throws Error whose message starts with `path` and names the member that
/// is wrong.
Report parse_report(std::string_view text, const std::string& path);
/// Reads the file at `path` and parses it.
Report read_report(const std::string& path);

}  // namespace cudet::bench
