// A worker on threads of this process, in front of a fake platform.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "net/curl_http_client.h"
#include "quick_timing.h"
#include "runpod/worker.h"
#include "support/fake_platform.h"
#include "support/kept_log.h"

namespace echo::runpod {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// A door that stays shut until the test opens it, for handlers that must wait.
class Gate {
 public:
  void open();
  // False when nobody opened it within the tests' patience, or the token was stopped.
  bool wait(std::stop_token stop = {});

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool open_ = false;
};

// The options of a worker on this platform, with quick_timing.
WorkerOptions options_on(const FakePlatform& platform);

// An environment made of a map.
Environment environment_of(std::map<std::string, std::string> variables);

// Gives signs of life until the job is no longer wanted.
void work_until_stopped(JobContext& context);

// Returns the job's input.
JobOutcome echo_handler(const Job& job, JobContext& context);

// Starts in the constructor; the destructor drains and fails the test if that takes too long.
class RunningWorker {
 public:
  RunningWorker(WorkerOptions options, Handler handler);
  RunningWorker(WorkerOptions options, WorkerSetup setup);
  ~RunningWorker();

  void shut_down(int signal = 15) { worker_->request_shutdown(signal); }
  // Waits for run() to return; -1 if it does not within the tests' patience.
  int exit_code();
  Worker& worker() { return *worker_; }
  std::string log() const { return sink_->text(); }
  const KeptLog& sink() const { return *sink_; }
  // Whether so many lines hold the text, now or soon: the platform sees a post before
  // the worker has logged it.
  bool logs(std::string_view text, int lines) const;
  // The codes that the worker wanted to end the process with.
  std::vector<int> hard_exits() const;

 private:
  std::shared_ptr<KeptLog> sink_ = std::make_shared<KeptLog>();
  std::unique_ptr<HttpClient> http_;
  std::unique_ptr<Logger> logger_;
  std::unique_ptr<Worker> worker_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<int> hard_exits_;
  std::optional<int> exit_code_;
  std::thread thread_;
};

milliseconds between(steady_clock::time_point from, steady_clock::time_point to);

}  // namespace echo::runpod
