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
  result.error = outcome.error;
  if (!outcome.value.is_object()) {
    if (outcome.error.empty() || !outcome.value.is_null()) result.output = outcome.value;
    return result;
  }
  Json output = outcome.value;
  if (const auto error = output.find("error"); error != output.end()) {
    if (result.error.empty() && truthy(*error)) result.error = error_text(*error);
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
