#include "base/processors.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "support/temp_dir.h"

namespace echo {
namespace {

class ProcessorsTest : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) {
    const std::filesystem::path path = dir_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  std::optional<double> quota() const {
    return processor_allowance(dir_.path().string() + "/").quota;
  }

  TempDir dir_;
};

ProcessorAllowance of(int online, int affinity, std::optional<double> quota) {
  return {online, affinity, quota, 1};
}

TEST(Processors, ThreadsAreTheLeastOfAffinityAndQuota) {
  EXPECT_EQ(of(64, 64, {}).threads(), 64);
  EXPECT_EQ(of(64, 64, 2.0).threads(), 2);
  EXPECT_EQ(of(64, 4, 8.0).threads(), 4);
  EXPECT_EQ(of(64, 64, 1.5).threads(), 2) << "a part counts as one";
  EXPECT_EQ(of(64, 64, 0.1).threads(), 1);
}

TEST(Processors, SayWhatLimitsThem) {
  EXPECT_EQ(of(2, 2, {}).text(), "2 of 2 processors");
  EXPECT_EQ(of(64, 64, 2.0).text(), "2 of 64 processors (control group: 2)");
  EXPECT_EQ(of(64, 4, 1.5).text(), "2 of 64 processors (control group: 1.5, affinity: 4)");
  EXPECT_EQ(of(64, 4, 8.0).text(), "4 of 64 processors (affinity: 4)");
  EXPECT_EQ((ProcessorAllowance{64, 64, {}, 2}.text()), "64 of 64 processors, on 2 NUMA nodes");
}

TEST_F(ProcessorsTest, WithoutFilesThereIsNoQuota) { EXPECT_FALSE(quota()); }

TEST_F(ProcessorsTest, AContainersQuota) {
  write("proc/self/cgroup", "0::/\n");
  write("sys/fs/cgroup/cpu.max", "200000 100000\n");
  EXPECT_EQ(quota(), 2.0);
  write("sys/fs/cgroup/cpu.max", "max 100000\n");
  EXPECT_FALSE(quota());
  for (const char* broken : {"", "abc", "0 0", "-5 100000", "100000"}) {
    write("sys/fs/cgroup/cpu.max", broken);
    EXPECT_FALSE(quota()) << broken;
  }
}

TEST_F(ProcessorsTest, TheLeastQuotaOnTheWayUpCounts) {
  write("proc/self/cgroup", "0::/system.slice/echo.service\n");
  write("sys/fs/cgroup/system.slice/cpu.max", "300000 100000\n");
  EXPECT_EQ(quota(), 3.0);
  write("sys/fs/cgroup/system.slice/echo.service/cpu.max", "50000 20000\n");
  EXPECT_EQ(quota(), 2.5);
  write("sys/fs/cgroup/system.slice/echo.service/cpu.max", "400000 100000\n");
  EXPECT_EQ(quota(), 3.0);
}

TEST_F(ProcessorsTest, APathOfTheHostLeadsToTheContainersOwnGroup) {
  write("proc/self/cgroup", "0::/kubepods/pod1/abc\n");
  write("sys/fs/cgroup/cpu.max", "150000 100000\n");
  EXPECT_EQ(quota(), 1.5);
  write("proc/self/cgroup", "0::/../../outside\n");
  EXPECT_EQ(quota(), 1.5);
}

TEST_F(ProcessorsTest, OldControlGroupsAreUnderstood) {
  write("proc/self/cgroup", "5:memory:/docker/a\n4:cpu,cpuacct:/docker/a\n3:cpuset:/docker/a\n");
  write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
  write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  EXPECT_FALSE(quota());
  write("sys/fs/cgroup/cpu,cpuacct/docker/a/cpu.cfs_quota_us", "250000\n");
  write("sys/fs/cgroup/cpu,cpuacct/docker/a/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(quota(), 2.5);
  write("proc/self/cgroup", "4:cpu:/\n");
  write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "100000\n");
  write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(quota(), 1.0);
}

TEST_F(ProcessorsTest, NumaNodesOfTheAffinityAreCounted) {
  const auto nodes = [&] { return processor_allowance(dir_.path().string() + "/").numa_nodes; };
  EXPECT_EQ(nodes(), 1);
  write("sys/devices/system/node/node0/cpulist", "0-65535\n");
  write("sys/devices/system/node/node1/cpulist", "70000-70001,80000\n");
  EXPECT_EQ(nodes(), 1) << "the second node's processors are not ours";
  write("sys/devices/system/node/node1/cpulist", "70000,0-65535\n");
  EXPECT_EQ(nodes(), 2);
}

TEST(Processors, AThreadsAffinityIsRead) {
  std::thread([] {
    const int before = processor_allowance().affinity;
    cpu_set_t all, one;
    CPU_ZERO(&one);
    ASSERT_EQ(::sched_getaffinity(0, sizeof all, &all), 0);
    EXPECT_EQ(before, CPU_COUNT(&all));
    int first = 0;
    while (!CPU_ISSET(first, &all)) ++first;
    CPU_SET(first, &one);
    ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
    EXPECT_EQ(processor_allowance().affinity, 1);
    EXPECT_EQ(processor_allowance().threads(), 1);
  }).join();
}

}  // namespace
}  // namespace echo
