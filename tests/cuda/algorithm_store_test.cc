// What is remembered of algorithms survives the process, and nothing that a file holds can do harm.
#include "cuda/algorithm_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "support/kill_points.h"
#include "support/temp_dir.h"

namespace echo::cuda {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

MatmulShape shape(int64_t rows, bool bias = false) {
  MatmulShape result;
  result.rows = rows;
  result.outputs = 2048;
  result.depth = 5888;
  result.in = DType::kBFloat16;
  result.bias = bias;
  return result;
}

constexpr AlgorithmBits kSome = {1, 0xffffffffffffffffu, 3, 4, 5, 6, 7, 0x123456789abcdefu};
constexpr AlgorithmBits kOther = {8, 7, 6, 5, 4, 3, 2, 1};

std::string contents(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(AlgorithmStore, KilledAtAnyCallTheNextOneRemembers) {
  const TempDir folder;
  const auto make = [&] { return AlgorithmStore(folder.path(), "device"); };
  const int killed = kill_at_every_point(
      KillPoints::kEveryCall, {.prepare = [&] { make().put(shape(640), kSome); },
                               .work = [&] { make().put(shape(640), kOther); },
                               .check =
                                   [&](int killed_at) {
                                     EXPECT_FALSE(make().find(shape(640)).empty()) << killed_at;
                                     make().put(shape(1920), kSome);
                                     EXPECT_THAT(make().find(shape(1920)), ElementsAre(kSome))
                                         << killed_at;
                                   }});
  if (killed < 0) GTEST_SKIP() << "processes may not be traced here";
  EXPECT_GE(killed, 6) << "open, lock, write, rename, close at least";
}

TEST(AlgorithmStore, RemembersOverProcesses) {
  const TempDir folder;
  {
    AlgorithmStore store(folder.path() / "not yet there", "NVIDIA H100 sm 90");
    EXPECT_THAT(store.find(shape(640)), IsEmpty());
    store.put(shape(640), kOther);
    store.put(shape(640), kSome);
    store.put(shape(640, true), kOther);
  }
  const AlgorithmStore again(folder.path() / "not yet there", "NVIDIA H100 sm 90");
  EXPECT_THAT(again.find(shape(640)), ElementsAre(kSome, kOther));
  EXPECT_THAT(again.find(shape(640, true)), ElementsAre(kOther));
  EXPECT_THAT(again.find(shape(1920)), IsEmpty());
  // Another device, driver or library knows nothing of it.
  const AlgorithmStore other(folder.path() / "not yet there", "NVIDIA H100 sm 90 driver 1");
  EXPECT_THAT(other.find(shape(640)), IsEmpty());
  EXPECT_NE(again.file(), other.file());
}

TEST(AlgorithmStore, KeepsTheLastFewOfAShape) {
  const TempDir folder;
  AlgorithmStore store(folder.path(), "device");
  for (uint64_t i = 0; i < 9; ++i) store.put(shape(640), {i});
  store.put(shape(640), {6});
  const AlgorithmStore again(folder.path(), "device");
  for (const AlgorithmStore* each : std::initializer_list<const AlgorithmStore*>{&store, &again}) {
    EXPECT_THAT(each->find(shape(640)), ElementsAre(AlgorithmBits{6}, AlgorithmBits{8},
                                                    AlgorithmBits{7}, AlgorithmBits{5}));
  }
}

TEST(AlgorithmStore, ADamagedFileIsIgnoredAndReplaced) {
  const TempDir folder;
  std::filesystem::path file;
  {
    AlgorithmStore store(folder.path(), "device");
    store.put(shape(640), kSome);
    store.put(shape(128), kOther);
    file = store.file();
  }
  const std::string whole = contents(file);
  std::vector<std::string> damaged = {"", "x", std::string(1000, '\0'),
                                      "echo-tts cublaslt algorithms 2" + whole.substr(30)};
  for (size_t size = 0; size + 1 < whole.size(); size += 7)
    damaged.push_back(whole.substr(0, size));
  std::string letter = whole;
  letter[letter.find("2048")] = 'z';
  damaged.push_back(letter);
  damaged.push_back(std::string(whole).insert(whole.find("\nend"), " 5"));
  for (const std::string& bytes : damaged) {
    std::ofstream(file, std::ios::binary) << bytes;
    AlgorithmStore store(folder.path(), "device");
    EXPECT_THAT(store.find(shape(640)), IsEmpty()) << bytes;
    EXPECT_THAT(store.find(shape(128)), IsEmpty()) << bytes;
    store.put(shape(16), kSome);
    const AlgorithmStore again(folder.path(), "device");
    EXPECT_THAT(again.find(shape(16)), ElementsAre(kSome));
  }
}

TEST(AlgorithmStore, WithoutAFolderOrAWritableOneItRemembersInMemory) {
  AlgorithmStore memory({}, "device");
  memory.put(shape(640), kSome);
  EXPECT_THAT(memory.find(shape(640)), ElementsAre(kSome));
  EXPECT_TRUE(memory.file().empty());

  const TempDir folder;
  std::ofstream(folder.path() / "file") << "in the way";
  AlgorithmStore store(folder.path() / "file", "device");
  store.put(shape(640), kSome);
  EXPECT_THAT(store.find(shape(640)), ElementsAre(kSome));
}

TEST(AlgorithmStore, NamesOfFilesHoldNothingOfPaths) {
  const TempDir folder;
  const AlgorithmStore store(folder.path(), "GeForce/../RTX 4090 sm 89");
  EXPECT_EQ(store.file().parent_path(), folder.path());
  EXPECT_EQ(store.file().filename(), "GeForce-..-RTX-4090-sm-89.algorithms");
}

TEST(AlgorithmStore, RowsShareAnAlgorithmInClasses) {
  int64_t last = 0;
  for (int64_t rows = 1; rows <= 8192; ++rows) {
    const int64_t found = row_class(rows);
    EXPECT_GE(found, rows);
    EXPECT_GE(found, last);
    EXPECT_EQ(row_class(found), found);
    EXPECT_LE(found, std::max<int64_t>(16, 2 * rows));
    last = found;
  }
  EXPECT_EQ(row_class(640), 640);
  EXPECT_EQ(row_class(1920), 2048);
  EXPECT_EQ(row_class(100), 128);
  EXPECT_EQ(row_class(129), 256);
}

}  // namespace
}  // namespace echo::cuda
