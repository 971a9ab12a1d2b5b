// Cores: their caches, and who uses them.
#pragma once
#include <cstddef>
#include <vector>

namespace cudet::bench {

/// Bytes of the last-level caches of these cores, each counted once; 0 where the system does not tell.
std::size_t last_level_cache_bytes(const std::vector<int>& cores);

/// How busy these cores have been since the object was made.
class CoreUse {
 public:
  explicit CoreUse(std::vector<int> cores);

  /// Cores' worth of time that this process's threads had: 1.5 is one and a half cores.
  double own() const;
  /// That others had: other processes, the system, and other guests of a virtual machine's host. To 10 ms of each
  /// core's time; 0 where the system does not tell.
  double others() const;

 private:
  /// Seconds.
  struct Reading {
    double wall, own, all;
  };
  Reading read() const;

  std::vector<int> cores_;
  Reading start_;
};

}  // namespace cudet::bench
