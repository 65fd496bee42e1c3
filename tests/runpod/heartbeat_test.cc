// The heartbeat and the report of an unfit worker.
#include "runpod/heartbeat.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "support/fake_clock.h"
#include "worker_fixture.h"

namespace echo::runpod {
namespace {

using std::chrono::seconds;
using Route = PlatformRoute;

std::vector<PlatformRequest> pings(const FakePlatform& platform) {
  return platform.requests(Route::kPing);
}

TEST(Heartbeat, M29_FirstPingComesWithTheFirstTake) {
  FakePlatform platform;
  WorkerOptions options = options_on(platform);
  options.ping_interval = std::chrono::hours(1);
  RunningWorker worker(options, echo_handler);
  EXPECT_TRUE(platform.wait_for(Route::kTake, 1));
  EXPECT_TRUE(platform.wait_for(Route::kPing, 1)) << "not after an interval";
}

// A heartbeat alone, on a clock that only its own pauses and the platform's answers move.
class Beat : public testing::Test {
 protected:
  // The pauses that it makes until so many pings came.
  std::vector<milliseconds> pauses_until(size_t count) {
    const Endpoints endpoints(options_);
    JobTable table;
    std::shared_ptr<KeptLog> sink = std::make_shared<KeptLog>();
    Logger logger(LogOptions{}, sink);
    const std::unique_ptr<HttpClient> http = make_http_client();
    const PlatformClient client(*http, options_);
    Heartbeat heartbeat(client, endpoints, options_, table, logger, clock_);
    heartbeat.start();
    EXPECT_TRUE(platform_.wait_for(Route::kPing, count));
    heartbeat.stop();
    return clock_.sleeps();
  }

  FakePlatform platform_;
  FakeClock clock_;
  WorkerOptions options_ = options_on(platform_);
};

TEST_F(Beat, M29_TheRateIsFixedHoweverSlowTheAnswersAre) {
  options_.ping_interval = seconds(30);
  platform_.on(Route::kPing, [&](const auto&) {
    clock_.advance(seconds(4));
    return std::optional(PlatformAnswer::json({}));
  });
  const auto pauses = pauses_until(6);
  ASSERT_GE(pauses.size(), 5u);
  for (size_t i = 0; i < 5; ++i) EXPECT_EQ(pauses[i], seconds(26)) << i;
}

TEST_F(Beat, M29_BeatsThatWereMissedAreNotMadeUpFor) {
  options_.ping_interval = seconds(30);
  std::atomic<int> answers{0};
  platform_.on(Route::kPing, [&](const auto&) {
    clock_.advance(seconds(++answers == 2 ? 100 : 0));
    return std::optional(PlatformAnswer::json({}));
  });
  const auto pauses = pauses_until(4);
  ASSERT_GE(pauses.size(), 3u);
  EXPECT_EQ(pauses[0], seconds(30));
  EXPECT_EQ(pauses[1], seconds(20)) << "to the next beat of the old rate";
  EXPECT_EQ(pauses[2], seconds(30));
}

TEST_F(Beat, M32_FailuresAreRetriedWithinBoundsAndNeverEndTheBeat) {
  std::vector<PlatformAnswer> failures;
  for (const int code : {500, 502, 503, 504, 429, 500, 503, 429}) {
    failures.push_back(PlatformAnswer::with_status(code));
  }
  platform_.script(Route::kPing, failures);
  options_.ping_interval = seconds(40);
  EXPECT_EQ(WorkerTiming{}.ping_retry_step, milliseconds(2'000));
  auto pauses = pauses_until(10);
  ASSERT_GE(pauses.size(), 9u);
  pauses.resize(9);
  // Two beats, each a first try and three retries, after 0, 1 and 2 steps; then one that works.
  EXPECT_THAT(pauses, testing::ElementsAre(milliseconds(0), milliseconds(20), milliseconds(40),
                                           milliseconds(39'940), milliseconds(0), milliseconds(20),
                                           milliseconds(40), milliseconds(39'940), seconds(40)));
}

TEST_F(Beat, M32_OtherAnswersAreAccepted) {
  platform_.script(Route::kPing,
                   {PlatformAnswer::with_status(401), PlatformAnswer::with_status(404),
                    PlatformAnswer::with_status(204)});
  options_.ping_interval = seconds(60);
  auto pauses = pauses_until(4);
  ASSERT_GE(pauses.size(), 3u);
  pauses.resize(3);
  EXPECT_THAT(pauses, testing::Each(seconds(60)));
}

TEST(Heartbeat, M29_PingsComeWhileAJobKeepsEveryCoreBusy) {
  FakePlatform platform;
  RunningWorker worker(options_on(platform), [&](const Job&, JobContext&) {
    std::atomic<bool> enough{false};
    std::vector<std::jthread> burners;
    for (unsigned i = 0; i < 2 * std::max(1u, std::thread::hardware_concurrency()); ++i) {
      burners.emplace_back([&] {
        volatile double sink = 1;
        while (!enough) sink = sink * 1.0000001;
      });
    }
    const auto of_the_job = [&] {
      const auto all = pings(platform);
      return std::count_if(all.begin(), all.end(), [](const PlatformRequest& ping) {
               return ping.parameter("job_id") == "busy";
             }) >= 3;
    };
    EXPECT_TRUE(platform.wait(of_the_job));
    enough = true;
    return JobOutcome::success(1);
  });
  platform.add_job("busy", 1);
  EXPECT_TRUE(platform.wait_for_results(1));
}

TEST(Heartbeat, S8_M30_PingsListTheJobs) {
  FakePlatform platform;
  WorkerOptions options = options_on(platform);
  options.concurrency = 2;
  options.ping_interval = milliseconds(30);
  Gate gate;
  RunningWorker worker(options, [&](const Job&, JobContext&) {
    gate.wait();
    return JobOutcome::success(1);
  });
  platform.add_job("p-1", 1);
  platform.add_job("p-2", 1);
  ASSERT_TRUE(platform.wait([&] { return worker.worker().jobs() == 2; }));
  const size_t before = pings(platform).size();
  ASSERT_TRUE(platform.wait_for(Route::kPing, before + 3));
  EXPECT_EQ(pings(platform).back().target,
            "/v2/ep1/ping/podA?gpu=NVIDIA+GeForce+RTX+4090&job_id=p-1%2Cp-2&runpod_version=1.12.0");
  gate.open();
  ASSERT_TRUE(platform.wait_for_results(2));
  ASSERT_TRUE(platform.wait([&] {
    return pings(platform).back().target ==
           "/v2/ep1/ping/podA?gpu=NVIDIA+GeForce+RTX+4090&runpod_version=1.12.0";
  }));
}

TEST(Heartbeat, M31_NoPingsWhenSomethingIsMissingButTheWorkerWorks) {
  const std::pair<const char*, const char*> cases[] = {
      {"RUNPOD_AI_API_KEY", "Not deployed on Runpod serverless, pings will not be sent."},
      {"RUNPOD_POD_ID", "Not running on Runpod, pings will not be sent."},
      {"RUNPOD_WEBHOOK_PING", "Ping URL not set, cannot start ping."}};
  for (const auto& [name, line] : cases) {
    for (const bool empty : {true, false}) {
      FakePlatform platform;
      auto environment = platform.environment();
      environment.erase(name);
      if (empty) environment[name] = "";
      WorkerOptions options = worker_options_from(environment_of(environment), nullptr);
      options.timing = quick_timing();
      options.ping_interval = milliseconds(10);
      options.log_level = LogLevel::kTrace;
      RunningWorker worker(options, echo_handler);
      platform.add_job("a", 1);
      ASSERT_TRUE(platform.wait_for_results(1));
      std::this_thread::sleep_for(milliseconds(30));
      EXPECT_TRUE(pings(platform).empty()) << name;
      EXPECT_TRUE(worker.logs(line, 1)) << worker.log();
    }
  }
}

TEST(Heartbeat, M32_RefusedConnectionsNeverStopTheWorker) {
  FakePlatform platform;
  WorkerOptions options = options_on(platform);
  options.ping_url = "http://127.0.0.1:1/ping/x?y";  // nobody listens
  options.ping_interval = milliseconds(20);
  RunningWorker worker(options, echo_handler);
  for (int i = 0; i < 10; ++i) {
    platform.add_job("j" + std::to_string(i), i);
    ASSERT_TRUE(platform.wait_for_results(static_cast<size_t>(i) + 1));
    std::this_thread::sleep_for(milliseconds(20));
  }
  EXPECT_TRUE(worker.logs("Ping failed.", 1)) << "one line for one state";
}

WorkerSetup setup_with(std::vector<FitnessCheck> system, std::vector<FitnessCheck> own,
                       Handler handler = echo_handler) {
  return {std::move(system), [handler] { return handler; }, std::move(own)};
}

TEST(Heartbeat, S13_M49_AnUnfitWorkerReportsAndLeaves) {
  FakePlatform platform;
  RunningWorker worker(
      options_on(platform),
      setup_with({}, {{"check_model_files", [] {
                         throw std::runtime_error("missing \xC3\xA9 " + std::string(400, 'x'));
                       }}}));
  EXPECT_EQ(worker.exit_code(), 1);
  EXPECT_EQ(worker.hard_exits(), std::vector<int>{1});
  const auto all = platform.requests();
  ASSERT_EQ(all.size(), 1u) << "no take, no ordinary ping";
  EXPECT_EQ(all[0].method, "GET");
  // "RuntimeError: missing X " are 24 of the 256 characters.
  EXPECT_EQ(all[0].target,
            "/v2/ep1/ping/podA?gpu=NVIDIA+GeForce+RTX+4090&status=unhealthy&"
            "check=check_model_files&reason=RuntimeError%3A+missing+%C3%A9+" +
                std::string(232, 'x') + "&runpod_version=1.12.0");
  EXPECT_EQ(all[0].header("Authorization"), "canary-api-key-7f3a");
  EXPECT_TRUE(worker.logs("ERROR  | Worker is unhealthy, exiting.", 1));
}

TEST(Heartbeat, M49_AFailingReportChangesNothing) {
  FakePlatform platform;
  PlatformAnswer never;
  never.hang = true;
  platform.script(Route::kPing, {never});
  WorkerOptions options = options_on(platform);
  EXPECT_EQ(WorkerTiming{}.unhealthy_timeout, milliseconds(2'000));
  options.timing.unhealthy_timeout = milliseconds(200);
  RunningWorker worker(options, setup_with({{"bad", [] { throw std::runtime_error("x"); }}}, {}));
  EXPECT_EQ(worker.exit_code(), 1);
  EXPECT_EQ(pings(platform).size(), 1u) << "no retry";
}

TEST(Heartbeat, M49_NoReportWithoutKeyOrUrl) {
  for (const bool without_key : {true, false}) {
    FakePlatform platform;
    WorkerOptions options = options_on(platform);
    (without_key ? options.api_key : options.ping_url).clear();
    RunningWorker worker(options, setup_with({{"bad", [] { throw std::runtime_error("x"); }}}, {}));
    EXPECT_EQ(worker.exit_code(), 1);
    EXPECT_TRUE(platform.requests().empty());
  }
}

TEST(Heartbeat, M49_ChecksRunInTheirOrder) {
  FakePlatform platform;
  std::mutex mutex;
  std::vector<std::string> order;
  const auto note = [&](const char* what) {
    const std::lock_guard lock(mutex);
    order.push_back(what);
  };
  WorkerSetup setup;
  setup.system_checks = {{"_memory_check", [&] { note("system"); }}};
  setup.load = [&] {
    note("load");
    return Handler(echo_handler);
  };
  setup.own_checks = {{"check_model_files", [&] { note("first own"); }},
                      {"warm_up", [&] { note("second own"); }}};
  RunningWorker worker(options_on(platform), setup);
  ASSERT_TRUE(platform.wait_for(Route::kTake, 1));
  EXPECT_EQ(order, (std::vector<std::string>{"system", "load", "first own", "second own"}));
}

TEST(Heartbeat, M50_NothingIsTakenBeforeTheModelIsLoaded) {
  FakePlatform platform;
  platform.add_job("waiting", 1);
  Gate loaded;
  WorkerSetup setup;
  setup.load = [&] {
    loaded.wait();
    return Handler(echo_handler);
  };
  RunningWorker worker(options_on(platform), setup);
  std::this_thread::sleep_for(milliseconds(150));
  EXPECT_TRUE(platform.requests().empty());
  loaded.open();
  EXPECT_TRUE(platform.wait_for_results(1));
}

TEST(Heartbeat, AModelThatCannotBeLoadedIsReported) {
  FakePlatform platform;
  WorkerSetup setup;
  setup.load = []() -> Handler { throw std::runtime_error("no such file: model"); };
  RunningWorker worker(options_on(platform), setup);
  EXPECT_EQ(worker.exit_code(), 1);
  ASSERT_EQ(platform.requests().size(), 1u);
  EXPECT_EQ(pings(platform).at(0).parameter("check"), "load");
  EXPECT_TRUE(worker.logs("Uncaught exception | no such file: model", 1));
}

}  // namespace
}  // namespace echo::runpod
