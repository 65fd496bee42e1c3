// What a client sees of a job's end.
#pragma once

#include "job/outcome.h"

namespace echo {

// A result's document, or {"error": "kind: text"}.
inline Json document_of(const JobOutcome& outcome) {
  if (outcome.failed()) return {{"error", outcome.failed()->message()}};
  return outcome.result()->output.value_or(Json());
}

}  // namespace echo
