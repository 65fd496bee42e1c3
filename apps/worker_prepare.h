// What a worker can be told before it starts: that its settings are wrong, or its weights missing.
#pragma once

#include "apps/worker_process.h"

namespace echo::apps {

// Checks everything that the environment and the flags say, has a line of the log for each thing
// that is wrong, and, for a worker of the queue, finds or downloads the weights; a server does so
// while it answers health checks. Loads nothing. Returns the exit code: 0 when the worker can
// start, 1 without weights, 2 for wrong settings, 128 and more for a signal.
int prepare_worker(const WorkerFlags& flags, const runpod::CommandLine& arguments,
                   const Environment& environment);

}  // namespace echo::apps
