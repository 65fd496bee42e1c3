// Of the services that an endpoint needs: hub, bucket, platform, time.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/clock.h"
#include "doctor/finding.h"
#include "net/http_client.h"
#include "net/model_hub.h"
#include "net/s3_options.h"
#include "runpod/worker_options.h"

namespace echo {

// Whether the hub gives the repository's files to this token; nothing is downloaded. `needed` is
// whether they are not on the disk yet: then trouble is a failure, otherwise a warning.
Finding check_hub_access(const HubOptions& options, const HubRepository& repository, bool needed,
                         HttpClient& http, Clock& clock, std::stop_token stop);

// A probe is put, linked, fetched and deleted. Without settings: a failure on the platform, a
// warning elsewhere.
Finding check_bucket(const S3Options& options, bool on_platform, HttpClient& http, Clock& clock);

// The platform's URLs: whether they can be used, and whether their hosts answer. No job is taken.
Finding check_platform(const runpod::WorkerOptions& options, bool on_platform, HttpClient& http,
                       std::stop_token stop);

// Compares the clock with the Date header of the first of the URLs that answers. Signatures are
// refused beyond 15 minutes.
Finding check_clock(const std::vector<std::string>& urls, HttpClient& http, Clock& clock,
                    std::stop_token stop);

}  // namespace echo
