#include "runpod/result_body.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <limits>

namespace echo::runpod {
namespace {

std::string body_of(const std::string& returned) {
  return result_body(settled(JobOutcome::success(Json::parse(returned))));
}

TEST(ResultBody, M18_ShapesEveryReturnValue) {
  EXPECT_EQ(body_of(R"("text")"), R"({"output": "text"})");
  EXPECT_EQ(body_of("[1,2]"), R"({"output": [1,2]})");
  EXPECT_EQ(body_of("null"), R"({"output": null})");
  EXPECT_EQ(body_of("false"), R"({"output": false})");
  EXPECT_EQ(body_of("0"), R"({"output": 0})");
  EXPECT_EQ(body_of(R"({"a": 1})"), R"({"output": {"a":1}})");
  EXPECT_EQ(body_of("{}"), "{}");
  EXPECT_EQ(body_of(R"({"output": {"output": 1}})"), R"({"output": {"output":{"output":1}}})");
}

TEST(ResultBody, M18_ErrorsInAReturnedObject) {
  EXPECT_EQ(body_of(R"({"detail": 1, "error": "custom failure"})"),
            R"({"output": {"detail":1}, "error": "custom failure"})");
  EXPECT_EQ(body_of(R"({"error": "custom failure"})"), R"({"error": "custom failure"})");
  for (const char* falsy : {R"("")", "null", "0", "false", "[]", "{}", "0.0"}) {
    EXPECT_EQ(body_of(std::string(R"({"a": 1, "error": )") + falsy + "}"),
              R"({"output": {"a":1}})");
    EXPECT_EQ(body_of(std::string(R"({"error": )") + falsy + "}"), "{}");
  }
}

TEST(ResultBody, M20_ErrorsAreAlwaysNonEmptyStrings) {
  for (const char* error : {R"({"code": 5})", "[1]", "7", "true", "1.5"}) {
    const Json body = Json::parse(body_of(std::string(R"({"error": )") + error + "}"));
    ASSERT_TRUE(body["error"].is_string());
    EXPECT_EQ(Json::parse(body["error"].get<std::string>()), Json::parse(error));
  }
  EXPECT_FALSE(Json::parse(error_body(""))["error"].get<std::string>().empty());
}

TEST(ResultBody, M21_RefreshWorkerStopsThePod) {
  EXPECT_EQ(body_of(R"({"a": 1, "refresh_worker": true})"),
            R"({"output": {"a":1}, "stopPod": true})");
  EXPECT_EQ(body_of(R"({"refresh_worker": true})"), R"({"stopPod": true})");
  EXPECT_EQ(body_of(R"({"refresh_worker": false})"), "{}");
  EXPECT_EQ(body_of(R"({"a": 1, "error": "e", "refresh_worker": 1})"),
            R"({"output": {"a":1}, "error": "e", "stopPod": true})");
}

TEST(ResultBody, FailuresBeginWithTheirKind) {
  EXPECT_EQ(result_body(settled(JobOutcome::failure("voice_not_found", "no voice a.wav"))),
            R"({"error": "voice_not_found: no voice a.wav"})");
  const JobOutcome internal = JobOutcome::failure(Error(ErrorCode::kInternal, "device lost"));
  EXPECT_TRUE(internal.failed()->fatal);
  EXPECT_EQ(internal.failed()->message(), "internal: device lost");
  EXPECT_FALSE(JobOutcome::failure(Error(ErrorCode::kInvalidArgument, "x")).failed()->fatal);
}

TEST(ResultBody, DetailStandsBesideAFailure) {
  const JobOutcome outcome =
      JobFailure{"invalid_input", "num_steps", false, {{"field", "num_steps"}}};
  EXPECT_EQ(result_body(settled(outcome)),
            R"({"output": {"field":"num_steps"}, "error": "invalid_input: num_steps"})");
}

TEST(ResultBody, M27_NeverInvalidJson) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  const std::string body = result_body(settled(
      JobOutcome::success({{"x", nan}, {"y", -infinity}, {"bad", "\xFF\xED\xA0\x80 ok"}})));
  const Json parsed = Json::parse(body);
  EXPECT_TRUE(parsed["output"]["x"].is_null());
  EXPECT_TRUE(parsed["output"]["y"].is_null());
  EXPECT_NE(parsed["output"]["bad"].get<std::string>().find("\xEF\xBF\xBD"), std::string::npos);
  EXPECT_TRUE(Json::accept(error_body("\xFF broken")));
}

TEST(ResultBody, TextStaysUtf8) {
  EXPECT_EQ(body_of("\"\xC3\xA9\xF0\x9F\x98\x80\""), "{\"output\": \"\xC3\xA9\xF0\x9F\x98\x80\"}");
}

TEST(ResultBody, M19_ExceptionReportHasSixStrings) {
  const std::string report =
      exception_report(std::out_of_range("index 7 \xC3\xA9"), {"host-1", "podA", "1.12.0"});
  const Json parsed = Json::parse(report);
  ASSERT_EQ(parsed.size(), 6u);
  for (const auto& [key, value] : parsed.items()) EXPECT_TRUE(value.is_string()) << key;
  EXPECT_EQ(parsed["error_type"], "<class 'std::out_of_range'>");
  EXPECT_EQ(parsed["error_message"], "index 7 \xC3\xA9");
  EXPECT_EQ(parsed["error_traceback"].get<std::string>().rfind("Traceback (most recent", 0), 0u);
  EXPECT_EQ(parsed["hostname"], "host-1");
  EXPECT_EQ(parsed["worker_id"], "podA");
  EXPECT_EQ(parsed["runpod_version"], "1.12.0");
  size_t last = 0;
  for (const char* key : {"error_type", "error_message", "error_traceback", "hostname", "worker_id",
                          "runpod_version"}) {
    const size_t at = report.find("\"" + std::string(key) + "\": ");
    ASSERT_NE(at, std::string::npos) << key;
    EXPECT_GE(at, last);
    last = at;
  }
}

TEST(ResultBody, ExceptionReportsHideFileNamesAndLength) {
  const std::filesystem::filesystem_error gone(
      "open", "/secret/place/voice.wav",
      std::make_error_code(std::errc::no_such_file_or_directory));
  EXPECT_EQ(exception_report(gone, {}).find("/secret"), std::string::npos);
  EXPECT_LT(exception_report(std::runtime_error(std::string(1'000'000, 'x')), {}).size(), 2'000u);
}

TEST(ResultBody, M24_ProgressCarriesItsStatus) {
  EXPECT_EQ(progress_body("half"), R"({"status": "IN_PROGRESS", "output": "half"})");
  EXPECT_EQ(stream_body({{"n", 1}}), R"({"output": {"n":1}})");
}

}  // namespace
}  // namespace echo::runpod
