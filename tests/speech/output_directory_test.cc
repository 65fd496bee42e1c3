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
#include "base/uuid.h"
#include "support/fake_clock.h"
#include "support/kill_points.h"
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

// What is there, without the marks.
std::vector<std::string> names(const fs::path& folder) {
  std::vector<std::string> found;
  for (const auto& item : fs::directory_iterator(folder)) {
    if (item.path().filename() != ".echo-tts-kept") found.push_back(item.path().filename());
  }
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
  output.save("old.ogg", "x");
  clock_.advance(119min);
  EXPECT_EQ(output.clean(), 0u);
  clock_.advance(2min);
  EXPECT_EQ(make(2h).clean(), 1u) << "also what another process wrote";
  EXPECT_THAT(names(path()), IsEmpty());
}

TEST_F(OutputDirectoryTest, WhatItDidNotWriteStays) {
  OutputDirectory output = make(2h, 100);
  output.save("ours.ogg", "x");
  output.save("exchanged.ogg", "x");
  output.save("changed.wav", "x");
  for (const char* name :
       {"song.ogg", "song.wav", "song.flac", "song.mp3", "old.txt", ".old.ogg"}) {
    write(file(name), std::string(200, 'x'));
    set_age(file(name), 24h * 30);
  }
  write(file("new.ogg"), "y");
  fs::rename(file("new.ogg"), file("exchanged.ogg"));
  write(file("changed.wav"), "longer");
  clock_.advance(24h * 30);
  EXPECT_EQ(output.check().files, 1u);
  EXPECT_EQ(output.clean(), 1u);
  EXPECT_THAT(names(path()),
              UnorderedElementsAre("song.ogg", "song.wav", "song.flac", "song.mp3", "old.txt",
                                   ".old.ogg", "exchanged.ogg", "changed.wav"));
  output.save("a.ogg", std::string(90, 'x'));
  EXPECT_EQ(names(path()).size(), 9u) << "nothing of others makes room";
}

TEST_F(OutputDirectoryTest, WhatItDidNotWriteIsNotReplaced) {
  OutputDirectory output = make();
  fs::create_directories(file("folder.ogg"));
  write(file("song.ogg"), "music");
  write(file("song-2.ogg"), "music");
  fs::create_symlink("nowhere", file("link.ogg"));
  EXPECT_EQ(output.save("song.ogg", "speech"), "song-3.ogg");
  EXPECT_EQ(output.save("link.ogg", "speech"), "link-2.ogg");
  EXPECT_EQ(output.save("folder.ogg", "speech"), "folder-2.ogg");
  EXPECT_EQ(output.save("ours.ogg", "speech"), "ours.ogg");
  EXPECT_EQ(make().save("ours.ogg", "speech again"), "ours.ogg");
  EXPECT_EQ(content(file("song.ogg")), "music");
  EXPECT_EQ(content(file("song-2.ogg")), "music");
  EXPECT_EQ(content(file("song-3.ogg")), "speech");
  EXPECT_TRUE(fs::is_symlink(file("link.ogg")));
  EXPECT_EQ(content(file("ours.ogg")), "speech again");
}

TEST_F(OutputDirectoryTest, TheOldestMakeRoomForANewFile) {
  OutputDirectory output = make(0h, 1000);
  for (const char* name : {"1.ogg", "0.ogg", "2.ogg", "3.ogg"}) {
    output.save(name, std::string(250, 'x'));
    // Files written within one tick of the file system's clock are of one age.
    const auto before = fs::last_write_time(file(name));
    for (auto now = before; now == before; now = fs::last_write_time(root_ / "tick")) {
      write(root_ / "tick", "x");
    }
  }
  EXPECT_EQ(output.clean(), 0u);
  output.save("new.ogg", std::string(400, 'x'));
  EXPECT_THAT(names(path()), UnorderedElementsAre("2.ogg", "3.ogg", "new.ogg"));
}

TEST_F(OutputDirectoryTest, ZeroMeansNoLimit) {
  OutputDirectory output = make(0h, 0);
  output.save("a.ogg", "x");
  clock_.advance(24h * 400);
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
  const std::string old = ".echo-" + random_uuid() + ".part",
                    young = ".echo-" + random_uuid() + ".part";
  write(file(old), "x");
  write(file(young), "x");
  set_age(file(old), 11min);
  set_age(file(young), 9min);
  EXPECT_EQ(output.clean(), 1u);
  EXPECT_THAT(names(path()), ElementsAre(young));
}

TEST_F(OutputDirectoryTest, KilledAtAnyCallTheNextOneKeepsAndCleans) {
  const int killed = kill_at_every_point(
      KillPoints::kEveryCall,
      {.prepare =
           [&] {
             fs::remove_all(path());  // what is left is looked at in each run, and would add to it
             make().save("a.ogg", "old");
           },
       .work = [&] { make().save("a.ogg", "new one"); },
       .check =
           [&](int killed_at) {
             const std::string found = content(file("a.ogg"));
             EXPECT_TRUE(found == "old" || found == "new one") << killed_at << ": " << found;
             EXPECT_EQ(make().check().files, 1u) << killed_at << ": still ours";
             EXPECT_EQ(make().save("a.ogg", "next"), "a.ogg") << killed_at;
             EXPECT_EQ(content(file("a.ogg")), "next") << killed_at;
           }});
  if (killed < 0) GTEST_SKIP() << "processes may not be traced here";
  EXPECT_GE(killed, 12) << "the mark and the file: open, lock, write, flush, rename, close";
  clock_.advance(25h);
  EXPECT_GE(make().clean(), 1u);
  EXPECT_FALSE(fs::exists(file("a.ogg")));
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

TEST_F(OutputDirectoryTest, DirectoriesOverlapWhereOneIsOrHoldsTheOther) {
  const auto at = [&](const std::string& name) { return (root_ / name).string(); };
  fs::create_directories(root_ / "results" / "inner");
  fs::create_directories(root_ / "results2");
  fs::create_symlink(root_ / "results", root_ / "alias");
  for (const std::string& other : {path(), path() + "/inner", root_.path().string(), at("alias")}) {
    EXPECT_TRUE(directories_overlap(path(), other)) << other;
    EXPECT_TRUE(directories_overlap(other, path())) << other;
  }
  for (const std::string& other : {at("results2"), at("absent"), std::string()}) {
    EXPECT_FALSE(directories_overlap(path(), other)) << other;
    EXPECT_FALSE(directories_overlap(other, path())) << other;
  }
  EXPECT_TRUE(directories_overlap(at("later/"), at("later"))) << "before either is there";
  EXPECT_TRUE(directories_overlap(at("later/"), at("later/voices")));
  EXPECT_FALSE(directories_overlap(at("later/"), at("later2")));
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
