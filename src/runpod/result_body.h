// The JSON documents that a worker posts about a job.
#pragma once

#include <exception>
#include <optional>
#include <string>
#include <string_view>

#include "runpod/handler.h"
#include "runpod/job.h"

namespace echo::runpod {

// A handler's outcome in the platform's terms: what is posted, and what a local API shows.
struct ShapedResult {
  std::optional<Json> output;  // absent: the key is left out
  std::string error;           // empty: the job succeeded
  bool stop_pod = false;
};

// An object loses its keys `error` and `refresh_worker`; a truthy `error` fails the job (other
// types than text become JSON text), a truthy `refresh_worker` sets stop_pod; what remains is the
// output, absent if empty. Every other value is the output as it is, null included.
ShapedResult shape_result(const JobOutcome& outcome);

// {"output": ..., "error": "...", "stopPod": true}, each key only where it applies.
std::string result_body(const ShapedResult& result);

// {"error": "...", "stopPod": true}; `error` is never empty.
std::string error_body(std::string_view error, bool stop_pod = false);

// {"output": piece}
std::string stream_body(const Json& piece);

// {"status": "IN_PROGRESS", "output": update}
std::string progress_body(const Json& update);

// What JSON counts as true where a handler of the platform's own SDK tests a value.
bool truthy(const Json& value);

// One JSON document in UTF-8: invalid bytes become U+FFFD, numbers that are not finite null.
std::string dump_json(const Json& value);

// Who reports an exception.
struct WorkerIdentity {
  std::string hostname = "unknown";
  std::string worker_id = "unknown";
  std::string version;
};

// The six-field JSON text that the platform shows for an unexpected exception: error_type,
// error_message, error_traceback, hostname, worker_id, runpod_version, all strings. File names in
// the message of a filesystem error are left out.
std::string exception_report(const std::exception& error, const WorkerIdentity& identity);

// The message of an exception, shortened; without the file names of a filesystem error.
std::string exception_message(const std::exception& error);

// "<class 'std::runtime_error'>"
std::string exception_type(const std::exception& error);

}  // namespace echo::runpod
