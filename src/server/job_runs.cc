// The part of the queue that runs jobs and hears what they say.
#include <algorithm>

#include "base/error.h"
#include "server/job_record.h"

namespace echo::server {

class JobQueue::Context final : public JobContext {
 public:
  Context(JobQueue& queue, Attempt& attempt) : queue_(queue), attempt_(attempt) {}

  void progress(const Json& update) override { queue_.set_progress(attempt_, dump_json(update)); }
  void stream(const Json& piece) override {
    if (!queue_.add_piece(attempt_, piece)) {
      throw Error(ErrorCode::kCancelled, "the job is no longer wanted");
    }
  }
  bool cancelled() override { return attempt_.stop.stop_requested(); }
  std::stop_token stop_token() const override { return attempt_.stop.get_token(); }
  std::chrono::steady_clock::time_point deadline() const override { return attempt_.deadline; }

 private:
  JobQueue& queue_;
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

void JobQueue::run_jobs(std::stop_token stop) {
  while (const auto attempt = next_attempt(stop)) {
    Handler handler;
    {
      const std::lock_guard lock(mutex_);
      handler = handler_;
    }
    run(attempt, handler);
  }
}

std::shared_ptr<JobQueue::Attempt> JobQueue::next_attempt(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  if (!work_.wait(lock, stop, [this] { return handler_ && !queue_.empty(); })) return nullptr;
  const auto record = queue_.front();
  queue_.pop_front();
  --totals_.queued;
  ++totals_.running;
  ++running_;
  record->state = JobState::kInProgress;
  record->started = true;
  record->started_at = clock_.now();
  auto attempt = std::make_shared<Attempt>();
  attempt->record = record;
  attempt->job = record->job;
  attempt->scope = {record->job->id(), record->job->batch_id()};
  attempt->deadline = record->started_at + record->execution_timeout;
  record->attempt = attempt;
  due_ = std::min(due_, attempt->deadline);
  return attempt;
}

void JobQueue::run(const std::shared_ptr<Attempt>& attempt, const Handler& handler) {
  logger_.info("Started.", attempt->scope);
  Context context(*this, *attempt);
  finish(attempt, call(*attempt, handler, context));
  logger_.info("Finished.", attempt->scope);
}

JobOutcome JobQueue::call(Attempt& attempt, const Handler& handler, Context& context) {
  try {
    return handler(*attempt.job, context);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kCancelled) {
      logger_.error("Job failed. | " + std::string(error_kind(error.code())), attempt.scope);
    }
    return JobOutcome::failure(error);
  } catch (const std::exception& error) {
    // Its message may quote the user's text, so the log gets the type alone.
    logger_.error("Captured Handler Exception | " + runpod::exception_type(error), attempt.scope);
    return {nullptr, runpod::exception_report(error, options_.identity), false};
  } catch (...) {
    logger_.error("Captured Handler Exception", attempt.scope);
    return {nullptr, "internal: the handler failed in an unknown way", false};
  }
}

bool JobQueue::set_progress(Attempt& attempt, std::string text) {
  const std::lock_guard lock(mutex_);
  if (!current(attempt) || text.size() > options_.stream_piece) return false;
  Record& record = *attempt.record;
  const size_t old = record.output ? record.output->size() : 0;
  resize(record, record.counted_bytes - old + text.size());
  record.output = share(std::move(text));
  return true;
}

bool JobQueue::add_piece(Attempt& attempt, const Json& piece) {
  std::string text = dump_json(piece);
  if (text.size() > options_.stream_piece) {
    throw_invalid("stream piece of " + std::to_string(text.size()) + " bytes, at most " +
                  std::to_string(options_.stream_piece) + " are taken");
  }
  Wakes wakes;
  {
    const std::lock_guard lock(mutex_);
    if (!current(attempt) || !attempt.stream_error.empty()) return false;
    Record& record = *attempt.record;
    const auto error = piece.is_object() ? piece.find("error") : piece.end();
    if (error != piece.end() && truthy(*error)) {
      attempt.stream_error = error->is_string() ? error->get<std::string>() : dump_json(*error);
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

void JobQueue::finish(const std::shared_ptr<Attempt>& attempt, JobOutcome outcome) {
  const bool fatal = outcome.fatal;
  const std::string reason = outcome.error.substr(0, outcome.error.find('\n'));
  ShapedResult result = shape_result(outcome);
  std::string output = result.output ? dump_json(*result.output) : "";
  Wakes wakes;
  {
    const std::lock_guard lock(mutex_);
    if (current(*attempt)) {
      Record& record = *attempt->record;
      if (!attempt->stream_error.empty()) {
        result.error = attempt->stream_error;
        output.clear();
      } else if (record.streamed && result.error.empty() && (output.empty() || output == "null")) {
        output = options_.collect_stream ? joined(record.pieces) : "[]";
      }
      const size_t limit = result_limit(record.kind);
      if (output.size() > limit) {
        result.error = "output_too_large: the result has " + std::to_string(output.size()) +
                       " bytes, at most " + std::to_string(limit) + " are taken";
        output.clear();
      }
      record.output = output.empty() ? nullptr : share(std::move(output));
      const bool failed = !result.error.empty();
      end(record, failed ? JobState::kFailed : JobState::kCompleted, result.error, wakes);
    }
    --running_;
    if (running_ == 0 && queue_.empty()) idle_.notify_all();
  }
  run_all(wakes);
  if (fatal && hooks_.fatal) hooks_.fatal(reason);
}

}  // namespace echo::server
