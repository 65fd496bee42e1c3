#include "server/job_book.h"

#include <algorithm>
#include <utility>

#include "server/job_record.h"

namespace echo::server {

JobBook::JobBook(JobBookOptions options, Hooks hooks, WorkQueue& queue, Logger& logger,
                 Clock& clock)
    : options_(std::move(options)),
      hooks_(std::move(hooks)),
      queue_(queue),
      logger_(logger),
      clock_(clock),
      clockwork_([this](std::stop_token stop) { keep_time(stop); }) {}

JobBook::~JobBook() {
  cancel_all();
  MutexLock lock(mutex_);
  left_.wait(lock, [this]() ECHO_REQUIRES(mutex_) { return units_ == 0; });
}

void JobBook::set_handler(Handler handler) {
  const MutexLock lock(mutex_);
  handler_ = std::move(handler);
}

// ---- what clients do

Added JobBook::submit(Submission submission) {
  auto record = std::make_shared<Record>();
  record->id = std::move(submission.id);
  record->kind = submission.kind;
  record->job = std::make_shared<const Job>(std::move(submission.document));
  record->execution_timeout = submission.execution_timeout.value_or(options_.execution_timeout);
  record->input_bytes = submission.bytes;
  record->finished = std::move(submission.finished);
  const TimePoint now = clock_.now();
  record->expires = now + submission.ttl.value_or(options_.ttl);
  Wakes wakes;
  Added added = Added::kFull;
  {
    const MutexLock lock(mutex_);
    if (queue_.closed()) {
      added = Added::kClosed;
    } else {
      make_room(submission.bytes, wakes);
      if (bytes_ + submission.bytes <= options_.max_bytes) added = enqueue(record);
    }
    if (added == Added::kYes) {
      records_.emplace(record->id, record);
      resize(*record, record->input_bytes);
    }
  }
  run_all(wakes);
  return added;
}

std::optional<JobView> JobBook::find(const std::string& id) {
  const MutexLock lock(mutex_);
  const auto found = record(id);
  if (!found) return std::nullopt;
  return view(*found);
}

std::optional<JobView> JobBook::take_pieces(const std::string& id) {
  const MutexLock lock(mutex_);
  const auto found = record(id);
  if (!found) return std::nullopt;
  JobView job = view(*found);
  const auto first = found->pieces.begin() + static_cast<std::ptrdiff_t>(found->handed_out);
  job.pieces.assign(first, found->pieces.end());
  if (options_.collect_stream) {
    found->handed_out = found->pieces.size();
  } else {
    found->pieces.clear();
    resize(*found, found->counted_bytes - std::exchange(found->piece_bytes, 0));
  }
  return job;
}

void JobBook::when(const std::string& id, Until until, TimePoint deadline, std::stop_token gone,
                   std::function<void()> wake) {
  {
    const MutexLock lock(mutex_);
    if (!JobWaiters::satisfied(until, reached(id)) && deadline > clock_.now()) {
      waiters_.add({id, until, deadline, std::move(gone), std::move(wake)});
      timed_.notify_all();
      return;
    }
  }
  wake();
}

std::optional<JobView> JobBook::cancel(const std::string& id) {
  Wakes wakes;
  std::optional<JobView> job;
  {
    const MutexLock lock(mutex_);
    const auto found = record(id);
    if (!found) return std::nullopt;
    if (!is_final(found->state)) end(*found, JobState::kCancelled, "", wakes);
    job = view(*found);
  }
  run_all(wakes);
  return job;
}

Retried JobBook::retry(const std::string& id) {
  const MutexLock lock(mutex_);
  const auto found = record(id);
  if (!found) return Retried::kUnknown;
  if (found->state != JobState::kFailed && found->state != JobState::kTimedOut) {
    return Retried::kNotFailed;
  }
  switch (enqueue(found)) {
    case Added::kClosed:
      return Retried::kClosed;
    case Added::kFull:
      return Retried::kFull;
    case Added::kYes:
      break;
  }
  std::erase(finished_, found);
  found->output = nullptr;
  found->error.clear();
  found->format.clear();
  found->pieces.clear();
  found->handed_out = found->piece_bytes = 0;
  found->streamed = found->started = false;
  ++found->retries;
  ++totals_.retried;
  found->expires = clock_.now() + options_.ttl;
  due_ = std::min(due_, found->expires);
  resize(*found, found->input_bytes);
  return Retried::kYes;
}

size_t JobBook::purge() {
  Wakes wakes;
  size_t removed = 0;
  {
    const MutexLock lock(mutex_);
    for (const auto& [id, record] : records_) {
      if (record->state != JobState::kInQueue) continue;
      end(*record, JobState::kCancelled, "", wakes);
      ++removed;
    }
  }
  run_all(wakes);
  return removed;
}

void JobBook::forget(const std::string& id, Milliseconds after) {
  Wakes wakes;
  {
    const MutexLock lock(mutex_);
    const auto found = record(id);
    if (!found || !is_final(found->state)) return;
    found->expires = clock_.now() + after;
    due_ = std::min(due_, found->expires);
    if (after.count() <= 0) drop(found, wakes);
  }
  run_all(wakes);
}

JobCounts JobBook::counts() const {
  const MutexLock lock(mutex_);
  JobCounts counts = totals_;
  counts.held = waiters_.size();
  return counts;
}

// ---- the end of it all

void JobBook::cancel_all() {
  Wakes wakes;
  {
    const MutexLock lock(mutex_);
    for (const auto& [id, record] : records_) {
      if (!is_final(record->state)) end(*record, JobState::kCancelled, "", wakes);
    }
  }
  run_all(wakes);
}

// ---- time

void JobBook::keep_time(std::stop_token stop) {
  MutexLock lock(mutex_);
  while (timed_.wait(lock, stop, [this]() ECHO_REQUIRES(mutex_) {
    return !records_.empty() || !waiters_.empty();
  })) {
    timed_.wait_for(lock, stop, options_.tick, [] { return false; });
    if (stop.stop_requested()) return;
    lock.unlock();
    tick();
    lock.lock();
  }
}

void JobBook::tick() {
  Wakes wakes;
  {
    const MutexLock lock(mutex_);
    const TimePoint now = clock_.now();
    waiters_.expire(now, wakes);
    if (now >= due_) {
      due_ = TimePoint::max();
      std::vector<std::shared_ptr<Record>> expired;
      for (const auto& [id, record] : records_) {
        if (now >= record->expires) {
          expired.push_back(record);
          continue;
        }
        if (record->attempt && now >= record->attempt->deadline) {
          end(*record, JobState::kTimedOut,
              "timed_out: the job ran longer than " +
                  std::to_string(record->execution_timeout.count()) + " ms",
              wakes);
        }
        due_ = std::min(due_, record->expires);
        if (record->attempt) due_ = std::min(due_, record->attempt->deadline);
      }
      for (const auto& record : expired) drop(record, wakes);
    }
  }
  run_all(wakes);
}

}  // namespace echo::server
