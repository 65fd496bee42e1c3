// Every recorded case, group by group: what `echo-tts parity` runs.
#include "parity/parity.h"

#include <gtest/gtest.h>

#include <ostream>

#include "base/error.h"
#include "support/golden.h"

namespace echo::parity {
namespace {

struct GroupCase {
  const char* folder;
  const char* group;  // empty: all
  int64_t cases;      // at least so many comparisons; fewer means that some were lost
};

std::string name_of(const GroupCase& group) {
  std::string name = std::string(group.folder) + (*group.group ? "_" : "") + group.group;
  for (char& c : name) c = c == '-' ? '_' : c;
  return name;
}

void PrintTo(const GroupCase& group, std::ostream* out) { *out << name_of(group); }

class GoldenParity : public ::testing::TestWithParam<GroupCase> {};

TEST_P(GoldenParity, EveryCaseWithinItsLimit) {
  const GroupCase& group = GetParam();
  ParityOptions options;
  if (*group.group) options.groups = {group.group};
  const Report report = run(golden(group.folder), options);
  std::printf("%s", report.table().c_str());
  EXPECT_TRUE(report.passed()) << report.table();
  EXPECT_GE(report.cases(), group.cases);
}

INSTANTIATE_TEST_SUITE_P(
    Groups, GoldenParity,
    ::testing::Values(GroupCase{"tiny", "text", 1}, GroupCase{"tiny", "audio", 1},
                      GroupCase{"tiny", "functions", 1}, GroupCase{"tiny", "encoders", 1},
                      GroupCase{"tiny", "forward", 1}, GroupCase{"tiny", "sampler", 1},
                      GroupCase{"tiny", "codec", 1}, GroupCase{"tiny", "voice", 1},
                      GroupCase{"tiny", "pipeline", 1}, GroupCase{"tiny-bf16", "", 1},
                      GroupCase{"real-slice", "", 1}, GroupCase{"randn", "", 1}),
    [](const auto& test) { return name_of(test.param); });

}  // namespace
}  // namespace echo::parity
