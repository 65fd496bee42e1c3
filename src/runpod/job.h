// Jobs as the platform hands them out.
#pragma once

#include <chrono>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace echo::runpod {

using Json = nlohmann::json;

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

// An item that is no job.
struct RejectedItem {
  std::string id;      // set when the item can be answered all the same
  std::string reason;  // what is wrong, free of the item's content
};

struct TakenJobs {
  std::vector<Job> jobs;
  std::vector<RejectedItem> rejected;
};

// Limits on what the platform sends.
inline constexpr size_t kMaxJobIdBytes = 512;
inline constexpr size_t kMaxJsonDepth = 256;

// The jobs of a take response: one object, or an array whose items are judged one by one. Escapes
// of lone surrogates, which JSON parsers disagree about, become U+FFFD. Throws kCorrupt when the
// body is not JSON, nested deeper than kMaxJsonDepth, or neither object nor array.
TakenJobs parse_taken_jobs(std::string_view body);

// Parses a document from outside with the same depth limit; kCorrupt if it cannot be read. The
// error holds no part of the text.
Json parse_json(std::string_view text);

}  // namespace echo::runpod
