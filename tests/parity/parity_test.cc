// Every recorded case, group by group: what `echo-tts parity` runs.
#include "parity/parity.h"

#include <gtest/gtest.h>

#include <ostream>

#include "group_options.h"
#include "support/golden.h"

namespace echo::parity {
namespace {

struct GroupCase {
  const char* folder;
  const char* group;  // empty: all
  int64_t cases;      // at least so many, without those in bfloat16; fewer: some were lost
};

std::string name_of(const GroupCase& group) {
  std::string name = std::string(group.folder) + (*group.group ? "_" : "") + group.group;
  for (char& c : name) c = c == '-' ? '_' : c;
  return name;
}

void PrintTo(const GroupCase& group, std::ostream* out) { *out << name_of(group); }

// Recorded tensors that were left out; notes on what is left out altogether name none, or a
// pattern.
std::vector<std::string> tensors_left_out(const Report& report) {
  std::vector<std::string> names;
  for (const Report::Note& note : report.left_out()) {
    const bool tensor = note.name.find('/') != std::string::npos;
    if (tensor && note.name.find('*') == std::string::npos) names.push_back(note.name);
  }
  return names;
}

class GoldenParity : public ::testing::TestWithParam<GroupCase> {};

TEST_P(GoldenParity, EveryCaseWithinItsLimit) {
  const GroupCase& group = GetParam();
  const Report report = run(golden(group.folder), group_options(group.group));
  std::printf("%s", report.table().c_str());
  EXPECT_TRUE(report.passed()) << report.table();
  EXPECT_GE(report.cases(), group.cases);
  EXPECT_EQ(tensors_left_out(report), std::vector<std::string>());
}

INSTANTIATE_TEST_SUITE_P(
    Groups, GoldenParity,
    ::testing::Values(GroupCase{"tiny", "text", 334}, GroupCase{"tiny", "audio", 27},
                      GroupCase{"tiny", "functions", 57}, GroupCase{"tiny", "encoders", 97},
                      GroupCase{"tiny", "forward", 26}, GroupCase{"tiny", "sampler", 91},
                      GroupCase{"tiny", "codec", 222}, GroupCase{"tiny", "voice", 20},
                      GroupCase{"tiny", "pipeline", 19}, GroupCase{"tiny-bf16", "", 45},
                      GroupCase{"real-slice", "", 239}, GroupCase{"randn", "", 288}),
    [](const auto& test) { return name_of(test.param); });

TEST(Parity, RecordingsAreLeftOutByAProgramThatReadsNone) {
  ParityOptions options = group_options("audio");
  options.read_recording = nullptr;
  const Report report = run(golden("tiny"), options);
  EXPECT_TRUE(report.passed()) << report.table();
  EXPECT_EQ(tensors_left_out(report), std::vector<std::string>());
  ASSERT_EQ(report.left_out().size(), 1u) << report.table();
  EXPECT_EQ(report.left_out()[0].name, "load_audio/*");
}

}  // namespace
}  // namespace echo::parity
