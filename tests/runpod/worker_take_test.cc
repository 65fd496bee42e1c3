// Taking jobs: requests, answers, pace.
#include <zlib.h>

#include <algorithm>
#include <regex>

#include "base/error.h"
#include "worker_fixture.h"

namespace echo::runpod {
namespace {

using Route = PlatformRoute;

std::vector<PlatformRequest> takes(const FakePlatform& platform) {
  return platform.requests(Route::kTake);
}

TEST(WorkerTake, S1_IdleWorkerAsksListensAndPings) {
  FakePlatform platform;
  RunningWorker worker(options_on(platform), echo_handler);
  ASSERT_TRUE(platform.wait([&] { return platform.requests().size() >= 3; }));
  ASSERT_TRUE(platform.wait_for(Route::kTake, 1));
  ASSERT_TRUE(platform.wait_for(Route::kStop, 1));
  ASSERT_TRUE(platform.wait_for(Route::kPing, 1));
  const auto take = takes(platform).at(0);
  EXPECT_EQ(take.method, "GET");
  EXPECT_EQ(take.target, "/v2/ep1/job-take/podA?gpu=NVIDIA+GeForce+RTX+4090&job_in_progress=0");
  EXPECT_EQ(platform.requests(Route::kStop).at(0).target,
            "/v2/ep1/job-stop/podA?gpu=NVIDIA+GeForce+RTX+4090");
  EXPECT_FALSE(platform.requests(Route::kPing).at(0).parameter("job_id"));
}

TEST(WorkerTake, S2_TakesAJobAndPostsItsResult) {
  FakePlatform platform;
  RunningWorker worker(options_on(platform), echo_handler);
  platform.add_job("job-1", {{"text", "hello"}});
  ASSERT_TRUE(platform.wait_for_results(1));
  EXPECT_EQ(platform.result_of("job-1"), Json::parse(R"({"output": {"text": "hello"}})"));
  ASSERT_TRUE(platform.wait_for(Route::kTake, 2));
  EXPECT_EQ(platform.requests(Route::kDone).size(), 1u);
}

TEST(WorkerTake, M3_AWorkerWithoutIdUsesOneUuidEverywhere) {
  FakePlatform platform;
  auto environment = platform.environment();
  environment.erase("RUNPOD_POD_ID");
  WorkerOptions options = worker_options_from(environment_of(environment), nullptr);
  options.timing = quick_timing();
  RunningWorker worker(options, echo_handler);
  platform.add_job("a", 1);
  ASSERT_TRUE(platform.wait_for_results(1));
  ASSERT_TRUE(platform.wait_for(Route::kStop, 1));
  const std::regex form("/v2/ep1/job-(take|stop|done)/([0-9a-f-]{36})(/a)?");
  for (const auto& request : platform.requests()) {
    std::smatch match;
    const std::string path = request.path();
    ASSERT_TRUE(std::regex_match(path, match, form)) << path;
    EXPECT_EQ(match[2], options.worker_id);
  }
}

TEST(WorkerTake, M4_TheKeyIsSentAsItIsOnEveryRoute) {
  FakePlatform platform;
  RunningWorker worker(options_on(platform), [](const Job&, JobContext& context) {
    context.stream("piece");
    return JobOutcome::success(nullptr);
  });
  platform.add_job("a", 1);
  ASSERT_TRUE(platform.wait_for_results(1));
  for (const Route route :
       {Route::kTake, Route::kStop, Route::kPing, Route::kDone, Route::kStream}) {
    ASSERT_TRUE(platform.wait_for(route, 1));
    for (const auto& request : platform.requests(route)) {
      EXPECT_EQ(request.header("Authorization"), "canary-api-key-7f3a");
    }
  }
}

TEST(WorkerTake, PollsCarryTheProtocolsHeaders) {
  FakePlatform platform;
  RunningWorker worker(options_on(platform), echo_handler);
  platform.add_job("a", 1);
  ASSERT_TRUE(platform.wait_for(Route::kTake, 2));
  for (const auto& take : takes(platform)) {
    EXPECT_EQ(take.header("Content-Type"), "application/json");
    EXPECT_EQ(take.header("Accept"), "*/*");
    EXPECT_EQ(take.header("User-Agent")->rfind("RunPod-Python-SDK/1.12.0 (Linux ", 0), 0u);
    EXPECT_FALSE(take.header("X-Request-ID")) << "belongs to a job's own posts";
    EXPECT_NE(take.head.find(" HTTP/1.1\r\n"), std::string::npos);
  }
}

TEST(WorkerTake, M5_TheQueryOfTheTemplateStaysByteForByte) {
  FakePlatform platform;
  RunningWorker worker(options_on(platform), echo_handler);
  platform.add_job("a", 1);
  ASSERT_TRUE(platform.wait_for_results(1));
  for (const auto& request : platform.requests()) {
    EXPECT_EQ(request.query().rfind("gpu=NVIDIA+GeForce+RTX+4090", 0), 0u) << request.target;
  }
}

TEST(WorkerTake, S7_M6_M7_BatchesAreAsLargeAsTheFreeSlots) {
  FakePlatform platform;
  WorkerOptions options = options_on(platform);
  options.concurrency = 3;
  Gate first;
  Gate rest;
  RunningWorker worker(options, [&](const Job& job, JobContext&) {
    (job.id() == "a" ? first : rest).wait();
    return JobOutcome::success(1);
  });
  ASSERT_TRUE(platform.wait_for(Route::kTake, 1));
  EXPECT_EQ(takes(platform)[0].target,
            "/v2/ep1/job-take-batch/podA?gpu=NVIDIA+GeForce+RTX+4090&batch_size=3&"
            "job_in_progress=0");
  platform.add_job("a", 1);
  ASSERT_TRUE(platform.wait_for(Route::kTake, 2));
  EXPECT_EQ(takes(platform)[1].query(),
            "gpu=NVIDIA+GeForce+RTX+4090&batch_size=2&job_in_progress=1");
  platform.add_job("b", 1);
  ASSERT_TRUE(platform.wait_for(Route::kTake, 3));
  EXPECT_EQ(takes(platform)[2].target,
            "/v2/ep1/job-take/podA?gpu=NVIDIA+GeForce+RTX+4090&job_in_progress=1");
  platform.add_job("c", 1);
  ASSERT_TRUE(platform.wait([&] { return worker.worker().jobs() == 3; }));
  const size_t asked = takes(platform).size();
  std::this_thread::sleep_for(milliseconds(50));
  EXPECT_EQ(takes(platform).size(), asked) << "no slot is free";
  first.open();
  ASSERT_TRUE(platform.wait_for(Route::kTake, asked + 1));
  EXPECT_EQ(takes(platform)[asked].path(), "/v2/ep1/job-take/podA");
  rest.open();
  ASSERT_TRUE(platform.wait_for_results(3));
}

TEST(WorkerTake, M8_OneTakeAtATimeAndNeverMoreJobsThanSlots) {
  FakePlatform platform;
  WorkerOptions options = options_on(platform);
  options.concurrency = 4;
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  std::atomic<int> posted{0};
  std::atomic<int> most_asked{0};
  platform.on(Route::kDone, [&](const auto&) -> std::optional<PlatformAnswer> {
    ++posted;
    return std::nullopt;
  });
  platform.on(Route::kTake, [&](const auto& take) -> std::optional<PlatformAnswer> {
    const int asked = std::atoi(take.parameter("batch_size").value_or("1").c_str());
    const int handed_out = 60 - static_cast<int>(platform.queued());
    EXPECT_LE(handed_out - posted + asked, 4);
    most_asked = std::max(most_asked.load(), asked);
    return std::nullopt;
  });
  for (int i = 0; i < 60; ++i) platform.add_job("job-" + std::to_string(i), i);
  Gate beside_each_other;
  RunningWorker worker(options, [&](const Job&, JobContext&) {
    const int now = ++running;
    int seen = most;
    while (seen < now && !most.compare_exchange_weak(seen, now)) {
    }
    if (now >= 2) beside_each_other.open();
    EXPECT_TRUE(beside_each_other.wait());
    std::this_thread::sleep_for(milliseconds(2));
    --running;
    return JobOutcome::success(1);
  });
  ASSERT_TRUE(platform.wait_for_results(60));
  EXPECT_LE(most, 4);
  auto polls = takes(platform);
  for (size_t i = 1; i < polls.size(); ++i) {
    EXPECT_LE(polls[i - 1].ended, polls[i].at) << "take " << i << " came before an answer";
  }
  EXPECT_EQ(most_asked, 4) << "free slots are asked for together";
}

// Pauses so long that a test would wait for ever if there was one.
void make_pauses_endless(WorkerOptions& options) {
  options.timing.backoff_first = std::chrono::hours(1);
  options.timing.idle_cap = std::chrono::hours(1);
  options.timing.failure_cap = std::chrono::hours(1);
}

TEST(WorkerTake, M8_NoPauseBetweenJobs) {
  FakePlatform platform;
  WorkerOptions options = options_on(platform);
  make_pauses_endless(options);
  for (int i = 0; i < 50; ++i) platform.add_job("job-" + std::to_string(i), i);
  RunningWorker worker(options, echo_handler);
  ASSERT_TRUE(platform.wait_for_results(50));
}

PlatformAnswer answer_of_type(const std::string& body, const std::string& type) {
  PlatformAnswer answer;
  answer.body = body;
  answer.content_type = type;
  return answer;
}

TEST(WorkerTake, S6_M9_M11_SurvivesEveryAnswer) {
  FakePlatform platform;
  PlatformAnswer lost;
  lost.silent = true;
  PlatformAnswer reset;
  reset.reset = true;
  PlatformAnswer cut = PlatformAnswer::json({{"id", "cut"}, {"input", 1}});
  cut.cut = true;
  platform.script(Route::kTake, {PlatformAnswer::with_status(204),
                                 PlatformAnswer::with_status(400),
                                 PlatformAnswer::with_status(400),
                                 PlatformAnswer::with_status(500),
                                 PlatformAnswer::with_status(503),
                                 PlatformAnswer::with_status(401),
                                 PlatformAnswer::with_status(403),
                                 PlatformAnswer::with_status(404),
                                 PlatformAnswer::with_status(418),
                                 lost,
                                 reset,
                                 cut,
                                 answer_of_type("{bad", "application/json"),
                                 answer_of_type("{\"id\": \"x\", \"input\": 1}", "text/plain"),
                                 answer_of_type("", "application/json"),
                                 answer_of_type("null", "application/json"),
                                 answer_of_type("[]", "application/json"),
                                 answer_of_type("7", "application/json"),
                                 answer_of_type("[3, {}]", "application/json"),
                                 answer_of_type("{\"id\": \"ok\", \"input\": 1}",
                                                "application/json; charset=utf-8")});
  RunningWorker worker(options_on(platform), echo_handler);
  ASSERT_TRUE(platform.wait_for_results(1));
  EXPECT_TRUE(platform.result_of("ok"));
  EXPECT_EQ(platform.results().size(), 1u);
  EXPECT_TRUE(worker.hard_exits().empty());
}

TEST(WorkerTake, M9_NoJobIsNoError) {
  FakePlatform platform;
  platform.script(Route::kTake,
                  {PlatformAnswer::with_status(204), PlatformAnswer::with_status(400),
                   PlatformAnswer::with_status(400), PlatformAnswer::with_status(204)});
  RunningWorker worker(options_on(platform), echo_handler);
  ASSERT_TRUE(platform.wait_for(Route::kTake, 5));
  EXPECT_EQ(worker.sink().count("ERROR"), 0) << worker.log();
  EXPECT_EQ(worker.sink().count("WARN"), 0) << worker.log();
}

TEST(WorkerTake, M9_A204ThatWasHeldIsFollowedAtOnce) {
  FakePlatform platform;
  platform.set_hold(milliseconds(60));
  WorkerOptions options = options_on(platform);
  options.timing.held_poll = milliseconds(50);
  make_pauses_endless(options);
  RunningWorker worker(options, echo_handler);
  ASSERT_TRUE(platform.wait_for(Route::kTake, 5));
}

TEST(WorkerTake, M10_TooManyRequestsWaits) {
  FakePlatform platform;
  platform.script(Route::kTake, {PlatformAnswer::with_status(429)});
  WorkerOptions options = options_on(platform);
  EXPECT_EQ(WorkerTiming{}.too_many_requests, milliseconds(5'000)) << "the protocol's pause";
  RunningWorker worker(options, echo_handler);
  ASSERT_TRUE(platform.wait_for(Route::kTake, 2));
  const auto polls = takes(platform);
  EXPECT_GE(between(polls[0].ended, polls[1].at), options.timing.too_many_requests);
}

TEST(WorkerTake, M10_TooManyRequestsHonoursALongerRetryAfter) {
  FakePlatform platform;
  PlatformAnswer answer = PlatformAnswer::with_status(429);
  answer.headers = {{"Retry-After", "1"}};
  platform.script(Route::kTake, {answer});
  RunningWorker worker(options_on(platform), echo_handler);
  ASSERT_TRUE(platform.wait_for(Route::kTake, 2));
  const auto polls = takes(platform);
  EXPECT_GE(between(polls[0].ended, polls[1].at), milliseconds(1'000));
}

TEST(WorkerTake, M11_FailuresAtTheProtocolsPaceStayBelowFiveASecond) {
  FakePlatform platform;
  platform.on(Route::kTake, [](const auto&) { return PlatformAnswer::with_status(503); });
  WorkerOptions options = options_on(platform);
  options.timing.backoff_first = WorkerTiming{}.backoff_first;
  options.timing.failure_cap = WorkerTiming{}.failure_cap;
  EXPECT_EQ(options.timing.failure_cap, milliseconds(30'000));
  RunningWorker worker(options, echo_handler);
  ASSERT_TRUE(platform.wait_for(Route::kTake, 3));
  const auto polls = takes(platform);
  for (size_t i = 1; i < polls.size(); ++i) {
    const auto least = milliseconds(200) * (1 << (i - 1));
    EXPECT_GE(between(polls[i - 1].at, polls[i].at), least);
  }
}

TEST(WorkerTake, M11_PausesGrowToTheCapAndEndWithTheOutage) {
  FakePlatform platform;
  std::atomic<bool> down{true};
  platform.on(Route::kTake, [&](const auto&) -> std::optional<PlatformAnswer> {
    if (down) return PlatformAnswer::with_status(500);
    return std::nullopt;
  });
  WorkerOptions options = options_on(platform);
  options.timing.backoff_first = milliseconds(20);
  options.timing.failure_cap = milliseconds(80);
  RunningWorker worker(options, echo_handler);
  ASSERT_TRUE(platform.wait_for(Route::kTake, 8));
  const auto polls = takes(platform);
  for (size_t i = 4; i < 8; ++i) {
    EXPECT_GE(between(polls[i - 1].ended, polls[i].at), milliseconds(63)) << i;
  }
  EXPECT_TRUE(worker.logs("Failed to get job.", 1)) << "one line for one state";
  down = false;
  platform.add_job("a", 1);
  ASSERT_TRUE(platform.wait_for_results(1));
  EXPECT_TRUE(worker.logs("works again after", 1)) << worker.log();
}

TEST(WorkerTake, S15_APlatformThatWasAwayIsFoundAgain) {
  FakePlatform platform;
  WorkerOptions options = options_on(platform);
  RunningWorker worker(options, echo_handler);
  ASSERT_TRUE(platform.wait_for(Route::kTake, 1));
  platform.close();
  std::this_thread::sleep_for(milliseconds(600));
  platform.open();
  platform.add_job("a", 1);
  ASSERT_TRUE(platform.wait_for_results(1));
  int lines = 0;
  for (const char c : worker.log()) lines += c == '\n';
  EXPECT_LE(lines, 30) << worker.log();
  EXPECT_TRUE(worker.hard_exits().empty());
}

TEST(WorkerTake, S18_M12_AQuietPollIsAbandonedInTimeAndRepeatedAtOnce) {
  EXPECT_EQ(WorkerTiming{}.poll_timeout, milliseconds(90'000)) << "the protocol's patience";
  FakePlatform platform;
  PlatformAnswer never;
  never.hang = true;
  platform.script(Route::kTake, {never, never});
  WorkerOptions options = options_on(platform);
  options.timing.poll_timeout = milliseconds(900);
  make_pauses_endless(options);
  const auto start = steady_clock::now();
  RunningWorker worker(options, echo_handler);
  ASSERT_TRUE(platform.wait_for(Route::kTake, 3)) << "repeated at once";
  ASSERT_TRUE(
      platform.wait([&] { return takes(platform)[1].ended != steady_clock::time_point{}; }));
  const auto polls = takes(platform);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_GE(between(start, polls[i + 1].at), milliseconds(899) * (i + 1)) << "not earlier";
    EXPECT_TRUE(polls[i].abandoned);
  }
  EXPECT_EQ(worker.sink().count("ERROR"), 0) << worker.log();
}

TEST(WorkerTake, M13_AnyInputReachesTheHandler) {
  FakePlatform platform;
  RunningWorker worker(options_on(platform), echo_handler);
  const std::vector<Json> inputs = {nullptr, "text",         Json::array({1, nullptr}),     0,
                                    false,   Json::object(), "caf\xC3\xA9 \xF0\x9F\x98\x80"};
  for (size_t i = 0; i < inputs.size(); ++i) platform.add_job("j" + std::to_string(i), inputs[i]);
  ASSERT_TRUE(platform.wait_for_results(inputs.size()));
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Json expected = inputs[i].is_object() ? Json::object() : Json{{"output", inputs[i]}};
    EXPECT_EQ(platform.result_of("j" + std::to_string(i)), expected);
  }
}

TEST(WorkerTake, M13_AListIsAcceptedWhereOneJobWasAskedFor) {
  FakePlatform platform;
  platform.script(
      Route::kTake,
      {PlatformAnswer::json(Json::parse(R"([{"id": "a", "input": 1}, {"id": "b", "input": 2}])"))});
  RunningWorker worker(options_on(platform), echo_handler);
  ASSERT_TRUE(platform.wait_for_results(2));
  EXPECT_EQ(platform.result_of("b"), Json({{"output", 2}})) << "more than asked for, all run";
}

TEST(WorkerTake, S14_M14_BadItemsAreSkippedAndAnsweredWherePossible) {
  FakePlatform platform;
  platform.script(Route::kTake, {PlatformAnswer::json(Json::parse(
                                    R"([{"input": {}}, {"id": "good", "input": 1}, 7,
                                        {"id": "no-input"}, {"id": "fine", "input": 2}])"))});
  WorkerOptions options = options_on(platform);
  options.concurrency = 5;
  RunningWorker worker(options, echo_handler);
  ASSERT_TRUE(platform.wait_for_results(3));
  EXPECT_EQ(platform.result_of("good"), Json({{"output", 1}}));
  EXPECT_EQ(platform.result_of("fine"), Json({{"output", 2}}));
  EXPECT_EQ(platform.result_of("no-input"),
            Json({{"error", "invalid_input: job has no field input"}}));
}

TEST(WorkerTake, M15_TheHandlerSeesTheWholeJob) {
  FakePlatform platform;
  RunningWorker worker(options_on(platform), [](const Job& job, JobContext&) {
    return JobOutcome::success({{"document", job.document()},
                                {"webhook", job.webhook()},
                                {"batch", job.batch_id()},
                                {"s3", job.s3_config()}});
  });
  const Json job = Json::parse(R"({"id": "a", "input": {"x": 1}, "webhook": "https://w",
      "batchId": "b", "s3Config": {"bucketName": "k"}, "mock_delay": 3, "deep": {"er": [null]}})");
  platform.add_job(job);
  ASSERT_TRUE(platform.wait_for_results(1));
  const Json output = platform.result_of("a")->at("output");
  EXPECT_EQ(output["document"], job);
  EXPECT_EQ(output["webhook"], "https://w");
  EXPECT_EQ(output["batch"], "b");
  EXPECT_EQ(output["s3"]["bucketName"], "k");
  EXPECT_TRUE(worker.logs("[batchId=b] Started.", 1));
}

TEST(WorkerTake, M16_AJobIsTrackedUntilItsResultIsResolved) {
  FakePlatform platform;
  Gate handler_done;
  Gate post_allowed;
  platform.on(Route::kDone, [&](const auto&) -> std::optional<PlatformAnswer> {
    handler_done.open();
    post_allowed.wait();
    return std::nullopt;
  });
  WorkerOptions options = options_on(platform);
  options.ping_interval = milliseconds(30);
  RunningWorker worker(options, echo_handler);
  platform.add_job("a", 1);
  ASSERT_TRUE(handler_done.wait());
  const size_t before = platform.requests(Route::kPing).size();
  ASSERT_TRUE(platform.wait_for(Route::kPing, before + 3));
  EXPECT_EQ(platform.requests(Route::kPing).back().parameter("job_id"), "a");
  EXPECT_EQ(takes(platform).size(), 1u) << "the slot is not free yet";
  post_allowed.open();
  ASSERT_TRUE(platform.wait_for(Route::kTake, 2));
  ASSERT_TRUE(platform.wait(
      [&] { return !platform.requests(Route::kPing).back().parameter("job_id").has_value(); }));
}

TEST(WorkerTake, AJobThatIsAlreadyHereIsIgnored) {
  FakePlatform platform;
  WorkerOptions options = options_on(platform);
  options.concurrency = 3;
  Gate gate;
  std::atomic<int> runs{0};
  RunningWorker worker(options, [&](const Job&, JobContext&) {
    ++runs;
    gate.wait();
    return JobOutcome::success(1);
  });
  platform.script(
      Route::kTake,
      {PlatformAnswer::json(Json::parse(R"([{"id": "a", "input": 1}, {"id": "a", "input": 1}])"))});
  ASSERT_TRUE(platform.wait_for(Route::kTake, 2));
  platform.add_job("a", 1);
  ASSERT_TRUE(platform.wait_for(Route::kTake, 3));
  gate.open();
  ASSERT_TRUE(platform.wait_for_results(1));
  EXPECT_EQ(runs, 1);
  EXPECT_TRUE(worker.logs("already here", 2)) << worker.log();
  ASSERT_TRUE(platform.wait([&] { return worker.worker().jobs() == 0; }));
  platform.add_job("a", 2);
  ASSERT_TRUE(platform.wait_for_results(2)) << "a finished job may come again";
}

std::string gzip(const std::string& text) {
  z_stream stream{};
  deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(text.size() + 256, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

TEST(WorkerTake, S17_M53_CompressedAnswersAreDecoded) {
  FakePlatform platform;
  PlatformAnswer answer;
  answer.body = gzip(R"({"id": "zipped", "input": 1})");
  answer.headers = {{"Content-Encoding", "gzip"}};
  platform.script(Route::kTake, {answer});
  RunningWorker worker(options_on(platform), echo_handler);
  ASSERT_TRUE(platform.wait_for_results(1));
  EXPECT_TRUE(platform.result_of("zipped"));
  for (const auto& request : platform.requests()) {
    const std::string accepted = request.header("Accept-Encoding").value_or("");
    EXPECT_EQ(accepted.find("br"), std::string::npos) << accepted;
    EXPECT_NE(accepted.find("gzip"), std::string::npos);
  }
}

TEST(WorkerTake, M54_ClosedKeptConnectionsLoseNothing) {
  FakePlatform platform;
  const auto close_after = [](const PlatformRequest&) {
    PlatformAnswer answer = PlatformAnswer::json({{"ok", true}});
    answer.close_after = true;
    return std::optional(answer);
  };
  platform.on(Route::kDone, close_after);
  platform.on(Route::kPing, close_after);
  WorkerOptions options = options_on(platform);
  options.timing.post_attempts = 1;
  options.timing.post_budget = milliseconds(0);  // a lost post would stay lost
  RunningWorker worker(options, echo_handler);
  for (int i = 0; i < 20; ++i) {
    platform.add_job("j" + std::to_string(i), i);
    ASSERT_TRUE(platform.wait_for_results(static_cast<size_t>(i) + 1));
  }
  EXPECT_EQ(worker.sink().count("Failed to"), 0) << worker.log();
}

TEST(WorkerTake, TheConcurrencyModifierIsObeyedAtOnceAndNeverKills) {
  FakePlatform platform;
  WorkerOptions options = options_on(platform);
  options.concurrency = 4;
  std::atomic<int> wanted{2};
  std::atomic<int> asked{0};  // since it was set
  options.concurrency_modifier = [&](int) {
    const int now = wanted;
    ++asked;
    if (now == -1) throw std::runtime_error("broken");
    return now;
  };
  // Twice, so that a poll with the number is over or on its way.
  const auto want = [&](int number) {
    wanted = number;
    asked = 0;
    return platform.wait([&] { return asked >= 3; });
  };
  platform.set_hold(milliseconds(30));
  RunningWorker worker(options, echo_handler);
  const auto asks_for = [&](const char* size) {
    return platform.wait([&] {
      const auto polls = takes(platform);
      return !polls.empty() && polls.back().parameter("batch_size").value_or("1") == size;
    });
  };
  EXPECT_TRUE(asks_for("2"));
  wanted = 4;
  EXPECT_TRUE(asks_for("4"));
  ASSERT_TRUE(want(99));
  EXPECT_TRUE(asks_for("4")) << "bounded by the slots";
  ASSERT_TRUE(want(-1));
  EXPECT_TRUE(asks_for("4")) << "the last good number stays";
  wanted = 1;
  EXPECT_TRUE(asks_for("1"));
  ASSERT_TRUE(want(0));
  const size_t paused = takes(platform).size();
  std::this_thread::sleep_for(milliseconds(100));
  EXPECT_EQ(takes(platform).size(), paused);
  wanted = 1;
  platform.add_job("a", 1);
  EXPECT_TRUE(platform.wait_for_results(1));
}

}  // namespace
}  // namespace echo::runpod
