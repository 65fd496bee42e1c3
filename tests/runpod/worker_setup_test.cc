// What a worker asks and tells the program around it.
#include "base/error.h"
#include "worker_fixture.h"

namespace echo::runpod {
namespace {

using Route = PlatformRoute;

// "status cause" of every job, in the order of their ends.
class Ends {
 public:
  std::function<void(const JobEnd&)> listener() {
    return [this](const JobEnd& job) {
      EXPECT_GE(job.seconds, 0);
      const std::lock_guard lock(mutex_);
      ends_.push_back(job.status() + std::string(*job.cause() ? " " : "") + job.cause() +
                      (job.format.empty() ? "" : " of " + job.format));
    };
  }
  std::vector<std::string> all() const {
    const std::lock_guard lock(mutex_);
    return ends_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> ends_;
};

TEST(WorkerSetupTest, TellsHowEveryJobEnded) {
  FakePlatform platform;
  Ends ends;
  WorkerSetup setup;
  setup.load = [] {
    return [](const Job& job, JobContext& context) {
      if (job.id() == "good") return JobOutcome(JobResult{Json{{"filename", "a.ogg"}}, "ogg"});
      if (job.id() == "bad") return JobOutcome::failure("invalid_input", "no");
      work_until_stopped(context);
      throw Error(ErrorCode::kCancelled, "asked to stop");
    };
  };
  setup.finished = ends.listener();
  RunningWorker worker(options_on(platform), setup);
  platform.add_job("good", 1);
  platform.add_job("bad", 1);
  platform.add_job({{"id", "late"}, {"input", 1}, {"policy", {{"executionTimeout", 50}}}});
  ASSERT_TRUE(platform.wait_for_results(3));
  platform.add_job("stopped", 1);
  ASSERT_TRUE(platform.wait([&] { return worker.sink().count("stopped | Started.") == 1; }));
  platform.stop_jobs(Json::array({"stopped"}));
  ASSERT_TRUE(platform.wait([&] { return ends.all().size() == 4; }));
  EXPECT_EQ(ends.all(), (std::vector<std::string>{"completed of ogg", "failed", "timed_out timeout",
                                                  "cancelled platform"}));
}

TEST(WorkerSetupTest, JobsCutOffByTheEndAreToldAsSuch) {
  FakePlatform platform;
  Ends ends;
  WorkerOptions options = options_on(platform);
  options.timing.drain_limit = milliseconds(50);
  WorkerSetup setup;
  setup.load = [] {
    return [](const Job&, JobContext& context) -> JobOutcome {
      work_until_stopped(context);
      throw Error(ErrorCode::kCancelled, "asked to stop");
    };
  };
  setup.finished = ends.listener();
  RunningWorker worker(options, setup);
  platform.add_job("cut", 1);
  ASSERT_TRUE(platform.wait([&] { return worker.sink().count("Started.") == 1; }));
  worker.shut_down();
  EXPECT_EQ(worker.exit_code(), 0);
  EXPECT_EQ(ends.all(), std::vector<std::string>{"cancelled shutdown"});
  EXPECT_TRUE(platform.requests(Route::kDone).empty());
}

TEST(WorkerSetupTest, ConcurrencyIsAskedAfterTheModelIsLoaded) {
  FakePlatform platform;
  bool loaded = false;
  bool ready = false;
  WorkerSetup setup;
  setup.load = [&] {
    loaded = true;
    return echo_handler;
  };
  setup.concurrency = [&] {
    EXPECT_TRUE(loaded);
    return 3;
  };
  setup.ready = [&] {
    EXPECT_TRUE(loaded);
    EXPECT_TRUE(platform.requests(Route::kTake).empty());
    ready = true;
  };
  RunningWorker worker(options_on(platform), setup);
  ASSERT_TRUE(platform.wait_for(Route::kTake, 1));
  EXPECT_TRUE(ready);
  EXPECT_EQ(platform.requests(Route::kTake)[0].parameter("batch_size"), "3");
}

}  // namespace
}  // namespace echo::runpod
