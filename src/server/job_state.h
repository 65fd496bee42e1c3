// Jobs of the API as clients see them.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace echo::server {

enum class JobState { kInQueue, kInProgress, kCompleted, kFailed, kCancelled, kTimedOut };

// "IN_QUEUE", "IN_PROGRESS", "COMPLETED", "FAILED", "CANCELLED", "TIMED_OUT".
std::string_view job_state_name(JobState state);

// Whether the job is over.
bool is_final(JobState state);

// How a job came here.
enum class JobKind { kRun, kRunSync, kRealtime };

// "run", "runsync", "realtime".
std::string_view job_kind_name(JobKind kind);

// JSON text that several holders share.
using JsonText = std::shared_ptr<const std::string>;

// A job at one moment.
struct JobView {
  std::string id;
  JobKind kind = JobKind::kRun;
  JobState state = JobState::kInQueue;
  std::optional<std::chrono::milliseconds> delay;      // in the queue; once started
  std::optional<std::chrono::milliseconds> execution;  // in the handler; once over
  JsonText output;     // null: none; the newest progress update while the job runs
  std::string error;   // of a failed job
  std::string format;  // of the audio that the output names; empty: none
  int retries = 0;
  bool streamed = false;         // the handler gave pieces
  std::vector<JsonText> pieces;  // JobBook::take_pieces alone fills it
};

// {"id", "status", "delayTime"?, "executionTime"?, "output"?, "error"?, "retries"?, "workerId"?}
std::string status_json(const JobView& job, std::string_view worker_id);

// What the platform's development server shows: {"id", "status", "output"?, "error"?}, and an
// output that is null left out.
std::string development_json(const JobView& job);

// {"status", "stream": [{"output"}...]}, after the id where `with_id`.
std::string stream_json(const JobView& job, bool with_id);

// {"output"?, "error"?}: a result by itself.
std::string bare_json(const JobView& job);

}  // namespace echo::server
