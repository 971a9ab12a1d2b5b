// The clock of all measurements on the CPU.
#pragma once
#include <chrono>

namespace cudet::bench {

using Clock = std::chrono::steady_clock;

inline double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

}  // namespace cudet::bench
