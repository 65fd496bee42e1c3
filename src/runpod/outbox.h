// What a running job sends before its result: progress updates and pieces of a stream.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "runpod/job_table.h"
#include "runpod/reporter.h"

namespace echo::runpod {

// One per job. Posts in the background, strictly one after the other, so that nothing can overtake
// the final result. Its thread exists only once there is something to send.
// Threads: any; finish() once.
class Outbox {
 public:
  // The referenced objects must outlive the outbox.
  Outbox(const Reporter& reporter, const ActiveJob& job, Milliseconds progress_interval,
         size_t queue_limit);
  ~Outbox();
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  // Replaces an update that has not been sent yet.
  void progress(std::string body);

  // Blocks while the queue is full. False when the job is silenced or the outbox finished.
  bool piece(std::string body);

  // Drops an unsent update, waits until the update on its way and all pieces are sent, and takes
  // nothing more. Returns at once for a silenced job. (The thread ends later, in the destructor.)
  void finish();

 private:
  void run();
  void post(std::unique_lock<std::mutex>& lock, const std::function<void()>& send);
  void wake_thread();

  const Reporter& reporter_;
  const ActiveJob& job_;
  const Milliseconds progress_interval_;
  const size_t queue_limit_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::optional<std::string> update_;
  std::deque<std::string> pieces_;
  bool finished_ = false;
  bool posting_ = false;  // one of them is on its way
  std::chrono::steady_clock::time_point next_update_{};
  std::thread thread_;
};

}  // namespace echo::runpod
