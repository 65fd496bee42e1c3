// What the book keeps of each job. Only the book's own files include this.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "server/job_book.h"

namespace echo::server {

// What is remembered of a job.
struct JobBook::Record {
  std::string id;
  JobKind kind = JobKind::kRun;
  std::shared_ptr<const Job> job;  // while it may still be run
  JobState state = JobState::kInQueue;
  WorkQueue::Ticket unit;            // while it waits or runs
  int turn = 0;                      // how often it was put into the queue
  std::shared_ptr<Attempt> attempt;  // while it runs
  Milliseconds execution_timeout{};
  TimePoint queued_at, started_at, ended_at;
  TimePoint expires;  // then it is forgotten, whatever its state
  bool started = false;
  JsonText output;
  std::string error;
  std::string format;
  int retries = 0;
  bool streamed = false;
  std::vector<JsonText> pieces;
  size_t handed_out = 0;   // pieces
  size_t piece_bytes = 0;  // of pieces
  size_t input_bytes = 0;
  size_t counted_bytes = 0;  // of all that, in the book's sum
  std::function<void(const JobView&)> finished;
};

// One run of a job. A retried job gets another, and what the old one still says is not heard.
struct JobBook::Attempt {
  std::shared_ptr<Record> record;
  std::shared_ptr<const Job> job;
  LogScope scope;
  TimePoint deadline;
  WorkQueue::Ticket unit;
  std::string stream_error;  // guarded by the book's mutex
};

inline void run_all(const std::vector<std::function<void()>>& functions) {
  for (const auto& function : functions) function();
}

}  // namespace echo::server
