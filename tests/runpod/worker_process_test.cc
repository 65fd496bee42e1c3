// What only a process shows: signals, exit codes, the first line, files.
#include <sys/inotify.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "child.h"
#include "support/child_process.h"
#include "support/temp_dir.h"
#include "worker_fixture.h"

namespace echo::runpod {
namespace {

using Route = PlatformRoute;

class WorkerProcess : public ::testing::Test {
 protected:
  std::filesystem::path directory() const { return directory_.path(); }

  TempDir directory_;
  FakePlatform platform_;
};

TEST_F(WorkerProcess, S10_M37_SignalsLetTheJobFinish) {
  auto environment = platform_.environment();
  environment["RUNPOD_LOG_LEVEL"] = "DEBUG";
  for (const int signal : {SIGTERM, SIGINT}) {
    Child worker(environment, directory());
    const std::string id = "job-" + std::to_string(signal);
    const std::filesystem::path may_end = directory() / id;
    platform_.add_job(id, {{"mock_until", may_end.string()}});
    ASSERT_TRUE(platform_.wait([&] {
      const auto pings = platform_.requests(Route::kPing);
      return !pings.empty() && pings.back().parameter("job_id") == id;
    }));
    worker.send(signal);
    ASSERT_TRUE(platform_.wait(
        [&] { return worker.output().find("Received shutdown signal") != std::string::npos; }));
    std::ofstream(may_end) << "now";
    EXPECT_EQ(worker.wait(), 0);
    EXPECT_EQ(platform_.result_of(id), Json({{"output", "done"}}));
  }
}

TEST_F(WorkerProcess, M37_TheSecondSignalEndsItAtOnce) {
  for (const int signal : {SIGTERM, SIGINT}) {
    FakePlatform platform;
    auto environment = platform.environment();
    environment["RUNPOD_LOG_LEVEL"] = "DEBUG";
    Child worker(environment, directory());
    platform.add_job("long", {{"mock_delay", 60'000}});
    ASSERT_TRUE(
        platform.wait([&] { return worker.output().find("Started.") != std::string::npos; }));
    worker.send(signal);
    ASSERT_TRUE(
        platform.wait([&] { return worker.output().find("Kill worker.") != std::string::npos; }));
    EXPECT_FALSE(worker.wait(milliseconds(100))) << "it waits for its job";
    worker.send(signal);
    EXPECT_EQ(worker.wait(), 128 + signal) << "its job would have ended in a minute, with success";
    EXPECT_TRUE(platform.results().empty());
  }
}

TEST_F(WorkerProcess, M34_PingsEndWithTheProcess) {
  Child worker(platform_.environment(), directory());
  platform_.add_job("long", {{"mock_delay", 60'000}});
  ASSERT_TRUE(platform_.wait_for(Route::kPing, 3));
  worker.send(SIGKILL);
  EXPECT_EQ(worker.wait(), 128 + SIGKILL);
  const size_t pings = platform_.requests(Route::kPing).size();
  std::this_thread::sleep_for(milliseconds(500));
  EXPECT_EQ(platform_.requests(Route::kPing).size(), pings) << "five intervals without a ping";
}

TEST_F(WorkerProcess, M48_TheBannerIsTheFirstLine) {
  Child worker(platform_.environment(), directory());
  ASSERT_TRUE(platform_.wait_for(Route::kTake, 1));
  worker.send(SIGTERM);
  EXPECT_EQ(worker.wait(), 0);
  EXPECT_EQ(worker.output().rfind("--- Starting Serverless Worker |  Version 1.12.0 ---\n", 0), 0u)
      << worker.output();
}

TEST_F(WorkerProcess, S13_M49_AnUnfitWorkerIsGoneAlthoughACheckHangs) {
  Child worker(platform_.environment(), directory(), {"unfit"});
  EXPECT_EQ(worker.wait(), 1) << "one of its checks hangs for an hour";
  ASSERT_EQ(platform_.requests().size(), 1u);
  EXPECT_EQ(platform_.requests()[0].parameter("check"), "broken");
  EXPECT_NE(worker.output().find("Worker is unhealthy, exiting."), std::string::npos);
}

TEST_F(WorkerProcess, M56_NothingIsWrittenToTheWorkingDirectory) {
  const int watch = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  ASSERT_GE(watch, 0);
  ASSERT_GE(::inotify_add_watch(watch, directory().c_str(),
                                IN_CREATE | IN_MODIFY | IN_DELETE | IN_MOVE | IN_ATTRIB),
            0);
  auto environment = platform_.environment();
  environment["HOME"] = directory().string();
  environment["TMPDIR"] = directory().string();
  Child worker(environment, directory());
  platform_.add_job("a", {{"mock_progress", 2}, {"mock_stream", 3}});
  platform_.add_job("b", {{"mock_raise", "boom"}});
  ASSERT_TRUE(platform_.wait_for_results(2));
  worker.send(SIGTERM);
  EXPECT_EQ(worker.wait(), 0);
  char events[4096];
  EXPECT_LE(::read(watch, events, sizeof events), 0) << "no file event";
  ::close(watch);
  EXPECT_TRUE(std::filesystem::is_empty(directory()));
}

TEST_F(WorkerProcess, ALogThatNobodyReadsStopsNoJobAndNoSignal) {
  std::vector<std::string> variables = {"RUNPOD_LOG_LEVEL=DEBUG"};
  for (const auto& [name, value] : platform_.environment()) variables.push_back(name + "=" + value);
  ChildProcess worker({RUNPOD_WORKER_PROCESS}, variables);
  // Every line of a job has its id: together far more than a pipe holds.
  constexpr size_t kJobs = 100;
  for (size_t i = 0; i < kJobs; ++i) {
    platform_.add_job(std::to_string(i) + std::string(400, 'j'), Json::object());
  }
  ASSERT_TRUE(platform_.wait_for_results(kJobs));
  worker.signal(SIGTERM);
  EXPECT_EQ(worker.wait(), 0);
}

TEST_F(WorkerProcess, ACrashIsLeftToThePlatform) {
  Child worker(platform_.environment(), directory());
  platform_.add_job("a", {{"mock_crash", true}});
  EXPECT_EQ(worker.wait(), 128 + SIGKILL);
  EXPECT_TRUE(platform_.requests(Route::kDone).empty());
}

}  // namespace
}  // namespace echo::runpod
