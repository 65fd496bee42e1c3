// How a worker ends: signals, refresh, broken devices, stuck jobs.
#include <algorithm>

#include "base/error.h"
#include "worker_fixture.h"

namespace echo::runpod {
namespace {

using Route = PlatformRoute;

constexpr int kTerm = 15;
constexpr int kInterrupt = 2;

TEST(Shutdown, S10_M37_ARunningJobIsFinishedAndPosted) {
  for (const int signal : {kTerm, kInterrupt}) {
    FakePlatform platform;
    WorkerOptions options = options_on(platform);
    options.ping_interval = milliseconds(30);
    Gate started;
    Gate gate;
    RunningWorker worker(options, [&](const Job&, JobContext&) {
      started.open();
      gate.wait();
      return JobOutcome::success("finished");
    });
    platform.add_job("a", 1);
    ASSERT_TRUE(started.wait());
    const size_t takes = platform.requests(Route::kTake).size();
    worker.shut_down(signal);
    platform.add_job("b", 1);
    const size_t pings = platform.requests(Route::kPing).size();
    ASSERT_TRUE(platform.wait_for(Route::kPing, pings + 3));
    EXPECT_EQ(platform.requests(Route::kPing).back().parameter("job_id"), "a") << "still alive";
    gate.open();
    EXPECT_EQ(worker.exit_code(), 0);
    ASSERT_TRUE(platform.wait_for_results(1));
    EXPECT_EQ(platform.result_of("a"), Json({{"output", "finished"}}));
    EXPECT_EQ(platform.requests(Route::kTake).size(), takes) << "no further take";
    EXPECT_EQ(platform.queued(), 1u) << "the other job is left alone";
    EXPECT_TRUE(worker.logs("Received shutdown signal: " + std::to_string(signal) + ".", 1));
    EXPECT_TRUE(worker.logs("Kill worker.", 1));
    EXPECT_TRUE(worker.hard_exits().empty());
  }
}

TEST(Shutdown, M37_ASecondSignalEndsTheProcessAtOnce) {
  FakePlatform platform;
  Gate started;
  Gate gate;
  RunningWorker worker(options_on(platform), [&](const Job&, JobContext&) {
    started.open();
    gate.wait();
    return JobOutcome::success(1);
  });
  platform.add_job("a", 1);
  ASSERT_TRUE(started.wait());
  worker.shut_down(kTerm);
  EXPECT_TRUE(worker.hard_exits().empty());
  worker.shut_down(kTerm);
  EXPECT_EQ(worker.hard_exits(), std::vector<int>{143});
  worker.shut_down(kInterrupt);
  EXPECT_EQ(worker.hard_exits(), (std::vector<int>{143, 130}));
  gate.open();
}

TEST(Shutdown, S11_M38_AnIdlePollIsClosedBeforeItsAnswer) {
  FakePlatform platform;
  platform.set_hold(std::chrono::hours(1));
  WorkerOptions options = options_on(platform);
  options.timing.poll_timeout = std::chrono::hours(1);
  RunningWorker worker(options, echo_handler);
  ASSERT_TRUE(platform.wait_for(Route::kTake, 1));
  worker.shut_down();
  EXPECT_EQ(worker.exit_code(), 0) << "it waits as long as the poll does";
  platform.add_job("late", 1);
  ASSERT_TRUE(platform.wait(
      [&] { return platform.requests(Route::kTake).back().ended != steady_clock::time_point{}; }));
  EXPECT_TRUE(platform.requests(Route::kTake).back().abandoned);
  EXPECT_EQ(platform.queued(), 1u);
}

TEST(Shutdown, S11_M38_AnAnswerThatHasBegunIsReadAndItsJobRun) {
  FakePlatform platform;
  PlatformAnswer slow = PlatformAnswer::json({{"id", "handed-out"}, {"input", "x"}});
  Gate head;
  std::atomic<bool> shut_down{false};
  slow.head_sent = [&] { head.open(); };
  slow.body_ready = [&] { return shut_down.load(); };
  platform.script(Route::kTake, {slow});
  RunningWorker worker(options_on(platform), echo_handler);
  ASSERT_TRUE(head.wait());
  worker.shut_down();
  shut_down = true;
  EXPECT_EQ(worker.exit_code(), 0);
  ASSERT_TRUE(platform.wait_for_results(1));
  EXPECT_EQ(platform.result_of("handed-out"), Json({{"output", "x"}}));
  EXPECT_EQ(platform.requests(Route::kTake).size(), 1u);
}

TEST(Shutdown, S11_M38_WhateverTheMomentNoJobIsDropped) {
  for (int delay = 0; delay < 60; ++delay) {
    FakePlatform platform;
    std::atomic<int> runs{0};
    auto worker =
        std::make_unique<RunningWorker>(options_on(platform), [&](const Job&, JobContext&) {
          ++runs;
          return JobOutcome::success(1);
        });
    ASSERT_TRUE(platform.wait_for(Route::kTake, 1));
    std::jthread feeder([&] { platform.add_job("a", 1); });
    std::this_thread::sleep_for(std::chrono::microseconds(delay * 20));
    worker->shut_down();
    EXPECT_EQ(worker->exit_code(), 0);
    feeder.join();
    ASSERT_TRUE(platform.wait(
        [&] { return platform.requests(Route::kTake).at(0).ended != steady_clock::time_point{}; }));
    if (platform.requests(Route::kTake).at(0).status == 200) {
      EXPECT_TRUE(platform.result_of("a")) << "taken, so it must be answered; delay " << delay;
    } else {
      EXPECT_EQ(runs, 0);
    }
  }
}

TEST(Shutdown, M38_QueuedJobsAreRunToo) {
  FakePlatform platform;
  Gate gate;
  RunningWorker worker(options_on(platform), [&](const Job&, JobContext&) {
    gate.wait();
    return JobOutcome::success(1);
  });
  platform.script(
      Route::kTake,
      {PlatformAnswer::json(Json::parse(R"([{"id": "a", "input": 1}, {"id": "b", "input": 1}])"))});
  ASSERT_TRUE(platform.wait([&] { return worker.worker().jobs() == 2; }));
  worker.shut_down();
  gate.open();
  EXPECT_EQ(worker.exit_code(), 0);
  EXPECT_TRUE(platform.wait_for_results(2));
  EXPECT_EQ(platform.results().size(), 2u);
}

TEST(Shutdown, ADrainLimitLeavesTheRestToThePlatform) {
  FakePlatform platform;
  WorkerOptions options = options_on(platform);
  options.timing.drain_limit = milliseconds(200);
  RunningWorker worker(options, [](const Job&, JobContext& context) -> JobOutcome {
    work_until_stopped(context);
    throw Error(ErrorCode::kCancelled, "asked to stop");
  });
  platform.add_job("long", 1);
  ASSERT_TRUE(platform.wait([&] { return worker.sink().count("Started.") == 1; }));
  worker.shut_down();
  EXPECT_EQ(worker.exit_code(), 0);
  EXPECT_TRUE(platform.requests(Route::kDone).empty()) << "no error: the platform retries it";
  EXPECT_TRUE(worker.logs("long | Job left to the platform", 1));
}

TEST(Shutdown, AHandlerThatDoesNotReturnCannotHoldTheProcess) {
  FakePlatform platform;
  WorkerOptions options = options_on(platform);
  options.timing.drain_limit = milliseconds(50);
  options.timing.cancel_grace = milliseconds(100);
  Gate gate;
  RunningWorker worker(options, [&](const Job&, JobContext&) {
    gate.wait();
    return JobOutcome::success(1);
  });
  platform.add_job("deaf", 1);
  ASSERT_TRUE(platform.wait([&] { return worker.sink().count("Started.") == 1; }));
  worker.shut_down();
  ASSERT_TRUE(platform.wait([&] { return !worker.hard_exits().empty(); }));
  EXPECT_EQ(worker.hard_exits().at(0), 0);
  gate.open();
}

TEST(Shutdown, ASignalWhileLoadingEndsTheProcess) {
  FakePlatform platform;
  Gate loading;
  Gate loaded;
  WorkerSetup setup;
  setup.load = [&] {
    loading.open();
    loaded.wait();
    return Handler(echo_handler);
  };
  RunningWorker worker(options_on(platform), setup);
  ASSERT_TRUE(loading.wait());
  worker.shut_down();
  EXPECT_EQ(worker.hard_exits(), std::vector<int>{0});
  loaded.open();
  EXPECT_EQ(worker.exit_code(), 0);
  EXPECT_TRUE(platform.requests().empty());
}

TEST(Shutdown, S12_M21_RefreshAfterEveryJob) {
  for (const char* kind : {"ok", "error", "raises"}) {
    FakePlatform platform;
    WorkerOptions options = options_on(platform);
    options.refresh_worker = true;
    RunningWorker worker(options, [&](const Job&, JobContext&) -> JobOutcome {
      if (std::string(kind) == "raises") throw std::runtime_error("boom");
      if (std::string(kind) == "error") return JobOutcome::failure("invalid_input", "x");
      return JobOutcome::success({{"a", 1}});
    });
    platform.add_job("first", 1);
    platform.add_job("second", 1);
    EXPECT_EQ(worker.exit_code(), 0);
    // The platform notes an answer after the worker has it.
    ASSERT_TRUE(platform.wait_for_results(1));
    EXPECT_EQ(platform.result_of("first")->at("stopPod"), true) << kind;
    EXPECT_EQ(platform.results().size(), 1u);
    EXPECT_EQ(platform.queued(), 1u) << "no second job";
    EXPECT_TRUE(worker.logs("refresh_worker flag set, stopping pod after job.", 1));
  }
}

TEST(Shutdown, S12_M21_RefreshOfAStream) {
  FakePlatform platform;
  WorkerOptions options = options_on(platform);
  options.refresh_worker = true;
  options.streaming_handler = true;
  RunningWorker worker(options, [](const Job&, JobContext& context) {
    context.stream(1);
    return JobOutcome::success(nullptr);
  });
  platform.add_job("first", 1);
  EXPECT_EQ(worker.exit_code(), 0);
  ASSERT_TRUE(platform.wait_for_results(1));
  EXPECT_EQ(platform.results().at(0).body, R"({"output": [], "stopPod": true})");
}

TEST(Shutdown, M21_AJobThatAsksForRefreshEndsTheTaking) {
  FakePlatform platform;
  WorkerOptions options = options_on(platform);
  options.ping_interval = milliseconds(30);
  options.timing.refresh_wait = std::chrono::hours(1);
  const auto asks_for_refresh = [](const Job&, JobContext&) {
    return JobOutcome::success({{"a", 1}, {"refresh_worker", true}});
  };
  {
    RunningWorker worker(options, asks_for_refresh);
    platform.add_job("first", 1);
    platform.add_job("second", 1);
    ASSERT_TRUE(platform.wait_for_results(1));
    EXPECT_EQ(platform.results().at(0).body, R"({"output": {"a":1}, "stopPod": true})");
    const size_t pings = platform.requests(Route::kPing).size();
    ASSERT_TRUE(platform.wait_for(Route::kPing, pings + 3)) << "alive until the platform stops it";
    EXPECT_EQ(platform.queued(), 1u);
  }
  options.timing.refresh_wait = milliseconds(50);
  RunningWorker worker(options, asks_for_refresh);
  EXPECT_EQ(worker.exit_code(), 0) << "or until it has waited long enough";
  EXPECT_EQ(platform.results().size(), 2u);
  EXPECT_EQ(platform.queued(), 0u);
}

TEST(Shutdown, ABrokenDeviceIsReportedAndEndsTheWorker) {
  FakePlatform platform;
  WorkerOptions options = options_on(platform);
  options.concurrency = 2;
  RunningWorker worker(options, [](const Job& job, JobContext& context) -> JobOutcome {
    if (job.id() == "other") {
      work_until_stopped(context);
      throw Error(ErrorCode::kCancelled, "asked to stop");
    }
    throw_internal("device lost");
  });
  platform.add_job("other", 1);
  ASSERT_TRUE(platform.wait([&] { return worker.sink().count("Started.") == 1; }));
  platform.add_job("breaks", 1);
  EXPECT_EQ(worker.exit_code(), 1);
  EXPECT_EQ(platform.result_of("breaks"), Json({{"error", "internal: device lost"}}));
  EXPECT_EQ(platform.results().size(), 1u) << "the other job is left to the platform";
  bool reported = false;
  for (const auto& ping : platform.requests(Route::kPing)) {
    reported |= ping.parameter("status") == "unhealthy" && ping.parameter("check") == "engine";
  }
  EXPECT_TRUE(reported);
}

TEST(Shutdown, FatalOutcomesMustComeInARow) {
  FakePlatform platform;
  WorkerOptions options = options_on(platform);
  options.fatal_job_limit = 2;
  RunningWorker worker(options, [](const Job& job, JobContext&) -> JobOutcome {
    if (job.input() == "good") return JobOutcome::success(1);
    throw_internal("device error");
  });
  const char* const inputs[] = {"bad", "good", "bad", "bad", "good"};
  for (int i = 0; i < 5; ++i) platform.add_job("j" + std::to_string(i), inputs[i]);
  EXPECT_EQ(worker.exit_code(), 1);
  EXPECT_EQ(platform.results().size(), 4u);
}

TEST(Shutdown, AJobWithoutSignOfLifeEndsThePings) {
  FakePlatform platform;
  WorkerOptions options = options_on(platform);
  options.timing.watchdog = milliseconds(500);
  options.ping_interval = milliseconds(20);
  Gate gate;
  milliseconds longest_silence{0};
  RunningWorker worker(options, [&](const Job& job, JobContext& context) {
    if (job.id() == "alive") {
      const auto start = steady_clock::now();
      for (auto last = start; between(start, last) < 3 * options.timing.watchdog;) {
        context.sign_of_life();
        std::this_thread::sleep_for(milliseconds(10));
        const auto now = steady_clock::now();
        longest_silence = std::max(longest_silence, between(last, now));
        last = now;
      }
    } else {
      gate.wait();
    }
    return JobOutcome::success(1);
  });
  platform.add_job("alive", 1);
  ASSERT_TRUE(platform.wait_for_results(1));
  // A machine that let the job stand still for so long has shown what comes next already.
  const bool stood_still = longest_silence >= options.timing.watchdog / 2;
  if (!stood_still) {
    EXPECT_TRUE(worker.hard_exits().empty()) << "it showed signs of life";
  }
  platform.add_job("stuck", 1);
  ASSERT_TRUE(platform.wait([&] { return !worker.hard_exits().empty(); }));
  EXPECT_EQ(worker.hard_exits().at(0), 1);
  const auto pings = platform.requests(Route::kPing);
  const auto last = std::find_if(pings.begin(), pings.end(), [](const PlatformRequest& ping) {
    return ping.parameter("status") == "unhealthy";
  });
  ASSERT_NE(last, pings.end());
  EXPECT_EQ(last->parameter("check"), "watchdog");
  std::this_thread::sleep_for(milliseconds(60));
  // One that was on its way when the pings ended may arrive late, and nobody waits for its answer.
  const auto gone = [&](const PlatformRequest& ping) {
    return ping.number <= last->number || ping.abandoned;
  };
  EXPECT_TRUE(platform.wait([&] {
    const auto all = platform.requests(Route::kPing);
    return std::all_of(all.begin(), all.end(), gone);
  }));
  gate.open();
}

TEST(Shutdown, AWorkerThatCannotServeRefusesToStart) {
  FakePlatform platform;
  WorkerOptions options = options_on(platform);
  options.output_url.clear();
  RunningWorker worker(options, echo_handler);
  EXPECT_EQ(worker.exit_code(), -2) << "run() throws";
  EXPECT_TRUE(worker.logs("RUNPOD_WEBHOOK_POST_OUTPUT is not set", 1));
  EXPECT_TRUE(platform.requests().empty());
}

}  // namespace
}  // namespace echo::runpod
