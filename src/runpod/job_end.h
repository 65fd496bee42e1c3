// What the end of a job means for the worker, and for whoever counts jobs.
#pragma once

#include <string>

#include "runpod/job_table.h"

namespace echo::runpod {

struct JobEnd {
  bool ran = false;          // the handler was called and its outcome counted
  bool fatal = false;        // the device or process is broken
  bool stop_pod = false;     // the platform was told to stop the pod
  std::string fatal_reason;  // for the unhealthy report: free of user text
  bool failed = false;       // an error was posted
  CancelReason cancelled = CancelReason::kNone;
  std::string format;  // of the audio that the posted output names; empty: none
  double seconds = 0;  // from the job's receipt to its end

  // "completed", "failed", "cancelled" or "timed_out".
  const char* status() const {
    if (cancelled == CancelReason::kDeadline) return "timed_out";
    if (cancelled != CancelReason::kNone) return "cancelled";
    return failed ? "failed" : "completed";
  }
  // Of the last two: "platform", "shutdown" or "timeout"; else empty.
  const char* cause() const {
    switch (cancelled) {
      case CancelReason::kStopped:
        return "platform";
      case CancelReason::kShutdown:
        return "shutdown";
      case CancelReason::kDeadline:
        return "timeout";
      case CancelReason::kNone:
        break;
    }
    return "";
  }
};

}  // namespace echo::runpod
