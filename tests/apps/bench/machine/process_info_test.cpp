#include "apps/bench/machine/process_info.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>

#include "apps/bench/machine/clock.h"
#include "runtime/buffer.h"

namespace cudet::bench::test {
namespace {

// The process started 5000 ticks after boot, 110 to 120 ms ago.
TEST(BenchProcess, AgeIsTheCpuTimeWithinTheTickOfTheStart) {
  const std::string stat = "7 (odd) R (name) R 1 7 7 0 -1 4194304 97 0 0 0 3 1 0 0 20 0 1 0 5000 3133440 362 1844674";
  EXPECT_DOUBLE_EQ(process_age_ms(stat, 10, 50'120, 113.5), 113.5);
  EXPECT_DOUBLE_EQ(process_age_ms(stat, 10, 50'120, 3), 110);    // it slept
  EXPECT_DOUBLE_EQ(process_age_ms(stat, 10, 50'120, 300), 120);  // in several threads
  EXPECT_DOUBLE_EQ(process_age_ms("", 10, 50'120, 3), 3);
  EXPECT_DOUBLE_EQ(process_age_ms("7 (name) R 1", 10, 50'120, 3), 3);
}

TEST(BenchProcess, AgesAsTimePasses) {
  const auto start = Clock::now();
  const double young = process_age_ms();
  usleep(50'000);
  const double old = process_age_ms();
  EXPECT_GE(old - young, 50 - 10.1);
  EXPECT_LE(old - young, milliseconds_since(start) + 10.1);
}

TEST(BenchProcess, PeakMemoryIncludesFreedMemory) {
  const double before = peak_memory_mb();
  EXPECT_GT(before, 0.5);
  {
    const Buffer buffer(static_cast<std::size_t>(before * 1e6) + (16 << 20));
    std::memset(buffer.data(), 1, buffer.bytes());
    EXPECT_GE(peak_memory_mb(), before + 16);
    EXPECT_GE(resident_memory_mb(), before + 16);
  }
  EXPECT_GE(peak_memory_mb(), before + 16);
  EXPECT_LT(peak_memory_mb(), 3 * before + 100);
}

}  // namespace
}  // namespace cudet::bench::test
