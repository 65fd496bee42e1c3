// Where the worker's log goes.
#pragma once

#include <memory>

#include "apps/environment.h"
#include "base/log.h"

namespace echo::apps {

// Standard output, and ECHO_LOG_FILE if that is set: ECHO_LOG_MAX_BYTES (10 MiB) each,
// ECHO_LOG_FILES (3) older ones. Throws kInvalidArgument.
std::shared_ptr<LogSink> log_sink_of(const Environment& environment, bool json);

}  // namespace echo::apps
