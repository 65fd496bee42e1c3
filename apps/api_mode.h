// The worker as an HTTP server: the local API, a load balancer's worker, or the realtime port.
#pragma once

#include "apps/worker_process.h"

namespace echo::apps {

// Serves until SIGTERM or SIGINT, then lets the jobs at hand finish; a second signal ends the
// process at once. Listens before the model is loaded, so that health checks see the loading.
// Returns the exit code: 0 after a drain, 1 when the model cannot be loaded or the device broke.
int serve_api(WorkerProcess process, const Environment& environment, HttpClient& http,
              Logger& logger);

// Throws kInvalidArgument for a variable of the server that cannot be used.
void check_api_settings(const WorkerProcess& process, const Environment& environment);

}  // namespace echo::apps
