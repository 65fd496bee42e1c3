// A job: what somebody asked for, with an id.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "base/json.h"

namespace echo {

// One job: the whole object as it came, known and unknown keys alike. It holds the user's text and
// may hold storage secrets (`s3Config`): never log it.
class Job {
 public:
  // `document`: an object with a usable string `id` and any `input`. Throws kCorrupt if not.
  explicit Job(Json document);

  const std::string& id() const { return id_; }
  const Json& document() const { return document_; }
  const Json& input() const { return document_.at("input"); }  // any JSON, null included

  // Known extras; empty or null when absent or of the wrong type.
  std::string webhook() const { return text_field("webhook"); }
  std::string batch_id() const { return text_field("batchId"); }
  const Json& s3_config() const;

  // `policy.executionTimeout`, if the job carries one; zero otherwise.
  std::chrono::milliseconds execution_timeout() const;

  std::chrono::steady_clock::time_point received = std::chrono::steady_clock::now();

 private:
  std::string text_field(const char* name) const;

  std::string id_;
  Json document_;
};

// Limit on what the platform sends.
inline constexpr size_t kMaxJobIdBytes = 512;

// Return what makes a document unusable as a job, or its id as an id, free of its content; an empty
// text if nothing does. job_id_problem() takes objects only.
std::string job_problem(const Json& document);
std::string job_id_problem(const Json& document);

}  // namespace echo
