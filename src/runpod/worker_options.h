// Everything that a worker can be told, and how the platform's environment says it.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"

namespace echo::runpod {

using Milliseconds = std::chrono::milliseconds;

// How long things take. The defaults are the protocol's; tests scale them.
struct WorkerTiming {
  Milliseconds poll_timeout{90'000};   // a take or stop poll is given up after this, never earlier
  Milliseconds post_timeout{600'000};  // one attempt to post a result
  Milliseconds connect_timeout{10'000};

  Milliseconds too_many_requests{5'000};  // shortest pause after a 429
  Milliseconds retry_after_cap{60'000};   // longest pause that a Retry-After header may ask for
  Milliseconds backoff_first{250};        // first pause after a failed take; doubles from there
  Milliseconds failure_cap{30'000};       // longest pause between takes while the platform fails
  Milliseconds frozen_cap{5'000};         // the same for HTTP 400, the sign of a thawing container
  Milliseconds idle_cap{1'000};           // the same for "no job" answers that came at once
  Milliseconds held_poll{1'000};          // a "no job" answer after this was held: poll at once
  Milliseconds failure_summary{300'000};  // a lasting failure is logged again this often

  Milliseconds stop_pause{1'000};         // between stop polls without news
  Milliseconds stop_failure_cap{30'000};  // longest pause when the stop channel fails

  Milliseconds post_backoff_first{500};
  Milliseconds post_backoff_cap{8'000};
  Milliseconds post_budget{60'000};       // no new attempt to post a result after this...
  int post_attempts = 3;                  // ...unless it had fewer attempts than this
  Milliseconds piece_timeout{60'000};     // one attempt to post a piece of a stream
  Milliseconds piece_budget{20'000};      // as post_budget
  Milliseconds progress_timeout{15'000};  // the one attempt to post an update

  Milliseconds ping_retry_step{2'000};    // pauses of 0, 1 and 2 steps before a ping's retries
  Milliseconds unhealthy_timeout{2'000};  // the one report before an unhealthy exit

  Milliseconds progress_interval{1'000};  // shortest time between two progress posts of a job
  Milliseconds job_limit{0};              // longest run of a job; 0: only what the job itself says
  Milliseconds drain_limit{0};            // longest drain after the first signal; 0: no limit
  Milliseconds cancel_grace{5'000};   // for cancelled handlers to return before the process ends
  Milliseconds watchdog{900'000};     // a job without sign of life for this long is stuck; 0: off
  Milliseconds refresh_wait{60'000};  // after a job asked for a new pod: exit if nobody stops us
};

// What one result, or one piece of a stream, may measure in bytes.
struct SizeLimits {
  size_t run_result = 10'000'000;
  size_t sync_result = 20'000'000;  // jobs whose id begins with "sync-"
  size_t stream_piece = 1'000'000;
  size_t take_response = 64'000'000;
  size_t stop_response = 1'000'000;
  size_t stream_queue = 8;  // pieces that wait to be sent before stream() blocks
};

struct WorkerOptions {
  // URL templates with their placeholders still in them.
  std::string take_url;
  std::string output_url;
  std::string stream_url;
  std::string ping_url;

  std::string api_key;           // secret: sent as it is in the Authorization header
  std::string worker_id;         // never empty after worker_options_from
  bool worker_id_given = false;  // pings need a worker id that the platform knows
  std::string hostname = "unknown";
  std::string endpoint_id;  // not empty: JSON log lines
  std::string gpu_type_id;

  std::string protocol_version = "1.12.0";  // what pings and error reports call runpod_version
  std::string user_agent;                   // empty: built from the system's name
  std::string user_agent_integration;

  Milliseconds ping_interval{10'000};
  LogLevel log_level = LogLevel::kInfo;
  int realtime_port = 0;

  int concurrency = 1;  // jobs at once
  // Asked before every take with the current number; its answer (0...concurrency, 0 pauses the
  // taking) holds at once. Threads: the take thread.
  std::function<int(int)> concurrency_modifier;

  bool refresh_worker = false;     // end after one job, and tell the platform to stop the pod
  bool streaming_handler = false;  // every job is a stream, also one without pieces
  bool aggregate_stream = false;   // the final result of a stream repeats its pieces
  int fatal_job_limit = 1;         // consecutive fatal outcomes after which the process ends
  bool debugger = false;           // adds rp_debugger to results

  WorkerTiming timing;
  SizeLimits limits;
};

// A variable's value, or nothing if it is not set.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

// Options from RUNPOD_* variables. A value that cannot be used becomes the default, and a line
// about it is added to `warnings` (without the value of a secret).
WorkerOptions worker_options_from(const Environment& environment,
                                  std::vector<std::string>* warnings);

// Throws kInvalidArgument, naming the variable, when the options cannot serve a queue worker.
void check_worker_options(const WorkerOptions& options);

// "RunPod-Python-SDK/1.12.0 (Linux 6.1.0; x86_64) Language/C++ 20[ Integration/...]"
std::string default_user_agent(const WorkerOptions& options);

}  // namespace echo::runpod
