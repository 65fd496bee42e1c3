#include "http/cross_origin.h"

#include <algorithm>

namespace echo::http {

bool CrossOrigin::allows(std::string_view origin) const {
  return std::any_of(origins_.begin(), origins_.end(), [&](const std::string& allowed) {
    return allowed == "*" || allowed == origin;
  });
}

HttpHeaders CrossOrigin::headers(std::string_view origin) const {
  return {{"Access-Control-Allow-Origin", std::string(origin)},
          {"Vary", "Origin"},
          {"Access-Control-Expose-Headers",
           "x-request-id, x-audio-sample-rate, x-echo-seed, x-echo-warning, x-echo-blocks, "
           "server-timing"}};
}

bool CrossOrigin::is_preflight(const Request& head) {
  return head.method == "OPTIONS" && head.header("Access-Control-Request-Method").has_value();
}

Response CrossOrigin::preflight(const Request& head) {
  Response response;
  response.status = 204;
  response.headers = {{"Access-Control-Allow-Methods", "GET, POST, DELETE"},
                      {"Access-Control-Max-Age", "600"}};
  if (const auto asked = head.header("Access-Control-Request-Headers")) {
    response.headers.push_back({"Access-Control-Allow-Headers", std::string(*asked)});
  }
  return response;
}

}  // namespace echo::http
