// Like the kernels, this file is compiled once per instruction set by Highway, and the code to run is chosen at run
// time.
#include "apps/bench/machine/peak.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <map>
#include <string>

#include "apps/bench/machine/clock.h"
#include "runtime/buffer.h"
#include "runtime/cpu/cores.h"

// The same instruction sets as in kernels/conv2d/.
#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "apps/bench/machine/peak.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace cudet::bench {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

constexpr hn::ScalableTag<float> kFloats;
using Floats = hn::Vec<decltype(kFloats)>;
constexpr std::size_t kLanes = hn::MaxLanes(kFloats);

// Independent sums per iteration. The product of latency and number of units is 8 to 10 on x86 and up to 16 on NEON.
// There must be more sums than that, but they must fit into 16 or 32 registers.
constexpr int kSums = kLanes == 16 || HWY_ARCH_ARM_A64 ? 24 : 12;

// Computes `iterations` multiply-adds on each of kSums vectors.
float multiply_adds(int iterations) {
  const Floats x = hn::Set(kFloats, 0.5f), y = hn::Set(kFloats, 0.25f);
  Floats sums[kSums];
  HWY_UNROLL(24)
  for (int n = 0; n < kSums; ++n) sums[n] = hn::Set(kFloats, static_cast<float>(n));
  for (int i = 0; i < iterations; ++i) {
    HWY_UNROLL(24)
    for (int n = 0; n < kSums; ++n) {
      if constexpr (HWY_NATIVE_FMA)
        sums[n] = hn::MulAdd(x, y, sums[n]);
      else  // the product must change, or the compiler moves it out of the loop
        sums[n] = hn::MulAdd(sums[n], x, y);
    }
  }
  Floats sum = hn::Zero(kFloats);
  HWY_UNROLL(24)  // without this the compiler keeps the sums in memory
  for (int n = 0; n < kSums; ++n) sum = hn::Add(sum, sums[n]);
  return hn::GetLane(hn::SumOfLanes(kFloats, sum));
}

double flops_per_iteration() {
  return 2.0 * kSums * static_cast<double>(kLanes);
}

// Returns the sum of `count` floats; `count` is a multiple of 8 vectors.
float read_all(const float* values, std::size_t count) {
  constexpr int kReads = 8;
  Floats sums[kReads];
  HWY_UNROLL(8)
  for (int n = 0; n < kReads; ++n) sums[n] = hn::Zero(kFloats);
  for (std::size_t i = 0; i < count; i += kReads * kLanes) {
    HWY_UNROLL(8)
    for (int n = 0; n < kReads; ++n) sums[n] = hn::Add(sums[n], hn::LoadU(kFloats, values + i + n * kLanes));
  }
  Floats sum = hn::Zero(kFloats);
  HWY_UNROLL(8)
  for (int n = 0; n < kReads; ++n) sum = hn::Add(sum, sums[n]);
  return hn::GetLane(hn::SumOfLanes(kFloats, sum));
}

const char* target_name() {
  return hwy::TargetName(HWY_TARGET);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace cudet::bench
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cudet::bench {
namespace {

HWY_EXPORT(multiply_adds);
HWY_EXPORT(flops_per_iteration);
HWY_EXPORT(read_all);
HWY_EXPORT(target_name);

constexpr int kTilesPerThread = 16;  // small tiles, so that no thread waits long for the last one
constexpr std::size_t kTileBytes = 256 << 10, kMinBytes = 64 << 20, kMaxBytes = 1 << 30;
constexpr int kPasses = 6;

/// Bytes of the last-level caches of these cores, each cache counted once; 0 if the system does not report them.
std::size_t last_level_cache_bytes(const std::vector<int>& cores) {
  std::map<std::string, std::size_t> caches;  // by the list of cores that share it
  for (const int core : cores)
    for (int level = 4; level >= 0; --level) {
      const std::string folder =
          "/sys/devices/system/cpu/cpu" + std::to_string(core) + "/cache/index" + std::to_string(level) + "/";
      std::string sharing;
      std::size_t kilobytes = 0;
      std::ifstream(folder + "shared_cpu_list") >> sharing;
      std::ifstream(folder + "size") >> kilobytes;  // "32768K"
      if (kilobytes == 0) continue;
      caches[sharing] = kilobytes << 10;
      break;
    }
  std::size_t bytes = 0;
  for (const auto& [sharing, size] : caches) bytes += size;
  return bytes;
}

}  // namespace

std::string convolution_instruction_set() {
  return HWY_DYNAMIC_DISPATCH(target_name)();
}

MultiplyAdds::MultiplyAdds(ThreadPool& pool, double milliseconds)
    : pool_(pool), sums_(static_cast<std::size_t>(pool.threads()) * kTilesPerThread) {
  while (run() < milliseconds / 2)
    iterations_ *= 2;  // scaling up from a long run is more accurate than from a short one
  iterations_ = std::max(1, static_cast<int>(iterations_ * milliseconds / std::min(run(), run())));
}

double MultiplyAdds::run() {
  const auto start = Clock::now();
  pool_.for_tiles(static_cast<int>(sums_.size()), [&](int first, int last) {
    for (int t = first; t < last; ++t)
      sums_[static_cast<std::size_t>(t)] = HWY_DYNAMIC_DISPATCH(multiply_adds)(iterations_);
  });
  return milliseconds_since(start);
}

double MultiplyAdds::gflop() const {
  return HWY_DYNAMIC_DISPATCH(flops_per_iteration)() * iterations_ * static_cast<double>(sums_.size()) * 1e-9;
}

double read_bandwidth_gbs(ThreadPool& pool) {
  const std::size_t wanted = std::clamp(4 * last_level_cache_bytes(usable_cores()), kMinBytes, kMaxBytes);
  const std::size_t tiles = wanted / kTileBytes;
  const Buffer buffer(tiles * kTileBytes);
  std::vector<float> sums(tiles);  // without a use of the results the compiler would remove the reads
  const auto for_each_tile = [&](const auto& body) {
    pool.for_tiles(static_cast<int>(tiles), [&](int first, int last) {
      for (auto t = static_cast<std::size_t>(first); t < static_cast<std::size_t>(last); ++t)
        body(buffer.data() + t * kTileBytes, t);
    });
  };
  for_each_tile([](std::byte* tile, std::size_t) { std::memset(tile, 0, kTileBytes); });  // maps the pages
  double best = 0;
  for (int pass = 0; pass < kPasses; ++pass) {
    const auto start = Clock::now();
    for_each_tile([&](const std::byte* tile, std::size_t t) {
      sums[t] = HWY_DYNAMIC_DISPATCH(read_all)(reinterpret_cast<const float*>(tile), kTileBytes / sizeof(float));
    });
    best = std::max(best, static_cast<double>(buffer.bytes()) / milliseconds_since(start) * 1e-6);
  }
  return best;
}

}  // namespace cudet::bench
#endif
