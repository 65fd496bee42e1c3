#include "base/system_memory.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "support/temp_dir.h"

namespace echo {
namespace {

class SystemMemoryTest : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) {
    const std::filesystem::path path = dir_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  SystemMemory memory() const { return system_memory(dir_.path().string() + "/"); }

  TempDir dir_;
};

TEST_F(SystemMemoryTest, NothingIsKnownWithoutFiles) {
  EXPECT_FALSE(memory().total);
  EXPECT_FALSE(memory().available);
}

TEST_F(SystemMemoryTest, TheMachinesMemoryCountsWithoutALimit) {
  write("proc/meminfo", "MemTotal: 2000 kB\nMemAvailable: 1000 kB\n");
  write("sys/fs/cgroup/memory.max", "max\n");
  write("sys/fs/cgroup/memory.current", "5\n");
  EXPECT_EQ(memory().total, 2'048'000u);
  EXPECT_EQ(memory().available, 1'024'000u);
}

TEST_F(SystemMemoryTest, TheControlGroupsLimitCountsWhenItIsLess) {
  write("proc/meminfo", "MemTotal: 2000 kB\nMemAvailable: 1000 kB\n");
  write("sys/fs/cgroup/memory.max", "500000\n");
  write("sys/fs/cgroup/memory.current", "400000\n");
  write("sys/fs/cgroup/memory.stat", "anon 300000\ninactive_file 100000\n");
  EXPECT_EQ(memory().total, 500'000u);
  EXPECT_EQ(memory().available, 200'000u) << "the cache can go";
  write("sys/fs/cgroup/memory.current", "700000\n");
  EXPECT_EQ(memory().available, 0u) << "more is taken than allowed";
}

TEST_F(SystemMemoryTest, OldControlGroupsAreUnderstood) {
  write("proc/meminfo", "MemTotal: 2000 kB\nMemAvailable: 1000 kB\n");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "500000\n");
  write("sys/fs/cgroup/memory/memory.usage_in_bytes", "100000\n");
  EXPECT_EQ(memory().total, 500'000u);
  EXPECT_EQ(memory().available, 400'000u);
}

TEST(ReleaseMemory, TheStringIsEmptyAndItsNeighboursStay) {
  std::string before(3 << 20, 'a'), large(5 << 20, 'b'), after(3 << 20, 'c'), little = "d";
  release_memory(large);
  release_memory(little);
  EXPECT_EQ(large, "");
  EXPECT_EQ(little, "");
  EXPECT_EQ(before, std::string(3 << 20, 'a'));
  EXPECT_EQ(after, std::string(3 << 20, 'c'));
  large.assign(5 << 20, 'e');
  EXPECT_EQ(large, std::string(5 << 20, 'e'));
}

}  // namespace
}  // namespace echo
