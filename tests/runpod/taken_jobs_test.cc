#include "runpod/taken_jobs.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace echo::runpod {
namespace {

TEST(Job, M13_AcceptsObjectsAndArraysAndAnyInput) {
  const TakenJobs one = parse_taken_jobs(R"({"id": "a", "input": null})");
  ASSERT_EQ(one.jobs.size(), 1u);
  EXPECT_TRUE(one.jobs[0].input().is_null());

  const TakenJobs many = parse_taken_jobs(
      R"([{"id": "a", "input": "text"}, {"id": "b", "input": [1]}, {"id": "c", "input": 0}])");
  ASSERT_EQ(many.jobs.size(), 3u);
  EXPECT_EQ(many.jobs[1].input(), Json::array({1}));
  EXPECT_TRUE(parse_taken_jobs("[]").jobs.empty());
}

TEST(Job, M14_JudgesItemsOneByOne) {
  const TakenJobs taken = parse_taken_jobs(R"([
      {"input": {}}, {"id": "good", "input": 1}, {"id": "no-input"}, 7, null, "text",
      {"id": 5, "input": 1}, {"id": "", "input": 1}, {"id": "..", "input": 1},
      {"id": "a\nb", "input": 1}, ["id"], {"id": "also-good", "input": 2}])");
  ASSERT_EQ(taken.jobs.size(), 2u);
  EXPECT_EQ(taken.jobs[0].id(), "good");
  EXPECT_EQ(taken.jobs[1].id(), "also-good");
  ASSERT_EQ(taken.rejected.size(), 10u);
  EXPECT_EQ(taken.rejected[1].id, "no-input") << "can be answered";
  EXPECT_EQ(taken.rejected[1].reason, "job has no field input");
  for (size_t i : {0, 2, 3, 4, 5, 6, 7, 8, 9}) EXPECT_EQ(taken.rejected[i].id, "") << i;
}

TEST(Job, IdsHaveALengthLimit) {
  const std::string longest(kMaxJobIdBytes, 'x');
  EXPECT_EQ(parse_taken_jobs(Json{{"id", longest}, {"input", 1}}.dump()).jobs.size(), 1u);
  const TakenJobs taken = parse_taken_jobs(Json{{"id", longest + "x"}, {"input", 1}}.dump());
  EXPECT_TRUE(taken.jobs.empty());
  EXPECT_EQ(taken.rejected.at(0).reason.find("xxx"), std::string::npos) << "says no content";
}

TEST(Job, LoneSurrogatesBecomeReplacementCharacters) {
  const TakenJobs taken = parse_taken_jobs(
      R"({"id": "a", "input": "x\ud83d y\ude00 \ud83d\ude00 \\ud83d \ud83d\u0041"})");
  ASSERT_EQ(taken.jobs.size(), 1u);
  EXPECT_EQ(taken.jobs[0].input(),
            "x\xEF\xBF\xBD y\xEF\xBF\xBD \xF0\x9F\x98\x80 \\ud83d \xEF\xBF\xBD"
            "A");
}

TEST(Job, RefusesWhatIsNoListOfJobs) {
  const std::string deep(kMaxJsonDepth + 1, '[');
  const std::string brackets_in_text = "{\"id\": \"a\", \"input\": \"" + deep + "\\\"" + "\"}";
  for (const std::string& body :
       {std::string(), std::string("{"), std::string("null"), std::string("3"),
        std::string("\"id\""), std::string("[NaN]"), deep, deep + std::string(deep.size(), ']')}) {
    EXPECT_THROW(parse_taken_jobs(body), Error) << body.substr(0, 20);
  }
  EXPECT_EQ(parse_taken_jobs(brackets_in_text).jobs.size(), 1u);
}

}  // namespace
}  // namespace echo::runpod
