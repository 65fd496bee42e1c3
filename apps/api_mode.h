// The worker as an HTTP server: the local API, a load balancer's worker, or the realtime port.
#pragma once

#include "apps/speech_system.h"
#include "runpod/command_line.h"
#include "runpod/worker_options.h"

namespace echo::apps {

struct ApiModeOptions {
  runpod::Mode mode = runpod::Mode::kLocalApi;
  runpod::CommandLine arguments;
  runpod::WorkerOptions worker;
  SpeechSystemOptions system;
  ColdStart cold_start;  // runs since the process began
};

// Serves until SIGTERM or SIGINT, then lets the jobs at hand finish; a second signal ends the
// process at once. Listens before the model is loaded, so that health checks see the loading.
// Returns the exit code: 0 after a drain, 1 when the model cannot be loaded or the device broke.
int serve_api(ApiModeOptions options, const Environment& environment, HttpClient& http,
              Logger& logger);

}  // namespace echo::apps
