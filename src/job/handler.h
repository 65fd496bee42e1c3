// The contract between the worker (or a local API) and the code that does a job.
#pragma once

#include <chrono>
#include <functional>
#include <stop_token>

#include "job/job.h"
#include "job/outcome.h"

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

  // Requested when the work is no longer wanted: the client stopped it, its time is up, or the
  // process ends.
  virtual std::stop_token stop_token() const = 0;

  // Tells that the job goes on. Call it at every step of the work, about every 100 ms: a job that
  // is no longer wanted and tells nothing for long counts as one that will never return.
  virtual void sign_of_life() = 0;

  // When the job's time is up; time_point::max() without a limit.
  virtual std::chrono::steady_clock::time_point deadline() const = 0;
};

// Does one job. May throw; call_handler() says what becomes of that. Threads: called from several
// threads at once when the worker runs several jobs.
using Handler = std::function<JobOutcome(const Job&, JobContext&)>;

}  // namespace echo
