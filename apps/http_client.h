// The client that all commands reach other machines with.
#pragma once

#include <memory>

#include "apps/environment.h"
#include "net/http_client.h"

namespace echo::apps {

// Uses the proxies and certificates that the environment names. Throws kInvalidArgument, naming the
// variable, as network_options does.
std::unique_ptr<HttpClient> http_client_of(const Environment& environment);

}  // namespace echo::apps
