// One job from the command line or a file, without a platform.
#pragma once

#include <string>

#include "base/log.h"
#include "job/handler.h"
#include "runpod/command_line.h"

namespace echo::runpod {

// Runs the job of --test_input, or of test_input.json in `directory`, and logs its result as JSON.
// Returns the exit code: 0, or 1 when there is no such job, it cannot be used, it failed, or its
// result differs from --test_output.
int run_local_job(const CommandLine& command_line, const Handler& handler,
                  const std::string& directory, Logger& logger);

}  // namespace echo::runpod
