#include "job/job.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "base/error.h"

namespace echo {
namespace {

const Json kNull;

}  // namespace

std::string job_id_problem(const Json& item) {
  const auto id = item.find("id");
  if (id == item.end()) return "job has no field id";
  if (!id->is_string()) return std::string("job id is of type ") + id->type_name();
  const auto& text = id->get_ref<const std::string&>();
  if (text.empty()) return "job id is empty";
  if (text.size() > kMaxJobIdBytes) {
    return "job id has " + std::to_string(text.size()) + " bytes, at most " +
           std::to_string(kMaxJobIdBytes) + " are taken";
  }
  if (text == "." || text == "..") return "job id is a path step";
  const bool control = std::any_of(
      text.begin(), text.end(), [](char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7F; });
  return control ? "job id holds control characters" : "";
}

std::string job_problem(const Json& item) {
  if (!item.is_object()) return std::string("job is of type ") + item.type_name();
  if (std::string problem = job_id_problem(item); !problem.empty()) return problem;
  return item.contains("input") ? "" : "job has no field input";
}

Job::Job(Json document) : document_(std::move(document)) {
  if (const std::string problem = job_problem(document_); !problem.empty()) {
    throw_corrupt(problem);
  }
  id_ = document_.at("id").get<std::string>();
}

const Json& Job::s3_config() const {
  const auto found = document_.find("s3Config");
  return found != document_.end() && found->is_object() ? *found : kNull;
}

std::chrono::milliseconds Job::execution_timeout() const {
  const auto policy = document_.find("policy");
  if (policy == document_.end() || !policy->is_object()) return {};
  const auto limit = policy->find("executionTimeout");
  if (limit == policy->end() || !limit->is_number()) return {};
  const double value = limit->get<double>();
  constexpr double kLongest = 7 * 24 * 3600 * 1000.0;
  if (!(value > 0)) return {};
  return std::chrono::milliseconds(static_cast<int64_t>(std::min(value, kLongest)));
}

std::string Job::text_field(const char* name) const {
  const auto found = document_.find(name);
  return found != document_.end() && found->is_string() ? found->get<std::string>() : "";
}

}  // namespace echo
