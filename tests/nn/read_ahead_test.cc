#include "nn/read_ahead.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "nn/safetensors_writer.h"
#include "support/temp_dir.h"

namespace echo {
namespace {

class ReadAheadTest : public ::testing::Test {
 protected:
  // Tensors of 1 MiB.
  void write(int count) {
    std::vector<PlannedTensor> tensors;
    for (int i = 0; i < count; ++i) {
      tensors.push_back({"t" + std::to_string(i), FileDType::kFloat32, {1 << 18}});
    }
    SafetensorsWriter writer(dir_ / "a.safetensors", tensors, {});
    writer.commit();
    file_ = SafetensorsFile::open(dir_ / "a.safetensors");
  }
  // Kilobytes of the file that are mapped into this process.
  static size_t resident_kb() {
    std::ifstream maps("/proc/self/smaps");
    std::string line;
    bool ours = false;
    while (std::getline(maps, line)) {
      if (line.find("a.safetensors") != line.npos) ours = true;
      if (ours && line.starts_with("Rss:")) return std::stoul(line.substr(4));
    }
    return 0;
  }

  TempDir dir_;
  std::shared_ptr<const SafetensorsFile> file_;
};

TEST_F(ReadAheadTest, MapsWhatIsAskedForAndNotTheRest) {
  write(40);
  std::vector<const TensorView*> wanted;
  for (int i = 0; i < 24; ++i) wanted.push_back(&file_->tensor("t" + std::to_string(i)));
  const size_t before = resident_kb();
  ReadAhead reads(wanted, ReadInto::kProcess, 3);
  reads.wait();
  EXPECT_EQ(reads.bytes(), uint64_t{24} << 20);
  const size_t mapped = resident_kb() - before;
  // An old kernel only reads the file, and leaves the mapping to the loader.
  if (mapped == 0) GTEST_SKIP() << "the system cannot map pages ahead";
  EXPECT_GE(mapped, size_t{24} << 10);
  EXPECT_LT(mapped, size_t{28} << 10);
}

TEST_F(ReadAheadTest, WhatIsOnlyReadDoesNotCountAsTheProcesssMemory) {
  write(24);
  std::vector<const TensorView*> wanted;
  for (const TensorView& tensor : file_->tensors()) wanted.push_back(&tensor);
  const size_t before = resident_kb();
  ReadAhead reads(wanted, ReadInto::kPageCache, 3);
  reads.wait();
  EXPECT_LT(resident_kb(), before + 1024);
}

TEST_F(ReadAheadTest, EndsEarlyWhenItIsNotWanted) {
  write(64);
  std::vector<const TensorView*> wanted;
  for (const TensorView& tensor : file_->tensors()) wanted.push_back(&tensor);
  for (int i = 0; i < 20; ++i) ReadAhead(wanted, ReadInto::kProcess, 2);
}

TEST(ReadAheadOfMemory, LeavesItAlone) {
  std::vector<std::byte> bytes(64);
  TensorView view;
  view.bytes = bytes;
  const TensorView* tensors[] = {&view};
  ReadAhead reads(tensors, ReadInto::kProcess);
  reads.wait();
  EXPECT_EQ(reads.bytes(), 64u);
}

}  // namespace
}  // namespace echo
