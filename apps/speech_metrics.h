// What jobs tell, into the numbers that are served.
#pragma once

#include "apps/speech_system.h"
#include "metrics/metrics.h"

namespace echo::apps {

// Has every job and every repeated upload of a speech system counted. `metrics` must outlive the
// system.
inline void observe(SpeechSystemOptions& options, Metrics& metrics) {
  options.finished = [&metrics](const JobReport& report) { metrics.speech_finished(report); };
  options.s3.upload_retried = [&metrics] { metrics.upload_retried(); };
}

}  // namespace echo::apps
