#include "apps/bench/machine/machine.h"

#include <gtest/gtest.h>

#include <ctime>
#include <sstream>

#include "apps/bench/machine/core_usage.h"
#include "apps/bench/machine/peak.h"
#include "runtime/cpu/cores.h"

namespace cudet::bench::test {
namespace {

std::string parse_name(const std::string& cpuinfo) {
  std::istringstream text(cpuinfo);
  return processor_name(text);
}

TEST(BenchMachine, NamesTheProcessor) {
  EXPECT_EQ(
      parse_name("processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel\t\t: 1\nmodel name\t: AMD EPYC 7R13 Processor\n\n"
                 "processor\t: 1\nmodel name\t: another\n"),
      "AMD EPYC 7R13 Processor");
  const std::string arm = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd08\n\n";
  EXPECT_EQ(parse_name(arm + "Hardware\t: BCM2835\nModel\t\t: Raspberry Pi 4 Model B Rev 1.4\n"),
            "Raspberry Pi 4 Model B Rev 1.4");
  EXPECT_EQ(parse_name(arm), "CPU implementer 0x41, part 0xd08");
  EXPECT_EQ(parse_name(""), "");
  EXPECT_EQ(parse_name("model name\t:\n: nothing\n"), "");
}

/// A quiet machine with four cores, of which two threads use two.
Disturbance quiet() {
  return {.p10 = 0.99, .p90 = 1.03, .own = 1.97, .wanted = 2, .others = 0.1, .cores = 4};
}

TEST(BenchMachine, IsQuietIfNothingElseRuns) {
  EXPECT_EQ(why_busy(quiet()), "");
}

TEST(BenchMachine, SaysWhyTimesAreUnreliable) {
  Disturbance others = quiet();
  others.others = 1.24;
  EXPECT_EQ(why_busy(others), "other load used 1.2 of the 4 cores");
  Disturbance waiting = quiet();
  waiting.own = 1.24;
  EXPECT_EQ(why_busy(waiting),
            "the threads got 62 % of the CPU time they need: other load or a CPU quota takes the rest");
  Disturbance spread = quiet();
  spread.p90 = 2.1;
  EXPECT_EQ(why_busy(spread), "equal work took 0.99 to 2.10 times its median: there is other load");
}

// A core computes at most 64 fp32 multiply-adds per cycle at about 6 GHz, and reads at most about 200 GB/s. The limits
// detect work that the compiler removed, which would seem far faster.
TEST(BenchMachine, MeasuresThePeakOfTheProcessor) {
  for (const int threads : {1, 2}) {
    const Machine machine = measure_machine(threads);
    EXPECT_EQ(machine.cores, static_cast<int>(usable_cores().size()));
    EXPECT_EQ(machine.instructions, convolution_instruction_set());
    EXPECT_FALSE(machine.processor.empty());
    EXPECT_TRUE(machine.gpu.empty());
    EXPECT_GT(machine.peak_gflops, 0.01);
    EXPECT_LT(machine.peak_gflops, 800 * threads);
    EXPECT_GT(machine.bandwidth_gbs, 0.01);
    EXPECT_LT(machine.bandwidth_gbs, 200 * threads);
    EXPECT_GE(machine.noise, 0);
  }
}

TEST(BenchMachine, SizesWorkByItsTime) {
  ThreadPool pool(2);
  const MultiplyAdds little(pool, 0.5), much(pool, 50);
  EXPECT_GT(much.gflop(), 5 * little.gflop());
}

TEST(BenchMachine, CountsTheCpuTimeOfThisProcess) {
  const CoreUsage usage(usable_cores());
  const std::clock_t start = std::clock();
  while (std::clock() - start < CLOCKS_PER_SEC / 20) {
  }
  EXPECT_GT(usage.own(), 0.01);
  EXPECT_LT(usage.own(), 1.01);  // one thread
  EXPECT_GE(usage.others(), 0);
  EXPECT_LT(usage.others(), static_cast<double>(usable_cores().size()) + 1);
}

}  // namespace
}  // namespace cudet::bench::test
