// The one place that calls a handler.
#pragma once

#include <exception>
#include <functional>
#include <string>

#include "base/log.h"
#include "job/handler.h"

namespace echo {

// Returns the text that a client sees of an exception that nobody expected.
using ExceptionReport = std::function<std::string(const std::exception&)>;

// Calls `handler` and returns how the job ended, settled, whatever the handler throws: an Error
// becomes a failure of its kind, anything else one with the text of `report`. The log gets the kind
// or the type of an exception alone, since its message may quote the user's text. Throws only what
// `report` throws.
JobOutcome call_handler(const Handler& handler, const Job& job, JobContext& context, Logger& logger,
                        const ExceptionReport& report);

// Returns "<class 'std::runtime_error'>".
std::string exception_type(const std::exception& error);

}  // namespace echo
