#include "runtime/cpu/cores.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <thread>

namespace cudet {
namespace {

namespace fs = std::filesystem;

constexpr double kUnlimited = std::numeric_limits<double>::infinity();

/// Whether a list such as "cpu,cpuacct" has an item.
bool contains(const std::string& list, const std::string& item) {
  return ("," + list + ",").find("," + item + ",") != std::string::npos;
}

/// A hierarchy of control groups that limits CPU time.
struct Hierarchy {
  bool second;        // version 2
  std::string group;  // path of the process's group, as /proc/self/cgroup names it
};

/// Lines of /proc/self/cgroup: "4:cpu,cpuacct:/group" (version 1), "0::/group" (version 2).
std::vector<Hierarchy> read_hierarchies(const std::string& root) {
  std::vector<Hierarchy> found;
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1), group = line.substr(second + 1);
    if (controllers.empty() || contains(controllers, "cpu")) found.push_back({controllers.empty(), group});
  }
  return found;
}

struct Mount {
  std::string group;   // the group that is mounted
  std::string folder;  // where
};

/// Lines of /proc/self/mountinfo: "32 31 0:29 GROUP FOLDER options [fields] - cgroup source options".
std::vector<Mount> read_mounts(const std::string& root, bool second) {
  std::vector<Mount> found;
  std::ifstream file(root + "/proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t separator = line.find(" - ");
    if (separator == std::string::npos) continue;
    std::istringstream fields(line), rest(line.substr(separator + 3));
    std::string skipped, group, folder, type, source, options;
    fields >> skipped >> skipped >> skipped >> group >> folder;
    rest >> type >> source >> options;
    if (second ? type == "cgroup2" : type == "cgroup" && contains(options, "cpu")) found.push_back({group, folder});
  }
  return found;
}

/// The limit of one group, in cores.
double read_limit(const fs::path& folder, bool second) {
  double quota = 0, period = 0;
  if (second) {
    std::ifstream file(folder / "cpu.max");  // "150000 100000" or "max 100000"
    if (!(file >> quota >> period)) return kUnlimited;
  } else {
    std::ifstream quota_file(folder / "cpu.cfs_quota_us"), period_file(folder / "cpu.cfs_period_us");
    if (!(quota_file >> quota) || !(period_file >> period)) return kUnlimited;
  }
  return quota > 0 && period > 0 ? quota / period : kUnlimited;  // version 1 has -1 for no limit
}

/// The least limit of a group and its parents, up to the mounted one.
double read_limits(const std::string& root, const Mount& mount, const Hierarchy& hierarchy) {
  const fs::path top = root + mount.folder;
  fs::path below = fs::path(hierarchy.group).lexically_relative(mount.group);
  // In a container the group can be outside of what is mounted, which then is the container's own group.
  if (below.empty() || *below.begin() == "..") below = ".";
  double least = read_limit(top, hierarchy.second);
  for (; !below.empty() && below != "."; below = below.parent_path())
    least = std::min(least, read_limit(top / below, hierarchy.second));
  return least;
}

}  // namespace

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

int cgroup_cores(const std::string& root) {
  double least = kUnlimited;
  for (const Hierarchy& hierarchy : read_hierarchies(root))
    for (const Mount& mount : read_mounts(root, hierarchy.second))
      least = std::min(least, read_limits(root, mount, hierarchy));
  constexpr double kMost = 1e6;
  return least > kMost ? 0 : static_cast<int>(std::ceil(least));
}

int default_threads() {
  const int cores = static_cast<int>(usable_cores().size()), limit = cgroup_cores();
  return limit > 0 ? std::min(cores, limit) : cores;
}

}  // namespace cudet
