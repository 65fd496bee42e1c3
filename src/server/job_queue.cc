#include "server/job_queue.h"

#include <algorithm>
#include <utility>

#include "server/job_record.h"

namespace echo::server {

JobQueue::JobQueue(JobQueueOptions options, Hooks hooks, Logger& logger, Clock& clock)
    : options_(std::move(options)), hooks_(std::move(hooks)), logger_(logger), clock_(clock) {
  add_slots(std::max(1, options_.concurrency));
  threads_.emplace_back([this](std::stop_token stop) { keep_time(stop); });
}

void JobQueue::add_slots(int count) {
  for (; slots_ < count; ++slots_) {
    threads_.emplace_back([this](std::stop_token stop) { run_jobs(stop); });
  }
}

JobQueue::~JobQueue() {
  close();
  cancel_all();
  for (std::jthread& thread : threads_) thread.request_stop();
}

void JobQueue::set_handler(Handler handler, int concurrency) {
  add_slots(concurrency);
  const std::lock_guard lock(mutex_);
  handler_ = std::move(handler);
  work_.notify_all();
}

// ---- what clients do

Submitted JobQueue::submit(Submission submission) {
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
  Submitted result = Submitted::kYes;
  {
    const std::lock_guard lock(mutex_);
    if (!closed_) make_room(submission.bytes, wakes);
    if (closed_) {
      result = Submitted::kClosed;
    } else if (queue_.size() >= options_.capacity ||
               bytes_ + submission.bytes > options_.max_bytes) {
      result = Submitted::kFull;
    } else {
      records_.emplace(record->id, record);
      resize(*record, record->input_bytes);
      enqueue(record);
    }
  }
  run_all(wakes);
  return result;
}

std::optional<JobView> JobQueue::find(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto found = record(id);
  if (!found) return std::nullopt;
  return view(*found);
}

std::optional<JobView> JobQueue::take_pieces(const std::string& id) {
  const std::lock_guard lock(mutex_);
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

void JobQueue::when(const std::string& id, Until until, TimePoint deadline, std::stop_token gone,
                    std::function<void()> wake) {
  {
    const std::lock_guard lock(mutex_);
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

std::optional<JobView> JobQueue::cancel(const std::string& id) {
  Wakes wakes;
  std::optional<JobView> job;
  {
    const std::lock_guard lock(mutex_);
    const auto found = record(id);
    if (!found) return std::nullopt;
    if (!is_final(found->state)) end(*found, JobState::kCancelled, "", wakes);
    job = view(*found);
  }
  run_all(wakes);
  return job;
}

Retried JobQueue::retry(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto found = record(id);
  if (!found) return Retried::kUnknown;
  if (found->state != JobState::kFailed && found->state != JobState::kTimedOut) {
    return Retried::kNotFailed;
  }
  if (closed_) return Retried::kClosed;
  if (queue_.size() >= options_.capacity) return Retried::kFull;
  std::erase(finished_, found);
  found->output = nullptr;
  found->error.clear();
  found->pieces.clear();
  found->handed_out = found->piece_bytes = 0;
  found->streamed = found->started = false;
  ++found->retries;
  ++totals_.retried;
  found->expires = clock_.now() + options_.ttl;
  resize(*found, found->input_bytes);
  enqueue(found);
  return Retried::kYes;
}

size_t JobQueue::purge() {
  Wakes wakes;
  size_t removed = 0;
  {
    const std::lock_guard lock(mutex_);
    while (!queue_.empty()) {
      const auto record = queue_.front();
      end(*record, JobState::kCancelled, "", wakes);
      ++removed;
    }
  }
  run_all(wakes);
  return removed;
}

void JobQueue::forget(const std::string& id, Milliseconds after) {
  Wakes wakes;
  {
    const std::lock_guard lock(mutex_);
    const auto found = record(id);
    if (!found || !is_final(found->state)) return;
    found->expires = clock_.now() + after;
    due_ = std::min(due_, found->expires);
    if (after.count() <= 0) drop(found, wakes);
  }
  run_all(wakes);
}

QueueCounts JobQueue::counts() const {
  const std::lock_guard lock(mutex_);
  QueueCounts counts = totals_;
  counts.held = waiters_.size();
  return counts;
}

// ---- the end of it all

void JobQueue::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
}

void JobQueue::fail_all(const std::string& error) {
  Wakes wakes;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    while (!queue_.empty()) {
      const auto record = queue_.front();
      end(*record, JobState::kFailed, error, wakes);
    }
  }
  run_all(wakes);
}

bool JobQueue::wait_idle(Milliseconds patience) {
  std::unique_lock lock(mutex_);
  return idle_.wait_for(lock, patience, [this] { return queue_.empty() && running_ == 0; });
}

void JobQueue::cancel_all() {
  Wakes wakes;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, record] : records_) {
      if (!is_final(record->state)) end(*record, JobState::kCancelled, "", wakes);
    }
  }
  run_all(wakes);
}

// ---- time

void JobQueue::keep_time(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  while (timed_.wait(lock, stop, [this] { return !records_.empty() || !waiters_.empty(); })) {
    timed_.wait_for(lock, stop, options_.tick, [] { return false; });
    if (stop.stop_requested()) return;
    lock.unlock();
    tick();
    lock.lock();
  }
}

void JobQueue::tick() {
  Wakes wakes;
  {
    const std::lock_guard lock(mutex_);
    const TimePoint now = clock_.now();
    for (auto waiter = waiters_.begin(); waiter != waiters_.end();) {
      const bool gone = waiter->gone.stop_requested();
      if (gone || waiter->deadline <= now) {
        if (!gone) wakes.push_back(std::move(waiter->wake));
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

std::shared_ptr<JobQueue::Record> JobQueue::record(const std::string& id) const {
  const auto found = records_.find(id);
  return found == records_.end() ? nullptr : found->second;
}

JobView JobQueue::view(const Record& record) const {
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
  job.retries = record.retries;
  job.streamed = record.streamed;
  return job;
}

void JobQueue::enqueue(const std::shared_ptr<Record>& record) {
  record->state = JobState::kInQueue;
  record->queued_at = clock_.now();
  queue_.push_back(record);
  ++totals_.queued;
  due_ = std::min(due_, record->expires);
  work_.notify_one();
  timed_.notify_all();
}

void JobQueue::leave_queue(const Record& record) {
  const auto found = std::find_if(queue_.begin(), queue_.end(),
                                  [&](const auto& one) { return one.get() == &record; });
  if (found == queue_.end()) return;
  queue_.erase(found);
  --totals_.queued;
  if (running_ == 0 && queue_.empty()) idle_.notify_all();
}

void JobQueue::stop_attempt(Record& record, Wakes& wakes) {
  if (!record.attempt) return;
  --totals_.running;
  // A stop callback runs on the thread that requests the stop: never under the lock.
  wakes.push_back([attempt = std::move(record.attempt)] { attempt->stop.request_stop(); });
  record.attempt = nullptr;
}

void JobQueue::end(Record& record, JobState state, std::string error, Wakes& wakes) {
  const bool was_running = record.state == JobState::kInProgress;
  if (record.state == JobState::kInQueue) leave_queue(record);
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

void JobQueue::drop(const std::shared_ptr<Record>& record, Wakes& wakes) {
  leave_queue(*record);
  stop_attempt(*record, wakes);
  std::erase(finished_, record);
  resize(*record, 0);
  records_.erase(record->id);
  wake_waiters(record->id, wakes);
}

void JobQueue::wake_waiters(const std::string& id, Wakes& wakes) {
  for (auto waiter = waiters_.begin(); waiter != waiters_.end();) {
    if (waiter->id == id && satisfied(*waiter)) {
      if (!waiter->gone.stop_requested()) wakes.push_back(std::move(waiter->wake));
      waiter = waiters_.erase(waiter);
    } else {
      ++waiter;
    }
  }
}

bool JobQueue::satisfied(const Waiter& waiter) const {
  const auto found = record(waiter.id);
  if (!found || is_final(found->state)) return true;
  return waiter.until == Until::kPiecesOrFinal && found->handed_out < found->pieces.size();
}

bool JobQueue::current(const Attempt& attempt) const {
  return attempt.record->attempt.get() == &attempt;
}

// Forgets the jobs that ended first, until there is room for so many more bytes.
void JobQueue::make_room(size_t bytes, Wakes& wakes) {
  while (!finished_.empty() &&
         (bytes_ + bytes > options_.max_bytes || finished_.size() >= options_.max_finished)) {
    const auto oldest = finished_.front();
    drop(oldest, wakes);
  }
}

void JobQueue::resize(Record& record, size_t bytes) {
  bytes_ += bytes - record.counted_bytes;
  record.counted_bytes = bytes;
}

size_t JobQueue::result_limit(JobKind kind) const {
  return kind == JobKind::kRun ? options_.run_result : options_.runsync_result;
}

JobQueue::Milliseconds JobQueue::keep_time_of(JobKind kind) const {
  return kind == JobKind::kRun ? options_.keep_run : options_.keep_runsync;
}

}  // namespace echo::server
