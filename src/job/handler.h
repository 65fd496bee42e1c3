// The contract between the worker (or a local API) and the code that does a job.
#pragma once

#include <chrono>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/error.h"
#include "job/job.h"

namespace echo {

// What a running job may tell and ask. Threads: a job's own threads, several at once if need be.
class JobContext {
 public:
  virtual ~JobContext() = default;

  // Shows an intermediate state to the client. Never blocks; only the newest unsent one is kept.
  virtual void progress(const Json& update) = 0;

  // Sends one piece of the output, in order. Blocks while too many pieces wait to be sent. A piece
  // that is an object with a truthy `error` ends the job with that error. Throws kCancelled when
  // the job is over for any reason, kInvalidArgument when the piece is larger than one may be.
  virtual void stream(const Json& piece) = 0;

  // Whether the work is no longer wanted: the client stopped it, its time is up, or the process
  // ends. Ask at least every 100 ms of work; each call also counts as a sign of life.
  virtual bool cancelled() = 0;

  // The same as a token, for waits.
  virtual std::stop_token stop_token() const = 0;

  // When the job's time is up; time_point::max() without a limit.
  virtual std::chrono::steady_clock::time_point deadline() const = 0;
};

// How a job ended.
struct JobOutcome {
  Json value;         // the return value; an object's keys `error` and `refresh_worker` are special
  std::string error;  // not empty: the job failed with this text, which the client sees
  bool fatal = false;  // the device or process is broken: report this job, then end the process

  static JobOutcome success(Json value) { return {std::move(value), "", false}; }

  // "kind: text". Kinds are stable words: invalid_input, voice_not_found, storage_unavailable, ...
  static JobOutcome failure(std::string_view kind, std::string_view text) {
    return {nullptr, std::string(kind) + ": " + std::string(text), false};
  }
  static JobOutcome failure(const Error& error) {
    JobOutcome outcome = failure(error_kind(error.code()), error.what());
    outcome.fatal = error.code() == ErrorCode::kInternal;
    return outcome;
  }
};

// Does one job. May throw: an echo::Error becomes JobOutcome::failure(error), anything else the
// exception report of result_body.h. Threads: called from several threads at once when the worker
// runs several jobs.
using Handler = std::function<JobOutcome(const Job&, JobContext&)>;

}  // namespace echo
