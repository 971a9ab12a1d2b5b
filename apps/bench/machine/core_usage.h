// How busy cores are, with this process and with others.
#pragma once
#include <vector>

namespace cudet::bench {

/// The usage of the given cores since the construction of this object.
class CoreUsage {
 public:
  explicit CoreUsage(std::vector<int> cores);

  /// Average number of cores that the threads of this process used: 1.5 is one and a half cores.
  double own() const;
  /// Average number of cores that everything else used: other processes, the kernel, and other guests on the host of a
  /// virtual machine. The system counts in ticks of 10 ms per core. 0 if it does not report usage.
  double others() const;

 private:
  /// Seconds: wall-clock time, CPU time of this process, CPU time of the cores.
  struct Reading {
    double wall, own, all;
  };
  Reading read() const;

  std::vector<int> cores_;
  Reading start_;
};

}  // namespace cudet::bench
