// Jobs that the platform wants stopped.
#include "base/error.h"
#include "worker_fixture.h"

namespace echo::runpod {
namespace {

using Route = PlatformRoute;

// Works until it is cancelled, or the gate opens.
Handler working_until(Gate& gate, std::atomic<int>* cancelled = nullptr) {
  return [&gate, cancelled](const Job&, JobContext& context) {
    if (!gate.wait(context.stop_token())) {
      if (cancelled != nullptr) ++*cancelled;
      throw Error(ErrorCode::kCancelled, "asked to stop");
    }
    return JobOutcome::success("finished");
  };
}

TEST(StopChannel, S9_M35_OnlyTheNamedJobStops) {
  FakePlatform platform;
  WorkerOptions options = options_on(platform);
  options.concurrency = 2;
  Gate gate;
  std::atomic<int> cancelled{0};
  RunningWorker worker(options, working_until(gate, &cancelled));
  platform.add_job("stops", 1);
  platform.add_job("stays", 1);
  ASSERT_TRUE(platform.wait([&] { return worker.sink().count("Started.") == 2; }));
  const size_t takes = platform.requests(Route::kTake).size();
  platform.stop_jobs(Json::array({"stops", 5, nullptr, "unknown"}));
  ASSERT_TRUE(platform.wait([&] { return worker.worker().jobs() == 1; }));
  ASSERT_TRUE(platform.wait_for(Route::kTake, takes + 1)) << "the slot is free";
  EXPECT_EQ(cancelled, 1);
  gate.open();
  ASSERT_TRUE(platform.wait_for_results(1));
  EXPECT_TRUE(platform.result_of("stays"));
  std::this_thread::sleep_for(milliseconds(50));
  EXPECT_EQ(platform.requests(Route::kDone).size(), 1u) << "nothing for the stopped job";
  EXPECT_TRUE(worker.logs("stops | Stopping job.", 1));
  EXPECT_TRUE(worker.logs("stops | Job stopped.", 1));
  EXPECT_TRUE(worker.logs("WARN", 2)) << "two ids that are no strings";
}

TEST(StopChannel, S9_M35_QueuedJobsNeverRun) {
  FakePlatform platform;
  Gate gate;
  std::atomic<int> started{0};
  RunningWorker worker(options_on(platform), [&](const Job&, JobContext&) {
    ++started;
    gate.wait();
    return JobOutcome::success(1);
  });
  platform.script(Route::kTake,
                  {PlatformAnswer::json(Json::parse(
                      R"([{"id": "runs", "input": 1}, {"id": "waits", "input": 1}])"))});
  ASSERT_TRUE(platform.wait([&] { return started == 1 && worker.worker().jobs() == 2; }));
  platform.stop_jobs(Json::array({"waits"}));
  ASSERT_TRUE(platform.wait([&] { return worker.worker().jobs() == 1; }));
  gate.open();
  ASSERT_TRUE(platform.wait_for(Route::kTake, 2));
  ASSERT_TRUE(platform.wait_for(Route::kDone, 1));
  EXPECT_EQ(started, 1);
  EXPECT_EQ(platform.requests(Route::kDone).size(), 1u);
}

TEST(StopChannel, M35_UnsentPiecesAndUpdatesAreDropped) {
  FakePlatform platform;
  Gate gate;
  platform.on(Route::kStream, [&](const auto&) -> std::optional<PlatformAnswer> {
    gate.wait();
    return std::nullopt;
  });
  WorkerOptions options = options_on(platform);
  std::atomic<bool> thrown{false};
  RunningWorker worker(options, [&](const Job&, JobContext& context) {
    try {
      for (int i = 0; i < 1'000; ++i) {
        context.stream(i);
        context.progress(i);
      }
    } catch (const Error& error) {
      thrown = error.code() == ErrorCode::kCancelled;
    }
    return JobOutcome::success(1);
  });
  platform.add_job("a", 1);
  ASSERT_TRUE(platform.wait_for(Route::kStream, 1));
  platform.stop_jobs(Json::array({"a"}));
  ASSERT_TRUE(platform.wait([&] { return worker.worker().jobs() == 0; }))
      << "the piece on its way is given up";
  gate.open();
  EXPECT_TRUE(platform.wait([&] { return thrown.load(); }));
  EXPECT_EQ(platform.requests(Route::kStream).size(), 1u);
  EXPECT_TRUE(platform.results().empty());
}

TEST(StopChannel, M35_AResultThatIsBeingRetriedIsGivenUp) {
  FakePlatform platform;
  platform.on(Route::kDone,
              [](const auto&) { return std::optional(PlatformAnswer::with_status(500)); });
  WorkerOptions options = options_on(platform);
  options.timing.post_budget = milliseconds(60'000);
  RunningWorker worker(options, echo_handler);
  platform.add_job("a", 1);
  ASSERT_TRUE(platform.wait_for(Route::kDone, 2));
  platform.stop_jobs(Json::array({"a"}));
  EXPECT_TRUE(platform.wait([&] { return worker.worker().jobs() == 0; }));
}

TEST(StopChannel, M35_WithoutItsPathTheChannelIsOff) {
  FakePlatform platform;
  WorkerOptions options = options_on(platform);
  options.take_url = "http://127.0.0.1:" + std::to_string(platform.port()) + "/other/$ID?gpu=x";
  RunningWorker worker(options, echo_handler);
  ASSERT_TRUE(platform.wait_for(Route::kOther, 2));
  EXPECT_TRUE(platform.requests(Route::kStop).empty());
  EXPECT_TRUE(worker.logs("jobs cannot be stopped", 1));
}

PlatformAnswer typed(const std::string& body, const std::string& type) {
  PlatformAnswer answer;
  answer.body = body;
  answer.content_type = type;
  return answer;
}

TEST(StopChannel, S9_M36_BadAnswersAreHarmless) {
  FakePlatform platform;
  PlatformAnswer reset;
  reset.reset = true;
  platform.script(Route::kStop,
                  {PlatformAnswer::with_status(500), PlatformAnswer::with_status(429), reset,
                   typed("{bad", "application/json"), typed("[]", "application/json"),
                   typed(R"({"jobsToStop": "a"})", "application/json"),
                   typed(R"({"jobsToStop": ["a"]})", "text/html"),
                   typed(R"({"jobsToStop": []})", "application/json"),
                   PlatformAnswer::with_status(204), PlatformAnswer::with_status(404)});
  Gate gate;
  RunningWorker worker(options_on(platform), working_until(gate));
  platform.add_job("a", 1);
  ASSERT_TRUE(platform.wait_for(Route::kStop, 11));
  EXPECT_EQ(worker.worker().jobs(), 1u) << "untouched";
  platform.stop_jobs(Json::array({"a"}));
  EXPECT_TRUE(platform.wait([&] { return worker.worker().jobs() == 0; })) << "and it works still";
}

TEST(StopChannel, M36_NeverMoreThanOneRequestASecondWhileItFails) {
  EXPECT_EQ(WorkerTiming{}.stop_pause, milliseconds(1'000));
  FakePlatform platform;
  platform.on(Route::kStop,
              [](const auto&) { return std::optional(PlatformAnswer::with_status(503)); });
  WorkerOptions options = options_on(platform);
  options.timing.stop_pause = milliseconds(100);
  RunningWorker worker(options, echo_handler);
  ASSERT_TRUE(platform.wait_for(Route::kStop, 4));
  const auto polls = platform.requests(Route::kStop);
  EXPECT_GE(between(polls[0].at, polls[1].at), milliseconds(99));
  EXPECT_GE(between(polls[1].at, polls[2].at), milliseconds(199));
  EXPECT_GE(between(polls[2].at, polls[3].at), milliseconds(299)) << "capped";
  EXPECT_TRUE(worker.logs("Failed to get jobs to stop.", 1));
}

TEST(StopChannel, M36_AMissingRouteIsAskedForRarely) {
  FakePlatform platform;
  platform.on(Route::kStop,
              [](const auto&) { return std::optional(PlatformAnswer::with_status(404)); });
  WorkerOptions options = options_on(platform);
  options.timing.stop_failure_cap = milliseconds(300);
  RunningWorker worker(options, echo_handler);
  ASSERT_TRUE(platform.wait_for(Route::kStop, 2));
  const auto polls = platform.requests(Route::kStop);
  EXPECT_GE(between(polls[0].at, polls[1].at), milliseconds(299));
  EXPECT_EQ(worker.sink().count("ERROR"), 0) << "not every platform has it";
}

TEST(StopChannel, S18_QuietPollsAreRepeatedAtOnce) {
  FakePlatform platform;
  PlatformAnswer never;
  never.hang = true;
  platform.script(Route::kStop, {never, never});
  WorkerOptions options = options_on(platform);
  options.timing.poll_timeout = milliseconds(300);
  options.timing.stop_pause = std::chrono::hours(1);
  RunningWorker worker(options, echo_handler);
  ASSERT_TRUE(platform.wait_for(Route::kStop, 3));
  EXPECT_EQ(worker.sink().count("ERROR"), 0) << worker.log();
}

}  // namespace
}  // namespace echo::runpod
