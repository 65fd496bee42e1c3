#include "doctor/machine_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "support/temp_dir.h"

namespace echo {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class MachineChecks : public ::testing::Test {
 protected:
  DirectoryUse use(const std::string& name, bool written, uint64_t needed = 0) {
    return {"SOME_DIR", dir_ / name, written, needed};
  }
  TempDir dir_;
};

TEST_F(MachineChecks, RoomIsComparedWithWhatIsNeeded) {
  const uint64_t free = fs::space(dir_.path()).available;
  EXPECT_EQ(check_room(use("not/yet/there", true, 1)).verdict, Verdict::kPass);
  EXPECT_EQ(check_room(use("a", true, free - free / 8)).verdict, Verdict::kWarn);
  const Finding full = check_room(use("a", true, free * 2));
  EXPECT_EQ(full.verdict, Verdict::kFail);
  EXPECT_THAT(full.detail, HasSubstr("SOME_DIR"));
  EXPECT_THAT(full.detail, HasSubstr("needed"));
  EXPECT_FALSE(full.remedy.empty());
}

TEST_F(MachineChecks, WhatIsReadMustBeThere) {
  const Finding missing = check_rights(use("missing", false));
  EXPECT_EQ(missing.verdict, Verdict::kFail);
  EXPECT_THAT(missing.detail, HasSubstr("no such directory"));
  fs::create_directory(dir_ / "there");
  EXPECT_EQ(check_rights(use("there", false)).verdict, Verdict::kPass);
  std::ofstream(dir_ / "file") << "x";
  EXPECT_THAT(check_rights(use("file", true)).detail, HasSubstr("is a file"));
}

TEST_F(MachineChecks, WhatIsWrittenIsTriedAndLeftAsItWas) {
  EXPECT_EQ(check_rights(use("will/be/made", true)).verdict, Verdict::kPass);
  EXPECT_TRUE(fs::is_empty(dir_.path()));
  const Finding refused = check_rights({"SOME_DIR", "/proc/echo-tts", true});
  EXPECT_EQ(refused.verdict, Verdict::kFail);
  EXPECT_THAT(refused.detail, HasSubstr("cannot be written"));
  EXPECT_THAT(refused.remedy, HasSubstr("SOME_DIR"));
}

TEST_F(MachineChecks, RightsAreThoseOfTheUser) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write anywhere";
  fs::create_directory(dir_ / "closed");
  fs::permissions(dir_ / "closed", fs::perms::owner_read | fs::perms::owner_exec);
  EXPECT_THAT(check_rights(use("closed", true)).detail, HasSubstr("Permission denied"));
}

TEST_F(MachineChecks, VoicesAreCounted) {
  EXPECT_EQ(check_voice_directory(dir_ / "none").verdict, Verdict::kFail);
  EXPECT_EQ(check_voice_directory(dir_.path()).verdict, Verdict::kWarn);
  std::ofstream(dir_ / "anna.wav") << "sound";
  const Finding one = check_voice_directory(dir_.path());
  EXPECT_EQ(one.verdict, Verdict::kPass);
  EXPECT_THAT(one.detail, HasSubstr("1 voice"));
}

}  // namespace
}  // namespace echo
