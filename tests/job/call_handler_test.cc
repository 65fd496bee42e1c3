#include "job/call_handler.h"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>

#include "job/piece_rules.h"
#include "support/kept_log.h"

namespace echo {
namespace {

class NoContext final : public JobContext {
 public:
  void progress(const Json&) override {}
  void stream(const Json&) override {}
  std::stop_token stop_token() const override { return {}; }
  void sign_of_life() override {}
  std::chrono::steady_clock::time_point deadline() const override {
    return std::chrono::steady_clock::time_point::max();
  }
};

struct Called {
  JobOutcome outcome;
  std::string log;
};

Called call(const Handler& handler) {
  const auto lines = std::make_shared<KeptLog>();
  Logger logger{LogOptions{}, lines};
  NoContext context;
  const Job job(Json{{"id", "a"}, {"input", 1}});
  const auto report = [](const std::exception& error) {
    return std::string("report of ") + error.what();
  };
  Called called;
  called.outcome = call_handler(handler, job, context, logger, report);
  called.log = lines->text();
  return called;
}

TEST(CallHandler, AnOutcomeIsPassedOn) {
  const Called called =
      call([](const Job& job, JobContext&) { return JobOutcome::success(job.input()); });
  EXPECT_EQ(*called.outcome.result()->output, 1);
  EXPECT_EQ(called.log, "");
}

TEST(CallHandler, AnErrorIsAFailureOfItsKind) {
  Called called = call([](const Job&, JobContext&) -> JobOutcome { throw_invalid("canary"); });
  EXPECT_EQ(called.outcome.failed()->message(), "invalid_input: canary");
  EXPECT_FALSE(called.outcome.failed()->fatal);
  EXPECT_NE(called.log.find("Job failed. | invalid_input"), std::string::npos) << called.log;
  EXPECT_EQ(called.log.find("canary"), std::string::npos);
  called = call([](const Job&, JobContext&) -> JobOutcome { throw_internal("device lost"); });
  EXPECT_TRUE(called.outcome.failed()->fatal);
}

TEST(CallHandler, ACancelledJobIsNothingToLog) {
  const Called called = call(
      [](const Job&, JobContext&) -> JobOutcome { throw Error(ErrorCode::kCancelled, "over"); });
  EXPECT_EQ(called.log, "");
  EXPECT_TRUE(called.outcome.failed());
}

TEST(CallHandler, WhatNobodyExpectedIsReportedAndLoggedByTypeAlone) {
  Called called =
      call([](const Job&, JobContext&) -> JobOutcome { throw std::out_of_range("canary"); });
  EXPECT_EQ(called.outcome.failed()->message(), "report of canary");
  EXPECT_NE(called.log.find("<class 'std::out_of_range'>"), std::string::npos) << called.log;
  EXPECT_EQ(called.log.find("canary"), std::string::npos);
  called = call([](const Job&, JobContext&) -> JobOutcome { throw 7; });
  EXPECT_EQ(called.outcome.failed()->message(), "report of unknown exception");
}

TEST(PieceRules, AnObjectWithATruthyErrorEndsTheJob) {
  EXPECT_EQ(piece_error(Json{{"error", "it broke"}}), "it broke");
  EXPECT_EQ(piece_error(Json{{"error", {{"code", 5}}}}), R"({"code":5})");
  for (const Json& piece : {Json{{"error", ""}}, Json{{"error", nullptr}}, Json("error"),
                            Json{{"text", "x"}}, Json::array({"error"})}) {
    EXPECT_FALSE(piece_error(piece)) << piece;
  }
}

TEST(PieceRules, APieceHasALimit) {
  EXPECT_NO_THROW(check_piece(100, 100));
  EXPECT_THROW(check_piece(101, 100), Error);
}

}  // namespace
}  // namespace echo
