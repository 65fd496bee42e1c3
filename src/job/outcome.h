// What a job came to.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/json.h"
#include "base/kind_error.h"

namespace echo {

// Of a job that was done.
struct JobResult {
  std::optional<Json> output;  // nothing: the client sees no output, not even null
  std::string format;          // of the audio that the output names, for the metrics; empty: none
  bool verbatim = false;       // no key of the output is special: see settled()
};

// Of a job that was not.
struct JobFailure {
  std::string kind;    // a stable word: invalid_input, voice_not_found, ...; may be empty
  std::string text;    // what the client sees
  bool fatal = false;  // the device or process is broken: report this job, then end the process
  Json detail;         // shown beside the error; null: nothing

  // Returns "kind: text".
  std::string message() const { return kind.empty() ? text : kind + ": " + text; }
  // Returns the first line of it, for logs of this process.
  std::string reason() const {
    const std::string whole = message();
    return whole.substr(0, whole.find('\n'));
  }
};

// One of the two. It stays typed until it leaves the program: as JSON in runpod/result_body.h and
// server/job_state.h.
class JobOutcome : public std::variant<JobResult, JobFailure> {
 public:
  using std::variant<JobResult, JobFailure>::variant;

  bool stop_pod = false;  // the platform is to replace this machine after the job

  static JobOutcome success(Json output) { return JobResult{std::move(output), {}}; }
  static JobOutcome failure(std::string_view kind, std::string_view text) {
    return JobFailure{std::string(kind), std::string(text), false, nullptr};
  }
  static JobOutcome failure(const Error& error) {
    const auto* own = dynamic_cast<const KindError*>(&error);
    return JobFailure{own ? own->kind() : std::string(error_kind(error.code())), error.what(),
                      error.code() == ErrorCode::kInternal, nullptr};
  }

  // Null when the job is one of the other kind.
  const JobResult* result() const { return std::get_if<JobResult>(this); }
  JobResult* result() { return std::get_if<JobResult>(this); }
  const JobFailure* failed() const { return std::get_if<JobFailure>(this); }
};

// Returns the outcome with the platform's rule applied. Of a result that is not verbatim, an object
// loses its keys `error` and `refresh_worker`: a truthy `error` makes it a failure (other types than
// text become JSON text) with what remains as its detail, a truthy `refresh_worker` sets stop_pod.
// An object that has lost all its keys is no output. Every other value, null included, stays. A
// failure always has a message.
JobOutcome settled(JobOutcome outcome);

}  // namespace echo
