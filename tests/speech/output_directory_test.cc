#include "speech/output_directory.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "base/error.h"
#include "support/fake_clock.h"
#include "support/temp_dir.h"

namespace echo {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

std::string content(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

void set_age(const fs::path& path, std::chrono::minutes age) {
  fs::last_write_time(path, fs::file_time_type::clock::now() - age);
}

std::vector<std::string> names(const fs::path& folder) {
  std::vector<std::string> found;
  for (const auto& item : fs::directory_iterator(folder)) found.push_back(item.path().filename());
  return found;
}

class OutputDirectoryTest : public testing::Test {
 protected:
  OutputDirectory make(std::chrono::hours retention = 24h, uint64_t max_bytes = 1 << 20) {
    return OutputDirectory({path(), retention, max_bytes}, clock_);
  }
  std::string path() const { return (root_ / "results").string(); }
  fs::path file(const std::string& name) const { return fs::path(path()) / name; }

  std::string error_of(OutputDirectory& output, const std::string& name, const std::string& bytes,
                       ErrorCode code = ErrorCode::kUnavailable) {
    try {
      output.save(name, bytes);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      EXPECT_THAT(error.what(), Not(HasSubstr(root_.path().string())));
      return error.what();
    }
    ADD_FAILURE() << "it was saved";
    return "";
  }

  TempDir root_;
  FakeClock clock_{std::chrono::system_clock::now()};
};

TEST_F(OutputDirectoryTest, MakesItselfAndKeepsWholeFiles) {
  OutputDirectory output = make();
  const std::string bytes(100'000, 'x');
  output.save("a.ogg", bytes);
  EXPECT_EQ(content(file("a.ogg")), bytes);
  output.save("a.ogg", "new");
  EXPECT_EQ(content(file("a.ogg")), "new");
  EXPECT_THAT(names(path()), ElementsAre("a.ogg"));
}

TEST_F(OutputDirectoryTest, RefusesNamesThatAreNotPlain) {
  OutputDirectory output = make();
  for (const char* name : {"", "a.txt", "../a.ogg", "b/a.ogg", "/a.ogg", ".a.ogg", "a"}) {
    EXPECT_THAT(error_of(output, name, "x", ErrorCode::kInvalidArgument), HasSubstr("plain name"));
  }
}

TEST_F(OutputDirectoryTest, RemovesWhatIsTooOld) {
  OutputDirectory output = make(2h);
  for (const char* name : {"old.ogg", "young.ogg", "old.wav", "old.txt", ".old.ogg"}) {
    fs::create_directories(path());
    write(file(name), "x");
    set_age(file(name), std::string_view(name).find("old") != std::string::npos ? 121min : 119min);
  }
  EXPECT_EQ(output.clean(), 2u);
  EXPECT_THAT(names(path()), UnorderedElementsAre("young.ogg", "old.txt", ".old.ogg"));
  clock_.advance(2min);
  EXPECT_EQ(output.clean(), 1u);
}

TEST_F(OutputDirectoryTest, TheOldestMakeRoomForANewFile) {
  OutputDirectory output = make(0h, 1000);
  fs::create_directories(path());
  for (int i = 0; i < 4; ++i) {
    const fs::path one = file(std::to_string(i) + ".ogg");
    write(one, std::string(250, 'x'));
    set_age(one, std::chrono::minutes(i == 1 ? 1000 : 10 - i));  // 1 is the oldest, then 0, 2, 3
  }
  EXPECT_EQ(output.clean(), 0u);
  output.save("new.ogg", std::string(400, 'x'));
  EXPECT_THAT(names(path()), UnorderedElementsAre("2.ogg", "3.ogg", "new.ogg"));
}

TEST_F(OutputDirectoryTest, ZeroMeansNoLimit) {
  OutputDirectory output = make(0h, 0);
  output.save("a.ogg", "x");
  set_age(file("a.ogg"), 24h * 400);
  EXPECT_EQ(output.clean(), 0u);
}

TEST_F(OutputDirectoryTest, AFileLargerThanAllMayBeIsRefusedAndNothingIsRemovedForIt) {
  OutputDirectory output = make(0h, 100);
  output.save("a.ogg", std::string(90, 'x'));
  EXPECT_THAT(error_of(output, "b.ogg", std::string(101, 'x')), HasSubstr("101 bytes"));
  EXPECT_THAT(names(path()), ElementsAre("a.ogg"));
}

TEST_F(OutputDirectoryTest, RemovesHalfFilesOfKilledProcesses) {
  OutputDirectory output = make();
  fs::create_directories(path());
  write(file(".partial-1"), "x");
  write(file(".partial-2"), "x");
  set_age(file(".partial-1"), 61min);
  set_age(file(".partial-2"), 59min);
  EXPECT_EQ(output.clean(), 1u);
  EXPECT_THAT(names(path()), ElementsAre(".partial-2"));
}

TEST_F(OutputDirectoryTest, LinksAndFoldersAreNotTouched) {
  OutputDirectory output = make(1h, 1);
  fs::create_directories(file("folder.ogg"));
  write(root_ / "outside.ogg", "x");
  fs::create_symlink(root_ / "outside.ogg", file("link.ogg"));
  set_age(root_ / "outside.ogg", 24h);
  EXPECT_EQ(output.clean(), 0u);
  EXPECT_TRUE(fs::exists(root_ / "outside.ogg"));
}

// The kernel itself breaks off the write in the middle.
TEST_F(OutputDirectoryTest, ABrokenWriteLeavesNothing) {
  OutputDirectory output = make();
  output.save("a.ogg", "before");
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit old_limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old_limit), 0);
  const rlimit small{4096, old_limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const std::string message = error_of(output, "a.ogg", std::string(10'000, 'x'));
  ::setrlimit(RLIMIT_FSIZE, &old_limit);
  std::signal(SIGXFSZ, old_handler);
  EXPECT_THAT(message, HasSubstr("output file \"a.ogg\": cannot be written, files may not be"));
  EXPECT_EQ(content(file("a.ogg")), "before");
  EXPECT_THAT(names(path()), ElementsAre("a.ogg"));
}

TEST_F(OutputDirectoryTest, AFullDiskIsAClearError) {
  fs::create_directories(path());
  if (::mount("tmpfs", path().c_str(), "tmpfs", 0, "size=64k") != 0) {
    GTEST_SKIP() << "mounting a small file system needs more rights";
  }
  OutputDirectory output = make();
  const std::string message = error_of(output, "a.ogg", std::string(100'000, 'x'));
  output.save("b.ogg", "small");
  EXPECT_THAT(names(path()), ElementsAre("b.ogg"));
  ::umount(path().c_str());
  EXPECT_EQ(message,
            "output file \"a.ogg\": cannot be written, no space is left on the device "
            "(100000 bytes)");
}

TEST_F(OutputDirectoryTest, AFileInPlaceOfTheDirectoryIsAClearError) {
  write(path(), "x");
  OutputDirectory output = make();
  EXPECT_THAT(error_of(output, "a.ogg", "x"), HasSubstr("Not a directory"));
  EXPECT_THROW(output.check(), Error);
  EXPECT_EQ(output.clean(), 0u);
}

TEST_F(OutputDirectoryTest, WithoutADirectoryNothingIsKept) {
  OutputDirectory output({}, clock_);
  EXPECT_THAT(error_of(output, "a.ogg", "x"), HasSubstr("no output directory is configured"));
  EXPECT_EQ(output.clean(), 0u);
}

TEST_F(OutputDirectoryTest, CheckTellsWhatIsThere) {
  OutputDirectory output = make();
  EXPECT_EQ(output.check().files, 0u);
  output.save("a.ogg", "12345");
  output.save("b.ogg", "123");
  const OutputDirectoryState state = output.check();
  EXPECT_EQ(state.files, 2u);
  EXPECT_EQ(state.bytes, 8u);
  EXPECT_GT(state.free_bytes, 0u);
  EXPECT_THAT(names(path()), UnorderedElementsAre("a.ogg", "b.ogg"));
}

TEST_F(OutputDirectoryTest, KnowsWhenItSharesFilesWithAnother) {
  const OutputDirectory output = make();
  fs::create_directories(root_ / "results" / "inner");
  fs::create_directories(root_ / "results2");
  fs::create_symlink(root_ / "results", root_ / "alias");
  EXPECT_TRUE(output.overlaps(path()));
  EXPECT_TRUE(output.overlaps(path() + "/inner"));
  EXPECT_TRUE(output.overlaps(root_.path().string()));
  EXPECT_TRUE(output.overlaps((root_ / "alias").string()));
  EXPECT_FALSE(output.overlaps((root_ / "results2").string()));
  EXPECT_FALSE(output.overlaps((root_ / "absent").string()));
  EXPECT_FALSE(OutputDirectory({}).overlaps(path()));
  EXPECT_FALSE(output.overlaps(""));
  OutputDirectory absent({.path = (root_ / "later/").string()});
  EXPECT_TRUE(absent.overlaps((root_ / "later").string())) << "before either is there";
  EXPECT_TRUE(absent.overlaps((root_ / "later/voices").string()));
  EXPECT_FALSE(absent.overlaps((root_ / "later2").string()));
}

TEST_F(OutputDirectoryTest, ManyThreadsKeepOneWholeFile) {
  OutputDirectory output = make();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int k = 0; k < 5; ++k) output.save("a.ogg", std::string(10'000, char('a' + i)));
    });
  }
  for (std::thread& thread : threads) thread.join();
  const std::string bytes = content(file("a.ogg"));
  EXPECT_EQ(bytes, std::string(10'000, bytes.at(0)));
  EXPECT_THAT(names(path()), ElementsAre("a.ogg"));
}

}  // namespace
}  // namespace echo
