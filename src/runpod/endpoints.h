// The platform's URLs, made from the templates of the environment.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runpod/worker_options.h"

namespace echo::runpod {

// Threads: const, from any thread.
class Endpoints {
 public:
  explicit Endpoints(const WorkerOptions& options);

  // Takes one job (`need` 1) or up to `need`; `busy` says that jobs are being worked on.
  std::string take(int need, bool busy) const;

  // Where the platform names jobs to stop; nothing when the take URL has no /job-take/ in it.
  const std::optional<std::string>& stop() const { return stop_; }

  // Where the result (and progress) of a job goes.
  std::string output(std::string_view job_id, bool is_stream) const;

  // Where a piece of a stream goes; empty without a template.
  std::string stream(std::string_view job_id) const;

  // The heartbeat with the ids of the jobs at hand; empty without a template.
  std::string ping(const std::vector<std::string>& job_ids) const;

  // The heartbeat URL with the report of a failed check.
  std::string unhealthy(std::string_view check, std::string_view reason) const;

 private:
  std::string take_;
  std::optional<std::string> stop_;
  std::string output_;
  std::string stream_;
  std::string ping_;
  std::string version_;
};

// `url` with `parameters` ("a=1&b=2") behind its query: joined by "?" when there is none yet, by
// nothing when it ends in "?" or "&".
std::string with_query(std::string url, std::string_view parameters);

// Percent-encodes only what cannot stand in a path; "/" and "," stay.
std::string path_encode(std::string_view text);

// Encodes a value as HTML forms do: space becomes "+", letters, digits and "-._~" stay.
std::string form_encode(std::string_view text);

}  // namespace echo::runpod
