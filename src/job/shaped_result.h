// What a handler's outcome means for whoever asked for the job.
#pragma once

#include <optional>
#include <string>

#include "job/outcome.h"

namespace echo {

// An outcome in the terms of the platform: what is posted, and what a local API shows.
struct ShapedResult {
  std::optional<Json> output;  // absent: the key is left out
  std::string error;           // empty: the job succeeded
  bool stop_pod = false;
};

// Returns the outcome in those terms. Of a result that is not verbatim, an object loses its keys `error` and
// `refresh_worker`; a truthy `error` fails the job (other types than text become JSON text), a
// truthy `refresh_worker` sets stop_pod; what remains is the output, absent if empty. Every other
// value is the output as it is, null included.
ShapedResult shape_result(const JobOutcome& outcome);

}  // namespace echo
