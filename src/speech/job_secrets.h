// What may not appear in a message about a job.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/json.h"

namespace echo {

// Returns the job's text, its keys, and those of the host's `directories` that public_text() would
// not hide by itself. `job` is the whole object as a client sends it.
std::vector<std::string> secrets_of_job(const Json& job, std::span<const std::string> directories);

}  // namespace echo
