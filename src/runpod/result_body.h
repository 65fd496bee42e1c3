// The JSON documents that a worker posts about a job.
#pragma once

#include <exception>
#include <string>
#include <string_view>

#include "job/outcome.h"

namespace echo::runpod {

// {"output": ..., "error": "...", "stopPod": true}, each key only where it applies. `outcome` is
// settled.
std::string result_body(const JobOutcome& outcome);

// {"error": "...", "stopPod": true}; `error` is never empty.
std::string error_body(std::string_view error, bool stop_pod = false);

// {"output": piece}
std::string stream_body(const Json& piece);

// {"status": "IN_PROGRESS", "output": update}
std::string progress_body(const Json& update);

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

}  // namespace echo::runpod
