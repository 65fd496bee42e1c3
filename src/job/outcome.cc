#include "job/outcome.h"

namespace echo {
namespace {

std::string error_text(const Json& error) {
  return error.is_string() ? error.get<std::string>() : dump_json(error);
}

}  // namespace

JobOutcome settled(JobOutcome outcome) {
  if (const JobFailure* failure = outcome.failed(); failure && failure->message().empty()) {
    return JobFailure{"internal", "the job failed without a message", failure->fatal,
                      failure->detail};
  }
  JobResult* result = outcome.result();
  if (!result || result->verbatim || !result->output || !result->output->is_object()) return outcome;
  result->verbatim = true;
  Json& output = *result->output;
  std::string failure;
  if (const auto error = output.find("error"); error != output.end()) {
    if (truthy(*error)) failure = error_text(*error);
    output.erase(error);
  }
  if (const auto refresh = output.find("refresh_worker"); refresh != output.end()) {
    outcome.stop_pod = truthy(*refresh);
    output.erase(refresh);
  }
  if (failure.empty()) {
    if (output.empty()) result->output.reset();
    return outcome;
  }
  JobOutcome failed = JobFailure{"", std::move(failure), false,
                                 output.empty() ? Json(nullptr) : std::move(output)};
  failed.stop_pod = outcome.stop_pod;
  return failed;
}

}  // namespace echo
