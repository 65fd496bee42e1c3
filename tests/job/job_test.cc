#include "job/job.h"

#include <gtest/gtest.h>

namespace echo {
namespace {

TEST(Job, M15_KeepsUnknownFieldsAndKnowsTheUsualOnes) {
  const Json document = Json::parse(R"({"id": "a", "input": {}, "webhook": "https://w",
      "batchId": "b7", "s3Config": {"accessSecret": "s"}, "new": {"x": [1, 2]},
      "policy": {"executionTimeout": 7500}})");
  const Job job(document);
  EXPECT_EQ(job.document(), document);
  EXPECT_EQ(job.webhook(), "https://w");
  EXPECT_EQ(job.batch_id(), "b7");
  EXPECT_EQ(job.s3_config()["accessSecret"], "s");
  EXPECT_EQ(job.execution_timeout(), std::chrono::milliseconds(7500));
}

TEST(Job, ExtrasOfTheWrongTypeAreAbsent) {
  const Job job(Json::parse(R"({"id": "a", "input": 1, "webhook": 5, "batchId": {},
      "s3Config": "x", "policy": {"executionTimeout": "soon"}})"));
  EXPECT_EQ(job.webhook(), "");
  EXPECT_EQ(job.batch_id(), "");
  EXPECT_TRUE(job.s3_config().is_null());
  EXPECT_EQ(job.execution_timeout().count(), 0);
}

}  // namespace
}  // namespace echo
