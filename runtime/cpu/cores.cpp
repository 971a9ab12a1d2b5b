#include "runtime/cpu/cores.h"

#include <sched.h>

#include <algorithm>
#include <thread>

namespace cudet {

std::vector<int> usable_cores() {
  std::vector<int> cores;
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    for (int i = 0; i < CPU_SETSIZE; ++i)
      if (CPU_ISSET(i, &set)) cores.push_back(i);
  } else {  // the system has more cores than a cpu_set_t holds
    for (int i = 0; i < std::max(1, static_cast<int>(std::thread::hardware_concurrency())); ++i) cores.push_back(i);
  }
  return cores;
}

}  // namespace cudet
