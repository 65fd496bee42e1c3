#include "server/job_state.h"

#include "runpod/result_body.h"

namespace echo::server {
namespace {

// Members in the order given, with values that are JSON text already: outputs are large.
class ObjectText {
 public:
  void add(std::string_view key, std::string_view json) {
    text_ += text_.empty() ? "{\"" : ",\"";
    text_.append(key).append("\":").append(json);
  }
  void add_text(std::string_view key, std::string_view text) { add(key, dump_json(text)); }
  std::string finish() && { return text_.empty() ? "{}" : std::move(text_) + "}"; }

 private:
  std::string text_;
};

void add_result(ObjectText& object, const JobView& job, bool with_null) {
  if (job.output && (with_null || *job.output != "null")) object.add("output", *job.output);
  if (!job.error.empty()) object.add_text("error", job.error);
}

}  // namespace

std::string_view job_state_name(JobState state) {
  switch (state) {
    case JobState::kInQueue:
      return "IN_QUEUE";
    case JobState::kInProgress:
      return "IN_PROGRESS";
    case JobState::kCompleted:
      return "COMPLETED";
    case JobState::kFailed:
      return "FAILED";
    case JobState::kCancelled:
      return "CANCELLED";
    case JobState::kTimedOut:
      break;
  }
  return "TIMED_OUT";
}

bool is_final(JobState state) {
  return state != JobState::kInQueue && state != JobState::kInProgress;
}

std::string_view job_kind_name(JobKind kind) {
  switch (kind) {
    case JobKind::kRun:
      return "run";
    case JobKind::kRunSync:
      return "runsync";
    case JobKind::kRealtime:
      break;
  }
  return "realtime";
}

std::string status_json(const JobView& job, std::string_view worker_id) {
  ObjectText object;
  object.add_text("id", job.id);
  object.add_text("status", job_state_name(job.state));
  if (job.delay) object.add("delayTime", std::to_string(job.delay->count()));
  if (job.execution) object.add("executionTime", std::to_string(job.execution->count()));
  add_result(object, job, /*with_null=*/true);
  if (job.retries > 0) object.add("retries", std::to_string(job.retries));
  if (job.delay && !worker_id.empty()) object.add_text("workerId", worker_id);
  return std::move(object).finish();
}

std::string development_json(const JobView& job) {
  ObjectText object;
  object.add_text("id", job.id);
  object.add_text("status", job_state_name(job.state));
  if (is_final(job.state)) add_result(object, job, /*with_null=*/false);
  return std::move(object).finish();
}

std::string stream_json(const JobView& job, bool with_id) {
  std::string pieces = "[";
  for (const JsonText& piece : job.pieces) {
    if (pieces.size() > 1) pieces += ',';
    pieces.append("{\"output\":").append(*piece).append("}");
  }
  pieces += ']';
  ObjectText object;
  if (with_id) object.add_text("id", job.id);
  object.add_text("status", job_state_name(job.state));
  object.add("stream", pieces);
  if (!job.error.empty()) object.add_text("error", job.error);
  return std::move(object).finish();
}

std::string bare_json(const JobView& job) {
  ObjectText object;
  add_result(object, job, /*with_null=*/true);
  return std::move(object).finish();
}

}  // namespace echo::server
