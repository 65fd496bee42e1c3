#include "apps/http_client.h"

#include "net/network_options.h"

namespace echo::apps {

std::unique_ptr<HttpClient> http_client_of(const Environment& environment) {
  return make_http_client(
      network_options([&](const std::string& name) { return environment.find(name); }));
}

}  // namespace echo::apps
