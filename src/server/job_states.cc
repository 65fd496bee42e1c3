// How a job of the book goes from one state to the next. All of it with the book's lock held; what
// others are told is left in `wakes`, for when it is not.
#include <algorithm>
#include <utility>

#include "server/job_book.h"
#include "server/job_record.h"

namespace echo::server {

std::shared_ptr<JobBook::Record> JobBook::record(const std::string& id) const {
  const auto found = records_.find(id);
  return found == records_.end() ? nullptr : found->second;
}

JobView JobBook::view(const Record& record) const {
  const auto whole = [](TimePoint::duration time) {
    return std::chrono::duration_cast<Milliseconds>(time);
  };
  JobView job;
  job.id = record.id;
  job.kind = record.kind;
  job.state = record.state;
  if (record.started) {
    job.delay = whole(record.started_at - record.queued_at);
    if (is_final(record.state)) job.execution = whole(record.ended_at - record.started_at);
  }
  job.output = record.output;
  job.error = record.error;
  job.format = record.format;
  job.retries = record.retries;
  job.streamed = record.streamed;
  return job;
}

Added JobBook::enqueue(const std::shared_ptr<Record>& record) {
  const int turn = record->turn + 1;
  Work work{[this, record, turn](std::stop_token) { run(record, turn); },
            [this, record, turn](const std::string& reason) { refuse(record, turn, reason); }};
  const Added added = queue_.add(std::move(work), &record->unit);
  if (added != Added::kYes) return added;
  record->turn = turn;
  record->state = JobState::kInQueue;
  record->queued_at = clock_.now();
  ++units_;
  ++totals_.queued;
  due_ = std::min(due_, record->expires);
  timed_.notify_all();
  return added;
}

void JobBook::leave_queue(Record& record) {
  if (record.state != JobState::kInQueue) return;
  --totals_.queued;
  // What cannot be withdrawn is about to start, and will see that its turn is over.
  if (queue_.withdraw(std::exchange(record.unit, nullptr))) leave();
}

// A unit of the queue is done with.
void JobBook::leave() {
  if (--units_ == 0) left_.notify_all();
}

void JobBook::stop_attempt(Record& record, Wakes& wakes) {
  if (!record.attempt) return;
  --totals_.running;
  // A stop callback runs on the thread that requests the stop: never under the lock.
  wakes.push_back([unit = record.attempt->unit] { unit->request_stop(); });
  record.attempt = nullptr;
}

void JobBook::end(Record& record, JobState state, std::string error, Wakes& wakes) {
  const bool was_running = record.state == JobState::kInProgress;
  leave_queue(record);
  const bool delivered = state == JobState::kCompleted || state == JobState::kFailed;
  if (!delivered) record.output = nullptr;  // the last progress update
  if (delivered && was_running) {
    record.attempt = nullptr;
    --totals_.running;
  } else {
    stop_attempt(record, wakes);
  }
  record.state = state;
  record.error = std::move(error);
  record.ended_at = clock_.now();
  record.expires = std::min(record.expires, record.ended_at + keep_time_of(record.kind));
  const bool may_run_again = state == JobState::kFailed || state == JobState::kTimedOut;
  if (!may_run_again) {
    record.job = nullptr;
    record.input_bytes = 0;
  }
  resize(record,
         record.input_bytes + record.piece_bytes + (record.output ? record.output->size() : 0));
  if (state == JobState::kCompleted) ++totals_.completed;
  if (may_run_again) ++totals_.failed;
  due_ = std::min(due_, record.expires);
  make_room(0, wakes);
  finished_.push_back(records_.at(record.id));
  for (const auto& hook : {hooks_.finished, record.finished}) {
    if (hook) wakes.push_back([hook, job = view(record)] { hook(job); });
  }
  wake_waiters(record.id, wakes);
}

void JobBook::drop(const std::shared_ptr<Record>& record, Wakes& wakes) {
  leave_queue(*record);
  ++record->turn;
  stop_attempt(*record, wakes);
  std::erase(finished_, record);
  resize(*record, 0);
  records_.erase(record->id);
  wake_waiters(record->id, wakes);
}

void JobBook::wake_waiters(const std::string& id, Wakes& wakes) {
  waiters_.reach(id, reached(id), wakes);
}

// What whoever waits for the job can be told; a job that is not known has come to its end.
std::optional<JobBook::Until> JobBook::reached(const std::string& id) const {
  const auto found = record(id);
  if (!found || is_final(found->state)) return Until::kFinal;
  if (found->handed_out < found->pieces.size()) return Until::kPiecesOrFinal;
  return std::nullopt;
}

bool JobBook::current(const Attempt& attempt) const {
  return attempt.record->attempt.get() == &attempt;
}

// Forgets the jobs that ended first, until there is room for so many more bytes.
void JobBook::make_room(size_t bytes, Wakes& wakes) {
  while (!finished_.empty() &&
         (bytes_ + bytes > options_.max_bytes || finished_.size() >= options_.max_finished)) {
    const auto oldest = finished_.front();
    drop(oldest, wakes);
  }
}

void JobBook::resize(Record& record, size_t bytes) {
  bytes_ += bytes - record.counted_bytes;
  record.counted_bytes = bytes;
}

size_t JobBook::result_limit(JobKind kind) const {
  return kind == JobKind::kRun ? options_.run_result : options_.runsync_result;
}

JobBook::Milliseconds JobBook::keep_time_of(JobKind kind) const {
  return kind == JobKind::kRun ? options_.keep_run : options_.keep_runsync;
}

}  // namespace echo::server
