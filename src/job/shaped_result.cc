#include "job/shaped_result.h"

#include <utility>

namespace echo {
namespace {

std::string error_text(const Json& error) {
  return error.is_string() ? error.get<std::string>() : dump_json(error);
}

}  // namespace

ShapedResult shape_result(const JobOutcome& outcome) {
  ShapedResult result;
  if (const JobFailure* failure = outcome.failed()) {
    result.error = failure->message();
    if (!failure->detail.is_null()) result.output = failure->detail;
    return result;
  }
  Json output = outcome.result()->output;
  if (!output.is_object() || outcome.result()->verbatim) {
    result.output = std::move(output);
    return result;
  }
  if (const auto error = output.find("error"); error != output.end()) {
    if (truthy(*error)) result.error = error_text(*error);
    output.erase(error);
  }
  if (const auto refresh = output.find("refresh_worker"); refresh != output.end()) {
    result.stop_pod = truthy(*refresh);
    output.erase(refresh);
  }
  if (!output.empty()) result.output = std::move(output);
  return result;
}

}  // namespace echo
