// Reports with made-up times.
#pragma once
#include <cmath>
#include <string>
#include <vector>

#include "apps/bench/report/report.h"
#include "apps/bench/report/sample_statistics.h"

namespace cudet::bench::test {

/// 31 times whose median is `p50`, at most 2 % away from it.
inline Times times_around(double p50) {
  std::vector<double> samples;
  for (int i = 0; i < 30; ++i) samples.push_back(p50 * (1 + 0.02 * std::sin(2 * i)));
  samples.push_back(p50);
  return summarize(samples);
}

inline Measurement step(const std::string& name, const std::string& op, double ms, double gflop, double mbytes) {
  const double gflops = gflop / ms * 1e3, gbs = mbytes / ms;
  return {name,   op,  "1x80x80x16 -> 16 k3x3",          times_around(ms),        gflop, mbytes,
          gflops, gbs, std::max(gflops / 100, gbs / 10), gbs / 10 > gflops / 100, {},    {}};
}

/// A network of three steps on a machine with 100 GFLOP/s and 10 GB/s.
inline Report small_report() {
  Report report;
  report.version = "0.1.0";
  report.machine = {"A Processor", 4, "AVX2", "", 100, 10, 0.02, ""};
  report.setting = {"some/where/best.json", "cpu", "fp32", 320, 640, 1, 2, 5, 31};
  report.network = Network{times_around(20), times_around(21), 1.5, 35, 120, 50, 48, 40, {}};
  report.layers = {step("model.0", "conv2d", 12, 1, 4), step("model.1", "conv2d", 6, 0.5, 2),
                   step("model.2", "upsample", 2, 0, 16)};
  return report;
}

}  // namespace cudet::bench::test
