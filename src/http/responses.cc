#include "http/responses.h"

namespace echo::http {

Response json_response(int status, std::string body) {
  Response response;
  response.status = status;
  response.headers = {{"Content-Type", "application/json"},
                      {"Cache-Control", "no-store"},
                      {"X-Content-Type-Options", "nosniff"}};
  response.body = std::move(body);
  return response;
}

Response json_response(int status, const Json& body) {
  return json_response(status, dump_json(body));
}

Response error_response(int status, std::string_view text) {
  Response response = json_response(status, Json{{"error", text}});
  if (status == 401) response.headers.push_back({"WWW-Authenticate", "Bearer"});
  if (status == 429) response.headers.push_back({"Retry-After", "5"});
  if (status == 503) response.headers.push_back({"Retry-After", "1"});
  return response;
}

Response detail_response(int status, std::string_view detail) {
  return json_response(status, Json{{"detail", detail}});
}

}  // namespace echo::http
