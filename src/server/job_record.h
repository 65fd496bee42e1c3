// What the queue keeps of each job. Only the queue's own files include this.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "server/job_queue.h"

namespace echo::server {

// What is remembered of a job.
struct JobQueue::Record {
  std::string id;
  JobKind kind = JobKind::kRun;
  std::shared_ptr<const Job> job;  // while it may still be run
  JobState state = JobState::kInQueue;
  std::shared_ptr<Attempt> attempt;  // while it runs
  Milliseconds execution_timeout{};
  TimePoint queued_at, started_at, ended_at;
  TimePoint expires;  // then it is forgotten, whatever its state
  bool started = false;
  JsonText output;
  std::string error;
  int retries = 0;
  bool streamed = false;
  std::vector<JsonText> pieces;
  size_t handed_out = 0;   // pieces
  size_t piece_bytes = 0;  // of pieces
  size_t input_bytes = 0;
  size_t counted_bytes = 0;  // of all that, in the queue's sum
  std::function<void(const JobView&)> finished;
};

// One run of a job. A retried job gets another, and what the old one still says is not heard.
struct JobQueue::Attempt {
  std::shared_ptr<Record> record;
  std::shared_ptr<const Job> job;
  LogScope scope;
  TimePoint deadline;
  std::stop_source stop;
  std::string stream_error;  // guarded by the queue's mutex
};

struct JobQueue::Waiter {
  std::string id;
  Until until;
  TimePoint deadline;
  std::stop_token gone;
  std::function<void()> wake;
};

inline void run_all(const std::vector<std::function<void()>>& functions) {
  for (const auto& function : functions) function();
}

}  // namespace echo::server
