#include "parity/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/error.h"
#include "support/golden.h"

namespace echo::parity {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr double kInfinite = std::numeric_limits<double>::infinity();

TEST(LargestDifference, IsInfiniteForWhatCannotBeCompared) {
  const std::vector<float> expected = {1, 2};
  EXPECT_EQ(largest_difference(expected, expected), 0);
  EXPECT_EQ(largest_difference(std::vector<float>{1, 4}, expected), 2);
  EXPECT_EQ(largest_difference(std::vector<float>{1}, expected), kInfinite);
  EXPECT_EQ(largest_difference(std::vector<float>{1, NAN}, expected), kInfinite);
  EXPECT_EQ(largest_difference(expected, std::vector<float>{INFINITY, 2}), kInfinite);
}

TEST(Report, KeepsTheCaseNearestToItsLimit) {
  Report report;
  report.add("stage", "far", {0.1, 1});
  report.add("stage", "near", {0.05, 0.06});
  report.add("stage", "exact", true);
  ASSERT_EQ(report.stages().size(), 1u);
  EXPECT_EQ(report.stages()[0].worst_case, "near");
  EXPECT_EQ(report.stages()[0].cases, 3);
  EXPECT_EQ(report.cases(), 3);
  EXPECT_TRUE(report.passed());
  EXPECT_TRUE(report.has("far"));
  EXPECT_FALSE(report.has("stage"));
}

TEST(Report, FailsWhenOneCaseOfOneStageDoes) {
  Report report;
  report.add("good", "a", {0.1, 1});
  report.add("bad", "b", {0.1, 1});
  report.add("bad", "c", {2, 1});
  report.add("bad", "d", {0.1, 1});
  EXPECT_FALSE(report.passed());
  EXPECT_EQ(report.stages()[1].failures, 1);
  EXPECT_THAT(report.table(), HasSubstr("FAILED  c"));
  EXPECT_THAT(report.table(), HasSubstr("failed: bad: c (2, limit 1)"));
}

TEST(Report, FailsWhenNothingWasCompared) {
  Report report;
  EXPECT_FALSE(report.passed());
  report.leave_out("x", "because");
  EXPECT_FALSE(report.passed());
  EXPECT_THAT(report.table(), HasSubstr("left out: x (because)"));
}

TEST(Report, ComparesEqualThingsExactly) {
  Report report;
  report.add("equal", "a", true);
  EXPECT_THAT(report.table(), HasSubstr("equal     exact  ok"));
  report.add("different", "b", false);
  EXPECT_FALSE(report.passed());
  EXPECT_THAT(report.table(), HasSubstr("differs     exact  FAILED  b"));
}

TEST(Report, TakesWhatIsThrownForAFailureAndGoesOn) {
  Report report;
  report.attempt("stage", "error", [] { throw_corrupt("file: found this, expected that"); });
  report.attempt("stage", "json", [] { nlohmann::json::object().at("absent"); });
  report.attempt("stage", "standard", [] { throw std::out_of_range("far"); });
  report.attempt("stage", "good", [&] { report.add("stage", "good", true); });
  EXPECT_FALSE(report.passed());
  ASSERT_EQ(report.failures().size(), 3u);
  EXPECT_EQ(report.failures()[0].name, "stage: error");
  EXPECT_EQ(report.failures()[0].reason, "file: found this, expected that");
  EXPECT_THAT(report.failures()[1].reason, HasSubstr("absent"));
  EXPECT_EQ(report.cases(), 4);
}

TEST(Report, ListsSomeOfManyFailures) {
  Report report;
  for (int i = 0; i < 100; ++i) report.add("stage", "case " + std::to_string(i) + ".", false);
  EXPECT_THAT(report.table(), HasSubstr("case 0."));
  EXPECT_THAT(report.table(), Not(HasSubstr("case 99.")));
  EXPECT_THAT(report.table(), HasSubstr("failed: 60 more"));
}

TEST(Report, ComparesTensorsOfASet) {
  const GoldenSet& set = golden("real-slice");
  Report report;
  std::vector<float> v = set.floats("real_slice/fwd.v");
  report.compare("v", set, "real_slice/fwd.v", v);
  EXPECT_TRUE(report.passed());
  v[0] = NAN;
  report.compare("v", set, "real_slice/fwd.v", v);
  EXPECT_EQ(report.stages()[0].failures, 1);
  EXPECT_EQ(report.stages()[0].worst, kInfinite);
  report.compare_bfloat16("v, bf16", set, "real_slice/fwd.v", v);
  EXPECT_EQ(report.stages()[1].failures, 1);
}

}  // namespace
}  // namespace echo::parity
