#include "base/temporary_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <fstream>

#include "base/error.h"
#include "support/temp_dir.h"
#include "support/thrown_error.h"

namespace echo {
namespace {

namespace fs = std::filesystem;

TEST(TemporaryFolder, IsThereForOneUserAndGoesWithAllThatIsInIt) {
  fs::path path;
  {
    const TemporaryFolder folder("echo-tts-test"), other("echo-tts-test");
    path = folder.path();
    EXPECT_NE(path, other.path());
    EXPECT_THAT(path.filename().string(), testing::StartsWith("echo-tts-test-"));
    struct stat info = {};
    ASSERT_EQ(::stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0700U);
    fs::create_directory(path / "deeper");
    std::ofstream(path / "deeper/file") << "bytes";
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST(TemporaryFolder, NamesThePlaceWhereItCannotBe) {
  const TempDir dir;
  const char* before = ::getenv("TMPDIR");
  const std::string kept = before ? before : "";
  ::setenv("TMPDIR", (dir / "nowhere").c_str(), 1);
  const Error error = error_of([] { TemporaryFolder folder("echo-tts-test"); });
  before ? ::setenv("TMPDIR", kept.c_str(), 1) : ::unsetenv("TMPDIR");
  EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace echo
