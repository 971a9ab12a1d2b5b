// Tests of the number of cores that control groups allow, on files like those of /proc and /sys/fs/cgroup.
#include "runtime/cpu/cores.h"

#include <gtest/gtest.h>

#include "tests/temporary.h"

namespace cudet::test {
namespace {

constexpr const char* kMounts =
    "22 28 0:20 / /proc rw - proc proc rw\n"
    "31 28 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
constexpr const char* kOldMounts =
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    "34 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n";

class CgroupCores : public testing::Test {
 protected:
  int cores(const std::string& groups, const std::string& mounts) const {
    folder_.write("proc/self/cgroup", groups);
    folder_.write("proc/self/mountinfo", mounts);
    return cgroup_cores(folder_.path().string());
  }
  void limit(const std::string& group, const std::string& text) const {
    folder_.write("sys/fs/cgroup/" + group + "cpu.max", text + "\n");
  }
  void old_limit(const std::string& group, const std::string& quota) const {
    folder_.write("sys/fs/cgroup/cpu,cpuacct/" + group + "cpu.cfs_quota_us", quota + "\n");
    folder_.write("sys/fs/cgroup/cpu,cpuacct/" + group + "cpu.cfs_period_us", "100000\n");
  }

  TemporaryFolder folder_;
};

TEST_F(CgroupCores, RoundsTheLimitOfVersion2Up) {
  limit("", "150000 100000");
  EXPECT_EQ(cores("0::/\n", kMounts), 2);
  limit("", "50000 100000");
  EXPECT_EQ(cores("0::/\n", kMounts), 1);
  limit("", "400000 100000");
  EXPECT_EQ(cores("0::/\n", kMounts), 4);
  limit("", "max 100000");
  EXPECT_EQ(cores("0::/\n", kMounts), 0);
}

TEST_F(CgroupCores, TakesTheLeastOfAGroupAndItsParents) {
  limit("a/", "300000 100000");
  limit("a/b/", "max 100000");
  EXPECT_EQ(cores("0::/a/b/c\n", kMounts), 3);
  limit("a/b/c/", "200000 100000");
  EXPECT_EQ(cores("0::/a/b/c\n", kMounts), 2);
  EXPECT_EQ(cores("0::/other\n", kMounts), 0);
}

TEST_F(CgroupCores, ReadsVersion1) {
  old_limit("docker/x/", "250000");
  EXPECT_EQ(cores("4:cpu,cpuacct:/docker/x\n3:cpuset:/\n0::/\n", kOldMounts), 3);
  old_limit("docker/x/", "-1");
  EXPECT_EQ(cores("4:cpu,cpuacct:/docker/x\n", kOldMounts), 0);
  old_limit("docker/", "100000");
  EXPECT_EQ(cores("4:cpu,cpuacct:/docker/x\n", kOldMounts), 1);
}

// A container sees the group of the host in /proc/self/cgroup, and its own group as the mounted one.
TEST_F(CgroupCores, ReadsTheMountedGroupOfAContainer) {
  old_limit("", "200000");
  const std::string mounts = "32 31 0:29 /docker/x /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n";
  EXPECT_EQ(cores("4:cpu,cpuacct:/docker/x\n", mounts), 2);
  old_limit("inner/", "100000");
  EXPECT_EQ(cores("4:cpu,cpuacct:/docker/x/inner\n", mounts), 1);
  EXPECT_EQ(cores("4:cpu,cpuacct:/docker/y\n", mounts), 2);
  EXPECT_EQ(cores("4:cpu,cpuacct:/../../docker\n", mounts), 2);
}

TEST_F(CgroupCores, IsUnlimitedIfTheFilesAreMissingOrInvalid) {
  EXPECT_EQ(cgroup_cores(folder_.file("nothing")), 0);
  for (const char* text : {"", "x y", "100000", "0 0", "-5 100000", "100000 0", "1e300 1"}) {
    limit("", text);
    EXPECT_EQ(cores("0::/\n", kMounts), 0) << text;
  }
  limit("", "100000 100000");
  for (const char* groups : {"", "nonsense", "0:", "5:memory:/\n"}) EXPECT_EQ(cores(groups, kMounts), 0) << groups;
  for (const char* mounts : {"", "1 2 3\n", " - \n", "31 28 0:26 / /sys/fs/cgroup - cgroup cgroup rw,memory\n"})
    EXPECT_EQ(cores("0::/\n", mounts), 0) << mounts;
}

TEST(DefaultThreads, AreFewerThanCoresOnlyWithALimit) {
  const int cores = static_cast<int>(usable_cores().size()), threads = default_threads();
  EXPECT_GE(threads, 1);
  EXPECT_LE(threads, cores);
  if (cgroup_cores() == 0) {
    EXPECT_EQ(threads, cores);
  }
}

}  // namespace
}  // namespace cudet::test
