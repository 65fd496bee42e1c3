#include "base/atomic_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <set>

#include "base/error.h"
#include "base/file_io.h"
#include "base/uuid.h"
#include "support/kill_points.h"
#include "support/temp_dir.h"

namespace echo {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::UnorderedElementsAre;

std::vector<std::string> names(const fs::path& folder) {
  std::vector<std::string> found;
  for (const auto& item : fs::directory_iterator(folder)) found.push_back(item.path().filename());
  return found;
}

std::string temporary_name() { return ".echo-" + random_uuid() + ".part"; }

// A file or link as one that was last written to so long ago.
void set_age(const fs::path& path, std::chrono::seconds age) {
  timespec times[2];
  clock_gettime(CLOCK_REALTIME, &times[0]);
  times[0].tv_sec -= age.count();
  times[1] = times[0];
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW), 0);
}

TEST(AtomicFile, WritesAndReadsBack) {
  TempDir dir;
  const std::string data("a\0b\n", 4);
  write_file_atomically(dir / "new/folder/x.bin", data);
  EXPECT_EQ(read_file(dir / "new/folder/x.bin"), data);
  for (const Durability durability :
       {Durability::kNone, Durability::kWhole, Durability::kDurable}) {
    write_file_atomically(dir / "new/folder/x.bin", "", durability);
    EXPECT_EQ(read_file(dir / "new/folder/x.bin"), "");
  }
  EXPECT_THAT(names(dir / "new/folder"), ElementsAre("x.bin"));
}

TEST(AtomicFile, AFullDiskLeavesTheOldFileAndNothingElse) {
  TempDir dir;
  write_file_atomically(dir / "x", "old");
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{1000, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  ErrorCode code = ErrorCode::kInternal;
  std::string text;
  try {
    write_file_atomically(dir / "x", std::string(100'000, 'n'));
  } catch (const Error& error) {
    code = error.code();
    text = error.what();
  }
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(code, ErrorCode::kUnavailable);
  EXPECT_NE(text.find("File too large"), std::string::npos) << text;
  EXPECT_EQ(read_file(dir / "x"), "old");
  EXPECT_THAT(names(dir.path()), ElementsAre("x"));
}

TEST(AtomicFile, NamesThePathAndTheReason) {
  TempDir dir;
  write_file_atomically(dir / "file", "x");
  EXPECT_THROW(write_file_atomically(dir / "file/below", "x"), Error);
  fs::create_directories(dir / "folder");
  try {
    write_file_atomically(dir / "folder", "x");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
    EXPECT_EQ(std::string(error.what()),
              "cannot write " + (dir / "folder").string() + ": Is a directory");
  }
  EXPECT_THAT(names(dir.path()), UnorderedElementsAre("file", "folder"));
}

TEST(AtomicFile, WithoutCommitNothingIsThere) {
  TempDir dir;
  {
    AtomicFile file;
    ASSERT_EQ(file.create(dir / "x"), 0);
    ASSERT_EQ(file.write("half"), 0);
    EXPECT_FALSE(fs::exists(dir / "x"));
  }
  EXPECT_TRUE(fs::is_empty(dir.path()));
}

TEST(AtomicFile, NoNameCanBeForetold) {
  TempDir dir;
  std::set<std::string> seen;
  for (int i = 0; i < 50; ++i) {
    AtomicFile file;
    ASSERT_EQ(file.create(dir / "x"), 0);
    EXPECT_TRUE(seen.insert(names(dir.path()).at(0)).second);
  }
}

TEST(AtomicFile, AReplacedFileKeepsItsPermissions) {
  TempDir dir;
  write_file_atomically(dir / "x", "old");
  ASSERT_EQ(::chmod((dir / "x").c_str(), 0600), 0);
  write_file_atomically(dir / "x", "new");
  EXPECT_EQ(fs::status(dir / "x").permissions(), fs::perms(0600));
}

TEST(AtomicFile, LinksAreReplacedWhole) {
  TempDir dir;
  ASSERT_EQ(replace_symlink("first", dir / "link"), 0);
  ASSERT_EQ(replace_symlink("second", dir / "link"), 0);
  EXPECT_EQ(fs::read_symlink(dir / "link"), "second");
  EXPECT_EQ(replace_symlink("x", dir / "absent/link"), ENOENT);
  fs::create_directories(dir / "folder");
  EXPECT_EQ(replace_symlink("x", dir / "folder"), EISDIR);
  EXPECT_THAT(names(dir.path()), UnorderedElementsAre("link", "folder"));
}

TEST(AtomicFile, AbandonedFilesGoByAgeAndOwner) {
  using namespace std::chrono_literals;
  TempDir dir;
  const std::string young = temporary_name(), old = temporary_name(), link = temporary_name(),
                    young_link = temporary_name(), folder = temporary_name();
  for (const std::string& name :
       {young, old, std::string(".echo-1-1"), std::string(".echo-config"), std::string("x.part"),
        std::string(".echo-not-a-number.part"), std::string(".echo--"), std::string(".echo-1-")}) {
    std::ofstream(dir / name) << "x";
    if (name != young) set_age(dir / name, 11min);
  }
  fs::create_directory(dir / folder);
  fs::create_symlink("nowhere", dir / link);
  fs::create_symlink("nowhere", dir / young_link);
  set_age(dir / link, 11min);
  set_age(dir / folder, 11min);
  AtomicFile held;
  ASSERT_EQ(held.create(dir / "held"), 0);
  for (const auto& item : fs::directory_iterator(dir.path())) {
    if (item.path().filename() == young) set_age(item.path(), 9min);
  }
  EXPECT_EQ(remove_abandoned(dir.path()), 0u) << "the first file of a folder has it swept";
  EXPECT_FALSE(fs::exists(dir / old));
  EXPECT_FALSE(fs::exists(dir / ".echo-1-1"));
  EXPECT_FALSE(fs::is_symlink(dir / link));
  for (const std::string& name :
       {young, folder, std::string(".echo-config"), std::string("x.part"),
        std::string(".echo-not-a-number.part"), std::string(".echo--"), std::string(".echo-1-")}) {
    EXPECT_TRUE(fs::exists(dir / name)) << name;
  }
  EXPECT_TRUE(fs::is_symlink(dir / young_link));
}

TEST(AtomicFile, AFileThatIsBeingWrittenIsNotAbandonedHoweverOld) {
  using namespace std::chrono_literals;
  TempDir dir;
  AtomicFile file;
  ASSERT_EQ(file.create(dir / "x"), 0);
  set_age(dir / names(dir.path()).at(0), 48h);
  EXPECT_EQ(remove_abandoned(dir.path()), 0u);
  ASSERT_EQ(file.commit(Durability::kNone), 0);
  EXPECT_THAT(names(dir.path()), ElementsAre("x"));
}

TEST(AtomicFile, AFileWhoseWriterWasKilledGoesWhenItIsOld) {
  using namespace std::chrono_literals;
  TempDir dir;
  const pid_t child = ::fork();
  if (child == 0) {
    AtomicFile file;
    if (file.create(dir / "x") != 0) ::_exit(1);
    ::raise(SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  ASSERT_EQ(names(dir.path()).size(), 1u);
  EXPECT_EQ(remove_abandoned(dir.path()), 0u)
      << "it might be a machine's whose locks we cannot see";
  set_age(dir / names(dir.path()).at(0), 11min);
  EXPECT_EQ(remove_abandoned(dir.path()), 1u);
  EXPECT_EQ(remove_abandoned(dir / "absent"), 0u);
}

// Every writer of a container is process 1, so nothing may depend on the number.
TEST(AtomicFile, KilledAtAnyCallTheNextOneWrites) {
  TempDir dir;
  const int killed = kill_at_every_point(
      KillPoints::kEveryCall,
      {.prepare = [&] { write_file_atomically(dir / "x", "old"); },
       .work = [&] { write_file_atomically(dir / "x", "new", Durability::kDurable); },
       .check =
           [&](int killed_at) {
             const std::string found = read_file(dir / "x");
             EXPECT_TRUE(found == "old" || found == "new") << killed_at << ": " << found;
             write_file_atomically(dir / "x", "next");
             EXPECT_EQ(read_file(dir / "x"), "next") << killed_at;
           }});
  if (killed < 0) GTEST_SKIP() << "processes may not be traced here";
  EXPECT_GE(killed, 6) << "open, lock, write, flush, rename, close at least";
}

TEST(AtomicFile, KilledAtAnyCallTheNextOneLinks) {
  TempDir dir;
  const int killed = kill_at_every_point(
      KillPoints::kEveryCall,
      {.prepare = [&] { ASSERT_EQ(replace_symlink("old", dir / "link"), 0); },
       .work = [&] { ::_exit(replace_symlink("new", dir / "link")); },
       .check =
           [&](int killed_at) {
             const std::string found = fs::read_symlink(dir / "link");
             EXPECT_TRUE(found == "old" || found == "new") << killed_at << ": " << found;
             EXPECT_EQ(replace_symlink("next", dir / "link"), 0) << killed_at;
             EXPECT_EQ(fs::read_symlink(dir / "link"), "next") << killed_at;
           }});
  if (killed < 0) GTEST_SKIP() << "processes may not be traced here";
  EXPECT_GE(killed, 2) << "symlink, rename";
}

}  // namespace
}  // namespace echo
