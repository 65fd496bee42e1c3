#include "runpod/job_runner.h"

#include <sys/utsname.h>
#include <algorithm>

#include <ctime>
#include <optional>

#include "job/call_handler.h"
#include "runpod/job_context.h"
#include "runpod/outbox.h"

namespace echo::runpod {
namespace {

using SystemClock = std::chrono::system_clock;

std::string seconds_text(Milliseconds duration) {
  const auto count = duration.count();
  return count % 1000 == 0 ? std::to_string(count / 1000) + " s" : std::to_string(count) + " ms";
}

// "2026-01-31T12:00:00.123456+00:00Z": the platform's debugger writes both marks of UTC.
std::string debugger_time(SystemClock::time_point time) {
  const auto since = time.time_since_epoch();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since);
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(since - seconds);
  const std::time_t whole = seconds.count();
  std::tm fields{};
  ::gmtime_r(&whole, &fields);
  char date[32];
  char fraction[16];
  std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &fields);
  std::snprintf(fraction, sizeof fraction, ".%06d", static_cast<int>(micros.count()));
  return std::string(date) + fraction + "+00:00Z";
}

double milliseconds_between(SystemClock::time_point from, SystemClock::time_point to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

}  // namespace

JobRunner::JobRunner(Handler handler, const Reporter& reporter, const WorkerOptions& options,
                     Logger& logger)
    : handler_(std::move(handler)),
      reporter_(reporter),
      options_(options),
      logger_(logger),
      identity_{options.hostname, options.worker_id_given ? options.worker_id : "unknown",
                options.protocol_version} {}

JobEnd JobRunner::run(ActiveJob& job) const {
  try {
    return run_and_report(job);
  } catch (const std::exception& error) {
    // The handler's own exceptions do not come here: this is a result too large for the memory.
    logger_.error("Failed to report the job. | " + exception_type(error), job.scope);
    job.handler_returned();
    reporter_.post_result(job, JobOutcome::failure("internal", "the result could not be reported"),
                          options_.streaming_handler);
    JobEnd end;
    end.failed = true;
    return end;
  }
}

JobEnd JobRunner::run_and_report(ActiveJob& job) const {
  if (job.silenced()) {
    JobEnd end;
    end.cancelled = job.cancel_reason();
    return end;
  }
  logger_.info("Started.", job.scope);
  const auto started = SystemClock::now();
  job.start();

  Outbox outbox(reporter_, job, options_.timing.progress_interval, options_.limits.stream_queue);
  const bool can_stream = !options_.stream_url.empty();
  WorkerJobContext context(job, outbox,
                           {options_.limits.stream_piece, can_stream, options_.aggregate_stream});
  JobOutcome outcome =
      call_handler(handler_, job.job, context, logger_, [&](const std::exception& error) {
        return report(error, options_.streaming_handler || context.streamed());
      });
  job.handler_returned();
  outbox.finish();

  JobEnd end;
  end.cancelled = job.cancel_reason();
  if (const JobFailure* failure = outcome.failed(); failure && failure->fatal) {
    end.fatal = true;
    end.fatal_reason = failure->reason();
  }
  if (job.silenced()) {
    if (job.cancel_reason() == CancelReason::kStopped) {
      logger_.info("Job stopped.", job.scope);
    } else {
      logger_.warn("Job left to the platform: the worker ends before it.", job.scope);
    }
    return end;
  }
  end.ran = true;

  const bool is_stream = options_.streaming_handler || context.streamed();
  const bool timed_out = job.cancel_reason() == CancelReason::kDeadline;
  if (const auto error = context.stream_error()) {
    outcome = error->empty() ? JobOutcome::failure("internal", "the stream failed")
                             : JobOutcome::failure("", *error);
  } else if (timed_out && outcome.failed()) {
    outcome =
        JobOutcome::failure("timed_out", "the job ran longer than " + seconds_text(job.limit));
  } else if (JobResult* result = outcome.result();
             is_stream && result && (!result->output || result->output->is_null())) {
    result->output = context.take_pieces();
  }
  if (is_stream && outcome.result()) logger_.info("Finished running generator.", job.scope);
  if (options_.debugger) add_debugger(job, outcome, started);
  if (options_.refresh_worker || outcome.stop_pod) {
    outcome.stop_pod = true;
    logger_.info("refresh_worker flag set, stopping pod after job.", job.scope);
  }
  end.stop_pod = outcome.stop_pod;
  reporter_.post_result(job, outcome, is_stream);
  logger_.info("Finished.", job.scope);
  end.failed = outcome.failed() != nullptr;
  // A time that was up does not matter to a handler that made it.
  if (!timed_out || !end.failed) end.cancelled = CancelReason::kNone;
  if (outcome.result()) end.format = outcome.result()->format;
  return end;
}

// What the platform is told of an exception: a stream that breaks is reported in a line, anything
// else in the six fields.
std::string JobRunner::report(const std::exception& error, bool is_stream) const {
  if (!is_stream) return exception_report(error, identity_);
  return "handler: " + exception_message(error) + " \ntraceback: native code, handler of the job";
}

void JobRunner::add_debugger(const ActiveJob& job, JobOutcome& outcome,
                             SystemClock::time_point started) const {
  JobResult* result = outcome.result();
  if (!result || !result->output || !result->output->is_object()) return;
  utsname system{};
  ::uname(&system);
  const auto now = SystemClock::now();
  const auto waited = std::chrono::steady_clock::now() - job.job.received;
  const double total = std::chrono::duration<double, std::milli>(waited).count();
  const double run = milliseconds_between(started, now);
  (*result->output)["rp_debugger"] = {
      {"system_info",
       {{"os", std::string(system.sysname) + " " + system.release},
        {"processor", system.machine},
        {"python_version", "none (C++)"},
        {"runpod", options_.protocol_version}}},
      {"timestamps", Json::array({{{"name", "handler"},
                                   {"start_utc", debugger_time(started)},
                                   {"stop_utc", debugger_time(now)},
                                   {"duration_ms", run}}})},
      {"ready_delay_ms", std::max(0.0, total - run)}};
}

}  // namespace echo::runpod
