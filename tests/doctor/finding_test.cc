#include "doctor/finding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "base/error.h"

namespace echo {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

TEST(FindingTest, EveryExaminationIsCarriedOutWhateverBecomesOfOthers) {
  std::promise<void> never;
  const std::shared_future<void> hang = never.get_future().share();
  std::vector<std::string> told;
  const auto findings =
      examine({{"good",
                [](auto) {
                  return Finding{Verdict::kPass, "fine"};
                },
                ""},
               {"throwing", [](auto) -> Finding { throw_unavailable("no such thing"); }, "get one"},
               {"hanging",
                [hang](auto) {
                  hang.wait();
                  return Finding{};
                },
                "wait", milliseconds(20)},
               {"poor",
                [](auto) {
                  return Finding{Verdict::kWarn, "so so", "improve"};
                },
                ""}},
              [&](const NamedFinding& finding) { told.push_back(finding.name); });
  never.set_value();
  ASSERT_EQ(findings.size(), 4u);
  EXPECT_EQ(findings[0].finding.verdict, Verdict::kPass);
  EXPECT_EQ(findings[1].finding.verdict, Verdict::kFail);
  EXPECT_EQ(findings[1].finding.detail, "no such thing");
  EXPECT_EQ(findings[1].finding.remedy, "get one");
  EXPECT_EQ(findings[2].finding.verdict, Verdict::kFail);
  EXPECT_THAT(findings[2].finding.detail, HasSubstr("no result"));
  EXPECT_EQ(findings[3].finding.verdict, Verdict::kWarn);
  EXPECT_EQ(told, (std::vector<std::string>{"good", "throwing", "hanging", "poor"}));
  EXPECT_EQ(worst(findings), Verdict::kFail);
}

TEST(FindingTest, AnExaminationThatTakesTooLongIsToldToStop) {
  std::promise<bool> stopped;
  examine({{"slow",
            [&](std::stop_token stop) {
              while (!stop.stop_requested()) std::this_thread::yield();
              stopped.set_value(true);
              return Finding{};
            },
            "", milliseconds(10)}});
  EXPECT_TRUE(stopped.get_future().get());
}

TEST(FindingTest, ReportAndLinesSayTheSame) {
  const std::vector<NamedFinding> findings{{"memory", {Verdict::kPass, "16 GB"}},
                                           {"clock", {Verdict::kWarn, "70 s ahead", "set it"}}};
  const auto json = report(findings);
  EXPECT_EQ(json["status"], "warn");
  EXPECT_EQ(json["checks"][0]["name"], "memory");
  EXPECT_FALSE(json["checks"][0].contains("remedy"));
  EXPECT_EQ(json["checks"][1]["remedy"], "set it");
  EXPECT_EQ(line_of(findings[0]), "pass  memory     16 GB\n");
  EXPECT_EQ(line_of(findings[1]), "warn  clock      70 s ahead\n                 -> set it\n");
  EXPECT_EQ(worst({}), Verdict::kPass);
}

}  // namespace
}  // namespace echo
