// Results, errors, progress: what is posted, when, and how often.
#include <algorithm>

#include "base/error.h"
#include "worker_fixture.h"

namespace echo::runpod {
namespace {

using Route = PlatformRoute;

std::vector<PlatformRequest> posts(const FakePlatform& platform) {
  return platform.requests(Route::kDone);
}

PlatformAnswer status(int code) { return PlatformAnswer::with_status(code); }

Handler returning(Json value) {
  return [value = std::move(value)](const Job&, JobContext&) { return JobOutcome::success(value); };
}

TEST(WorkerReport, M17_TheResultPostHasTheProtocolsForm) {
  FakePlatform platform;
  RunningWorker worker(options_on(platform), returning({{"a", 1}}));
  platform.add_job("job 1/\xC3\xA9", 1);
  platform.add_job("second", 1);
  ASSERT_TRUE(platform.wait_for_results(2));
  const auto post = posts(platform).at(0);
  EXPECT_EQ(post.method, "POST");
  EXPECT_EQ(post.target,
            "/v2/ep1/job-done/podA/job%201/%C3%A9?gpu=NVIDIA+GeForce+RTX+4090&isStream=false");
  EXPECT_EQ(post.body, R"({"output": {"a":1}})");
  EXPECT_EQ(post.header("Content-Type"), "application/x-www-form-urlencoded");
  EXPECT_EQ(post.header("charset"), "utf-8");
  EXPECT_EQ(post.header("X-Request-ID"), "job 1/\xC3\xA9");
  EXPECT_EQ(post.header("Content-Length"), std::to_string(post.body.size()));
  EXPECT_FALSE(post.header("Transfer-Encoding"));
  EXPECT_FALSE(post.header("Expect"));
  EXPECT_EQ(posts(platform).at(1).header("X-Request-ID"), "second");
  EXPECT_EQ(posts(platform).size(), 2u) << "one post per job";
}

TEST(WorkerReport, S3_M18_BodiesOfHandlerVariants) {
  FakePlatform platform;
  RunningWorker worker(options_on(platform), [](const Job& job, JobContext&) -> JobOutcome {
    if (job.id() == "raises") throw std::runtime_error("boom");
    return JobOutcome::success(job.input());
  });
  const std::pair<const char*, const char*> cases[] = {
      {"ok", R"({"ok": 1})"},
      {"error", R"({"detail": 1, "error": "custom failure"})"},
      {"only-error", R"({"error": "custom failure"})"},
      {"refresh-false", R"({"x": 1, "refresh_worker": false})"},
      {"null", "null"},
      {"empty", "{}"},
      {"bool", "false"},
      {"text", "\"\xC3\xA9\xE6\x97\xA5\""},
      {"nested", R"({"output": 1})"}};
  const char* const expected[] = {R"({"output": {"ok":1}})",
                                  R"({"output": {"detail":1}, "error": "custom failure"})",
                                  R"({"error": "custom failure"})",
                                  R"({"output": {"x":1}})",
                                  R"({"output": null})",
                                  "{}",
                                  R"({"output": false})",
                                  "{\"output\": \"\xC3\xA9\xE6\x97\xA5\"}",
                                  R"({"output": {"output":1}})"};
  for (const auto& [id, input] : cases) platform.add_job(id, Json::parse(input));
  platform.add_job("raises", 1);
  ASSERT_TRUE(platform.wait_for_results(std::size(cases) + 1));
  const auto results = platform.results();
  for (size_t i = 0; i < std::size(cases); ++i) {
    EXPECT_EQ(results[i].job_id(), cases[i].first);
    EXPECT_EQ(results[i].body, expected[i]);
  }
}

TEST(WorkerReport, M19_UnexpectedExceptionsGiveTheSixFields) {
  FakePlatform platform;
  RunningWorker worker(options_on(platform), [](const Job&, JobContext&) -> JobOutcome {
    throw std::out_of_range("position 9");
  });
  platform.add_job("a", 1);
  ASSERT_TRUE(platform.wait_for_results(1));
  const Json body = *platform.result_of("a");
  ASSERT_EQ(body.size(), 1u);
  const Json report = Json::parse(body["error"].get<std::string>());
  EXPECT_EQ(report["error_type"], "<class 'std::out_of_range'>");
  EXPECT_EQ(report["error_message"], "position 9");
  EXPECT_EQ(report["hostname"], "podA-host");
  EXPECT_EQ(report["worker_id"], "podA");
  EXPECT_EQ(report["runpod_version"], "1.12.0");
  EXPECT_TRUE(report["error_traceback"].is_string());
  EXPECT_EQ(report.size(), 6u);
  EXPECT_TRUE(worker.logs("Captured Handler Exception", 1));
  EXPECT_TRUE(worker.hard_exits().empty());
  platform.add_job("b", 1);
  EXPECT_TRUE(platform.wait_for_results(2)) << "the worker goes on";
}

TEST(WorkerReport, M19_ThingsThatAreNoExceptionAreReportedToo) {
  FakePlatform platform;
  RunningWorker worker(options_on(platform),
                       [](const Job&, JobContext&) -> JobOutcome { throw 7; });
  platform.add_job("a", 1);
  ASSERT_TRUE(platform.wait_for_results(1));
  EXPECT_EQ(Json::parse(platform.result_of("a")->at("error").get<std::string>()).size(), 6u);
}

TEST(WorkerReport, M20_ErrorsOfTheProgramAreShortTexts) {
  FakePlatform platform;
  RunningWorker worker(options_on(platform), [](const Job& job, JobContext&) -> JobOutcome {
    if (job.id() == "thrown") throw_invalid("num_steps is 0, expected 1...320");
    return JobOutcome::failure("voice_not_found", "no voice anna.wav");
  });
  platform.add_job("thrown", 1);
  platform.add_job("returned", 1);
  ASSERT_TRUE(platform.wait_for_results(2));
  EXPECT_EQ(platform.result_of("thrown"),
            Json({{"error", "invalid_input: num_steps is 0, expected 1...320"}}));
  EXPECT_EQ(platform.result_of("returned"),
            Json({{"error", "voice_not_found: no voice anna.wav"}}));
}

TEST(WorkerReport, S5_M25_FailedPostsAreRepeated) {
  for (const int code : {500, 502, 503, 504, 599, 408, 425, 429}) {
    FakePlatform platform;
    platform.script(Route::kDone, {status(code), status(code)});
    RunningWorker worker(options_on(platform), echo_handler);
    platform.add_job("a", code);
    ASSERT_TRUE(platform.wait_for_results(1)) << code;
    EXPECT_EQ(platform.result_of("a"), Json({{"output", code}}));
    EXPECT_EQ(posts(platform).size(), 3u) << code;
  }
}

TEST(WorkerReport, M25_BrokenConnectionsAreRepeated) {
  FakePlatform platform;
  PlatformAnswer silent;
  silent.silent = true;
  PlatformAnswer reset;
  reset.reset = true;
  PlatformAnswer cut = PlatformAnswer::json({{"some", "long answer"}});
  cut.cut = true;
  PlatformAnswer never;
  never.hang = true;
  platform.script(Route::kDone, {silent, reset, cut, never});
  WorkerOptions options = options_on(platform);
  options.timing.post_timeout = milliseconds(1'000);
  RunningWorker worker(options, echo_handler);
  platform.add_job("a", 1);
  ASSERT_TRUE(platform.wait_for_results(1));
  EXPECT_GE(posts(platform).size(), 5u);
}

TEST(WorkerReport, M25_FinalAnswersAreNotRepeated) {
  for (const int code : {401, 403, 404, 405, 410, 422}) {
    FakePlatform platform;
    platform.script(Route::kDone, {status(code)});
    RunningWorker worker(options_on(platform), echo_handler);
    platform.add_job("a", 1);
    ASSERT_TRUE(platform.wait_for(Route::kTake, 2)) << "the slot is free again";
    EXPECT_EQ(posts(platform).size(), 1u) << code;
    EXPECT_EQ(worker.sink().count("ERROR"), code == 404 ? 0 : 1) << "404: nobody wants it";
  }
}

TEST(WorkerReport, M25_AtLeastThreeAttemptsHoweverLongTheyTake) {
  FakePlatform platform;
  platform.on(Route::kDone, [](const auto&) { return std::optional(status(500)); });
  WorkerOptions options = options_on(platform);
  EXPECT_GE(WorkerTiming{}.post_attempts, 3);
  options.timing.post_budget = milliseconds(0);
  RunningWorker worker(options, echo_handler);
  platform.add_job("a", 1);
  ASSERT_TRUE(platform.wait_for(Route::kTake, 2));
  EXPECT_EQ(posts(platform).size(), 3u);
  EXPECT_TRUE(worker.logs("after 3 attempts", 1));
  EXPECT_TRUE(worker.logs("Finished.", 1));
}

TEST(WorkerReport, M25_RetryAfterIsHonoured) {
  FakePlatform platform;
  PlatformAnswer busy = status(429);
  busy.headers = {{"Retry-After", "1"}};
  platform.script(Route::kDone, {busy});
  WorkerOptions options = options_on(platform);
  RunningWorker worker(options, echo_handler);
  platform.add_job("a", 1);
  ASSERT_TRUE(platform.wait_for_results(1));
  EXPECT_GE(between(posts(platform)[0].ended, posts(platform)[1].at), milliseconds(1'000));
}

TEST(WorkerReport, M26_ARejectedResultBecomesAnError) {
  for (const int code : {400, 413}) {
    FakePlatform platform;
    platform.script(Route::kDone, {status(code)});
    RunningWorker worker(options_on(platform), echo_handler);
    platform.add_job("a", "some output");
    ASSERT_TRUE(platform.wait_for_results(1));
    ASSERT_EQ(posts(platform).size(), 2u);
    const Json body = *platform.result_of("a");
    EXPECT_EQ(body.size(), 1u);
    EXPECT_EQ(body["error"].get<std::string>().rfind("result_rejected: ", 0), 0u);
    EXPECT_NE(body["error"].get<std::string>().find("HTTP " + std::to_string(code)),
              std::string::npos);
  }
}

TEST(WorkerReport, S16_M26_M28_OversizeResultsBecomeErrors) {
  FakePlatform platform;
  RunningWorker worker(options_on(platform), [](const Job& job, JobContext&) {
    return JobOutcome::success(std::string(job.input().get<size_t>(), 'x'));
  });
  EXPECT_EQ(SizeLimits{}.run_result, 10'000'000u);
  EXPECT_EQ(SizeLimits{}.sync_result, 20'000'000u);
  const size_t around = std::string(R"({"output": ""})").size();
  platform.add_job("fits-u1", 10'000'000 - around);
  platform.add_job("long-u1", 10'000'001 - around);
  platform.add_job("sync-fits-e1", 20'000'000 - around);
  platform.add_job("sync-long-e1", 25'000'000);
  ASSERT_TRUE(platform.wait_for_results(4));
  EXPECT_TRUE(platform.result_of("fits-u1")->contains("output"));
  EXPECT_TRUE(platform.result_of("sync-fits-e1")->contains("output"));
  EXPECT_EQ(platform.result_of("long-u1")->at("error"),
            "result_too_large: the result has 10000001 bytes, the platform takes at most 10000000");
  EXPECT_TRUE(platform.result_of("sync-long-e1")->contains("error"));
  for (const auto& post : posts(platform)) EXPECT_LE(post.body.size(), 20'000'000u);
}

TEST(WorkerReport, M27_StrictParsersReadEveryBody) {
  FakePlatform platform;
  RunningWorker worker(options_on(platform), [](const Job&, JobContext& context) -> JobOutcome {
    context.progress({{"nan", std::nan("")}, {"bad", "\xFF"}});
    context.stream({{"infinite", HUGE_VAL}, {"bad", "\xED\xA0\xBD"}});
    throw std::runtime_error("bad \xC0 text");
  });
  platform.add_job("a", 1);
  ASSERT_TRUE(platform.wait_for_results(1));
  for (const auto& request : platform.requests()) {
    if (!request.body.empty()) {
      EXPECT_TRUE(Json::accept(request.body)) << request.body;
    }
  }
}

TEST(WorkerReport, M24_ProgressIsPostedWhereResultsGo) {
  FakePlatform platform;
  WorkerOptions options = options_on(platform);
  RunningWorker worker(options, [&](const Job&, JobContext& context) {
    context.progress({{"step", 1}});
    EXPECT_TRUE(platform.wait_for(Route::kDone, 1));
    context.progress("second");
    EXPECT_TRUE(platform.wait_for(Route::kDone, 2));
    return JobOutcome::success(3);
  });
  platform.add_job("a", 1);
  ASSERT_TRUE(platform.wait_for_results(1));
  const auto all = posts(platform);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].body, R"({"status": "IN_PROGRESS", "output": {"step":1}})");
  EXPECT_EQ(all[1].body, R"({"status": "IN_PROGRESS", "output": "second"})");
  EXPECT_EQ(all[0].query(), "gpu=NVIDIA+GeForce+RTX+4090&isStream=false");
  EXPECT_EQ(all[2].body, R"({"output": 3})");
  EXPECT_TRUE(worker.logs("Finished.", 1));
}

TEST(WorkerReport, M24_NoProgressAfterTheResultHoweverSlowThePlatformIs) {
  FakePlatform platform;
  std::atomic<int> delay{0};
  platform.on(Route::kDone, [&](const PlatformRequest& request) -> std::optional<PlatformAnswer> {
    if (request.body.rfind("{\"status\"", 0) != 0) return std::nullopt;
    PlatformAnswer answer = PlatformAnswer::json({});
    answer.delay = milliseconds(delay = (delay + 7) % 30);
    return answer;
  });
  WorkerOptions options = options_on(platform);
  options.concurrency = 4;
  RunningWorker worker(options, [&](const Job& job, JobContext& context) {
    for (int i = 0; i < 20; ++i) {
      context.progress(i);
      std::this_thread::sleep_for(milliseconds(1));
    }
    const auto has_come = [&] {
      const auto all = posts(platform);
      return std::any_of(all.begin(), all.end(),
                         [&](const PlatformRequest& post) { return post.job_id() == job.id(); });
    };
    EXPECT_TRUE(platform.wait(has_come));
    return JobOutcome::success("done");
  });
  for (int i = 0; i < 40; ++i) platform.add_job("j" + std::to_string(i), i);
  ASSERT_TRUE(platform.wait_for_results(40));
  std::this_thread::sleep_for(milliseconds(60));
  std::map<std::string, steady_clock::time_point> final_at;
  for (const auto& result : platform.results()) final_at[result.job_id()] = result.at;
  int updates = 0;
  for (const auto& post : posts(platform)) {
    if (post.body.rfind("{\"status\"", 0) != 0) continue;
    ++updates;
    EXPECT_LE(post.ended, final_at.at(post.job_id())) << "answered before the result was sent";
  }
  EXPECT_GE(updates, 40);
}

TEST(WorkerReport, M24_OnlyTheNewestUpdateWaits) {
  FakePlatform platform;
  Gate first_seen;
  Gate go_on;
  platform.on(Route::kDone, [&](const PlatformRequest& request) -> std::optional<PlatformAnswer> {
    if (request.body.find("\"first\"") != std::string::npos) {
      first_seen.open();
      go_on.wait();
    }
    return std::nullopt;
  });
  RunningWorker worker(options_on(platform), [&](const Job&, JobContext& context) {
    context.progress("first");
    EXPECT_TRUE(first_seen.wait());
    for (int i = 0; i < 100; ++i) context.progress(i);
    go_on.open();
    EXPECT_TRUE(platform.wait_for(Route::kDone, 2));
    return JobOutcome::success("end");
  });
  platform.add_job("a", 1);
  ASSERT_TRUE(platform.wait_for_results(1));
  const auto all = posts(platform);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[1].json()["output"], 99);
}

TEST(WorkerReport, ProgressKeepsItsDistance) {
  FakePlatform platform;
  WorkerOptions options = options_on(platform);
  options.timing.progress_interval = milliseconds(150);
  const auto start = steady_clock::now();
  RunningWorker worker(options, [](const Job&, JobContext& context) {
    for (int i = 0; i < 40; ++i) {
      context.progress(i);
      std::this_thread::sleep_for(milliseconds(10));
    }
    return JobOutcome::success(1);
  });
  platform.add_job("a", 1);
  ASSERT_TRUE(platform.wait_for_results(1));
  const auto all = posts(platform);
  ASSERT_GE(all.size(), 3u);
  // Each may have come late, but not so many of them so early; the last one is the result.
  for (size_t i = 1; i + 1 < all.size(); ++i) {
    EXPECT_GE(between(start, all[i].at), milliseconds(149) * i) << i;
  }
}

TEST(WorkerReport, ALostUpdateHurtsNobody) {
  FakePlatform platform;
  PlatformAnswer reset;
  reset.reset = true;
  platform.script(Route::kDone, {reset});
  RunningWorker worker(options_on(platform), [&](const Job&, JobContext& context) {
    context.progress(1);
    EXPECT_TRUE(platform.wait_for(Route::kDone, 1));
    return JobOutcome::success(1);
  });
  platform.add_job("a", 1);
  ASSERT_TRUE(platform.wait_for_results(1));
  EXPECT_EQ(worker.sink().count("ERROR"), 0);
}

TEST(WorkerReport, AJobWhoseTimeIsUpIsAnErrorOfItsOwn) {
  FakePlatform platform;
  RunningWorker worker(options_on(platform), [](const Job& job, JobContext& context) {
    EXPECT_LT(context.deadline(), steady_clock::time_point::max());
    work_until_stopped(context);
    if (job.id() == "made-it") return JobOutcome::success("just in time");
    throw Error(ErrorCode::kCancelled, "asked to stop");
  });
  platform.add_job({{"id", "late"}, {"input", 1}, {"policy", {{"executionTimeout", 150}}}});
  platform.add_job({{"id", "made-it"}, {"input", 1}, {"policy", {{"executionTimeout", 150}}}});
  ASSERT_TRUE(platform.wait_for_results(2));
  EXPECT_EQ(platform.result_of("late"),
            Json({{"error", "timed_out: the job ran longer than 150 ms"}}));
  EXPECT_EQ(platform.result_of("made-it"), Json({{"output", "just in time"}}));
}

TEST(WorkerReport, DebuggerAddsItsFactsToObjectsOnly) {
  FakePlatform platform;
  WorkerOptions options = options_on(platform);
  options.debugger = true;
  RunningWorker worker(options, echo_handler);
  platform.add_job("object", {{"a", 1}});
  platform.add_job("text", "plain");
  platform.add_job("error", {{"error", "e"}, {"a", 1}});
  ASSERT_TRUE(platform.wait_for_results(3));
  const Json facts = platform.result_of("object")->at("output").at("rp_debugger");
  EXPECT_EQ(facts.at("system_info").at("runpod"), "1.12.0");
  EXPECT_TRUE(facts.at("system_info").contains("os"));
  EXPECT_TRUE(facts.at("system_info").contains("processor"));
  EXPECT_TRUE(facts.at("system_info").contains("python_version"));
  EXPECT_TRUE(facts.at("ready_delay_ms").is_number_float());
  const Json point = facts.at("timestamps").at(0);
  EXPECT_TRUE(point.at("duration_ms").is_number());
  const std::string start = point.at("start_utc").get<std::string>();
  EXPECT_EQ(start.substr(start.size() - 7), "+00:00Z") << start;
  EXPECT_EQ(platform.result_of("text"), Json({{"output", "plain"}}));
  EXPECT_EQ(platform.result_of("error"), Json::parse(R"({"output": {"a": 1}, "error": "e"})"));
}

TEST(WorkerReport, M47_NoSecretAndNoUserTextInTheLog) {
  FakePlatform platform;
  auto environment = platform.environment();
  environment["RUNPOD_WEBHOOK_GET_JOB"] += "&token=canary-query";
  environment["RUNPOD_WEBHOOK_POST_OUTPUT"] += "&token=canary-query";
  WorkerOptions options = worker_options_from(environment_of(environment), nullptr);
  options.timing = quick_timing();
  options.log_level = LogLevel::kTrace;
  PlatformAnswer reset;
  reset.reset = true;
  platform.script(Route::kDone, {status(500), reset, status(400)});
  platform.script(Route::kTake, {status(503), status(401), reset});
  RunningWorker worker(options, [](const Job& job, JobContext& context) -> JobOutcome {
    context.progress({{"text", "canary-progress"}});
    context.stream({{"text", "canary-piece"}});
    if (job.id() == "raises") throw std::runtime_error("canary-input in an exception");
    if (job.id() == "returns") return JobOutcome::failure("invalid_input", "canary-message");
    return JobOutcome::success({{"text", "canary-output"}});
  });
  for (const char* id : {"a", "raises", "returns"}) {
    platform.add_job(
        {{"id", id},
         {"input", {{"text", "canary-input"}}},
         {"webhook", "https://canary-webhook"},
         {"s3Config", {{"accessId", "canary-id"}, {"accessSecret", "canary-secret"}}}});
  }
  ASSERT_TRUE(platform.wait_for_results(3));
  platform.add_job("after", 1);
  ASSERT_TRUE(platform.wait_for_results(4));
  EXPECT_EQ(worker.log().find("canary"), std::string::npos) << worker.log();
  EXPECT_NE(worker.log().find("Started."), std::string::npos);
  EXPECT_NE(worker.log().find("HTTP 503"), std::string::npos);
}

TEST(WorkerReport, M46_PlatformLogsAreJsonLines) {
  FakePlatform platform;
  WorkerOptions options = options_on(platform);
  options.endpoint_id = "ep1";
  RunningWorker worker(options, echo_handler);
  platform.add_job("a", 1);
  ASSERT_TRUE(platform.wait_for(Route::kTake, 2));
  std::istringstream lines(worker.log());
  std::string line;
  ASSERT_TRUE(std::getline(lines, line));
  EXPECT_EQ(line, "--- Starting Serverless Worker |  Version 1.12.0 ---") << "M48";
  std::vector<std::string> of_the_job;
  while (std::getline(lines, line)) {
    const Json entry = Json::parse(line);
    EXPECT_EQ(entry.size(), 3u);
    if (entry["requestId"] == "a") of_the_job.push_back(entry["message"]);
  }
  EXPECT_EQ(of_the_job, (std::vector<std::string>{"Started.", "Results sent.", "Finished."}));
}

}  // namespace
}  // namespace echo::runpod
