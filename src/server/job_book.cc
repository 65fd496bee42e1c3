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
    Waiter waiter{id, until, deadline, std::move(gone), std::move(wake)};
    if (!satisfied(waiter) && deadline > clock_.now()) {
      waiters_.push_back(std::move(waiter));
      timed_.notify_all();
      return;
    }
    wake = std::move(waiter.wake);
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
    for (auto waiter = waiters_.begin(); waiter != waiters_.end();) {
      const bool gone = waiter->gone.stop_requested();
      if (gone || waiter->deadline <= now) {
        release(*waiter, gone, wakes);
        waiter = waiters_.erase(waiter);
      } else {
        ++waiter;
      }
    }
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

// ---- with the lock held

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

// Whatever a waiter holds goes without the lock too: its end may wait for somebody who waits for
// it.
void JobBook::release(Waiter& waiter, bool gone, Wakes& wakes) {
  if (gone) {
    wakes.push_back([unused = std::move(waiter.wake)] {});
  } else {
    wakes.push_back(std::move(waiter.wake));
  }
}

void JobBook::wake_waiters(const std::string& id, Wakes& wakes) {
  for (auto waiter = waiters_.begin(); waiter != waiters_.end();) {
    if (waiter->id == id && satisfied(*waiter)) {
      release(*waiter, waiter->gone.stop_requested(), wakes);
      waiter = waiters_.erase(waiter);
    } else {
      ++waiter;
    }
  }
}

bool JobBook::satisfied(const Waiter& waiter) const {
  const auto found = record(waiter.id);
  if (!found || is_final(found->state)) return true;
  return waiter.until == Until::kPiecesOrFinal && found->handed_out < found->pieces.size();
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
