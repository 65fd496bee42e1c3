#include "base/file_io.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>

#include "base/error.h"
#include "support/temp_dir.h"

namespace echo {
namespace {

std::size_t files_in(const std::filesystem::path& folder) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

TEST(FileIo, WritesAndReadsBack) {
  TempDir dir;
  const std::string data("a\0b\n", 4);
  write_file_atomically(dir / "new/folder/x.bin", data);
  EXPECT_EQ(read_file(dir / "new/folder/x.bin"), data);
  write_file_atomically(dir / "new/folder/x.bin", "");
  EXPECT_EQ(read_file(dir / "new/folder/x.bin"), "");
  EXPECT_EQ(files_in(dir / "new/folder"), 1u);
}

TEST(FileIo, AFullDiskLeavesTheOldFileAndNothingElse) {
  TempDir dir;
  write_file_atomically(dir / "x", "old");
  std::signal(SIGXFSZ, SIG_IGN);
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
  EXPECT_EQ(code, ErrorCode::kUnavailable);
  EXPECT_NE(text.find("File too large"), std::string::npos) << text;
  EXPECT_EQ(read_file(dir / "x"), "old");
  EXPECT_EQ(files_in(dir.path()), 1u);
}

TEST(FileIo, SaysWhatIsWrong) {
  TempDir dir;
  try {
    read_file(dir / "absent");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNotFound);
    EXPECT_NE(std::string(error.what()).find("absent: No such file"), std::string::npos);
  }
  write_file_atomically(dir / "file", "x");
  EXPECT_THROW(write_file_atomically(dir / "file/below", "x"), Error);
}

}  // namespace
}  // namespace echo
