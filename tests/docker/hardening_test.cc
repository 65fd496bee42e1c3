// What the linker and the compiler made of the hardening flags, read out of the program.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "support/paths.h"
#include "support/subprocess.h"

namespace echo {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

std::string read_program(const std::string& option) {
  const ProcessResult result = run_process({"/usr/bin/readelf", "-W", option, program_path()});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return result.out;
}

TEST(Hardening, TheProgramIsPositionIndependent) {
  EXPECT_THAT(read_program("-h"), ContainsRegex("Type: +DYN"));
  EXPECT_THAT(read_program("-d"), ContainsRegex("FLAGS_1.*PIE"));
}

TEST(Hardening, RelocationsAreBoundAtStartAndReadOnly) {
  EXPECT_THAT(read_program("-l"), HasSubstr("GNU_RELRO"));
  EXPECT_THAT(read_program("-d"), ContainsRegex("\\(FLAGS\\) +BIND_NOW"));
  EXPECT_THAT(read_program("-d"), Not(HasSubstr("TEXTREL")));
}

TEST(Hardening, NoSegmentCanBeWrittenAndRun) {
  const std::string segments = read_program("-l");
  EXPECT_THAT(segments, ContainsRegex("GNU_STACK.* RW "));
  EXPECT_THAT(segments, Not(ContainsRegex("LOAD.* RWE")));
}

TEST(Hardening, NoFolderOfTheBuildIsSearchedForLibraries) {
  EXPECT_THAT(read_program("-d"), Not(ContainsRegex("RPATH|RUNPATH")));
}

TEST(Hardening, StacksAreGuarded) {
  EXPECT_THAT(read_program("--dyn-syms"), HasSubstr("__stack_chk_fail"));
}

TEST(Hardening, LibcCallsAreChecked) {
  if (std::string(ECHO_BUILD_TYPE) != "Release") GTEST_SKIP() << "only optimised builds";
  EXPECT_THAT(read_program("--dyn-syms"), ContainsRegex("__(memcpy|snprintf|fprintf|read)_chk"));
}

// The program is marked only when the system's start files are, so the code itself is looked at:
// where an address is taken, a landing pad must be.
TEST(Hardening, IndirectBranchesLandOnMarks) {
#if defined(__x86_64__)
  const ProcessResult found = run_process(
      {"/bin/sh", "-c",
       "objdump -d --no-show-raw-insn -j .text " + program_path() + " | grep -c endbr64"});
  EXPECT_GT(std::stoi(found.out), 1000);
#else
  GTEST_SKIP() << "not on this processor";
#endif
}

}  // namespace
}  // namespace echo
