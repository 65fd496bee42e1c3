// The part of the book that runs jobs and hears what they say.
#include <algorithm>

#include "base/error.h"
#include "job/call_handler.h"
#include "job/piece_rules.h"
#include "server/job_record.h"

namespace echo::server {

class JobBook::Context final : public JobContext {
 public:
  Context(JobBook& book, Attempt& attempt) : book_(book), attempt_(attempt) {}

  void progress(const Json& update) override { book_.set_progress(attempt_, dump_json(update)); }
  void stream(const Json& piece) override {
    if (!book_.add_piece(attempt_, piece)) {
      throw Error(ErrorCode::kCancelled, "the job is no longer wanted");
    }
  }
  std::stop_token stop_token() const override { return attempt_.unit->stop_token(); }
  void sign_of_life() override {}
  std::chrono::steady_clock::time_point deadline() const override { return attempt_.deadline; }

 private:
  JobBook& book_;
  Attempt& attempt_;
};

namespace {

std::string joined(const std::vector<JsonText>& pieces) {
  std::string text = "[";
  for (const JsonText& piece : pieces) {
    if (text.size() > 1) text += ',';
    text += *piece;
  }
  return text + "]";
}

JsonText share(std::string text) { return std::make_shared<const std::string>(std::move(text)); }

}  // namespace

std::shared_ptr<JobBook::Attempt> JobBook::start(const std::shared_ptr<Record>& record, int turn,
                                                 Handler* handler) {
  const MutexLock lock(mutex_);
  if (record->turn != turn || record->state != JobState::kInQueue) return nullptr;
  --totals_.queued;
  ++totals_.running;
  record->state = JobState::kInProgress;
  record->started = true;
  record->started_at = clock_.now();
  auto attempt = std::make_shared<Attempt>();
  attempt->record = record;
  attempt->job = record->job;
  attempt->scope = {record->job->id(), record->job->batch_id()};
  attempt->deadline = record->started_at + record->execution_timeout;
  attempt->unit = std::move(record->unit);
  record->attempt = attempt;
  due_ = std::min(due_, attempt->deadline);
  *handler = handler_;
  return attempt;
}

void JobBook::run(const std::shared_ptr<Record>& record, int turn) {
  Handler handler;
  if (const auto attempt = start(record, turn, &handler)) {
    logger_.info("Started.", attempt->scope);
    Context context(*this, *attempt);
    const auto report = [this](const std::exception& error) {
      return runpod::exception_report(error, options_.identity);
    };
    finish(attempt, call_handler(handler, *attempt->job, context, logger_, report));
    logger_.info("Finished.", attempt->scope);
  }
  const MutexLock lock(mutex_);
  leave();
}

void JobBook::refuse(const std::shared_ptr<Record>& record, int turn, const std::string& reason) {
  Wakes wakes;
  {
    const MutexLock lock(mutex_);
    if (record->turn == turn && record->state == JobState::kInQueue) {
      end(*record, JobState::kFailed, reason, wakes);
    }
  }
  run_all(wakes);
  const MutexLock lock(mutex_);
  leave();
}

bool JobBook::set_progress(Attempt& attempt, std::string text) {
  const MutexLock lock(mutex_);
  if (!current(attempt) || text.size() > options_.stream_piece) return false;
  Record& record = *attempt.record;
  const size_t old = record.output ? record.output->size() : 0;
  resize(record, record.counted_bytes - old + text.size());
  record.output = share(std::move(text));
  return true;
}

bool JobBook::add_piece(Attempt& attempt, const Json& piece) {
  std::string text = dump_json(piece);
  check_piece(text.size(), options_.stream_piece);
  Wakes wakes;
  {
    const MutexLock lock(mutex_);
    if (!current(attempt) || !attempt.stream_error.empty()) return false;
    Record& record = *attempt.record;
    if (auto error = piece_error(piece)) {
      attempt.stream_error = std::move(*error);
      return false;
    }
    const size_t limit = result_limit(record.kind);
    if (record.piece_bytes + text.size() > limit) {
      attempt.stream_error = "output_too_large: the stream has more than " + std::to_string(limit) +
                             " bytes that nobody took";
      return false;
    }
    record.streamed = true;
    record.piece_bytes += text.size();
    resize(record, record.counted_bytes + text.size());
    record.pieces.push_back(share(std::move(text)));
    wake_waiters(record.id, wakes);
  }
  run_all(wakes);
  return true;
}

void JobBook::finish(const std::shared_ptr<Attempt>& attempt, const JobOutcome& outcome) {
  const JobFailure* failure = outcome.failed();
  const JobResult* result = outcome.result();
  std::string error = failure ? failure->message() : "";
  std::string output;
  if (failure && !failure->detail.is_null()) output = dump_json(failure->detail);
  if (result && result->output) output = dump_json(*result->output);
  Wakes wakes;
  {
    const MutexLock lock(mutex_);
    if (current(*attempt)) {
      Record& record = *attempt->record;
      if (!attempt->stream_error.empty()) {
        error = attempt->stream_error;
        output.clear();
      } else if (record.streamed && error.empty() && (output.empty() || output == "null")) {
        output = options_.collect_stream ? joined(record.pieces) : "[]";
      }
      const size_t limit = result_limit(record.kind);
      if (output.size() > limit) {
        error = "output_too_large: the result has " + std::to_string(output.size()) +
                       " bytes, at most " + std::to_string(limit) + " are taken";
        output.clear();
      }
      record.output = output.empty() ? nullptr : share(std::move(output));
      record.format = result && error.empty() ? result->format : "";
      end(record, error.empty() ? JobState::kCompleted : JobState::kFailed, error, wakes);
    }
  }
  run_all(wakes);
  if (failure && failure->fatal && hooks_.fatal) hooks_.fatal(failure->reason());
}

}  // namespace echo::server
