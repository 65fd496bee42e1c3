// The JSON answers that all routes share.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runpod/job.h"
#include "server/http_server.h"

namespace echo::server {

using Json = runpod::Json;

// `body` is JSON text already.
Response json_response(int status, std::string body);
Response json_response(int status, const Json& body);

// {"error": text}. 401 and 429 get their usual headers.
Response error_response(int status, std::string_view text);

// {"detail": "Not Found"}: what the platform's development server says of unknown routes.
Response detail_response(int status, std::string_view detail);

// One complaint about a request's body, in the words of that server.
struct Complaint {
  std::string type;  // "missing"
  Json location;     // ["body", "input"]
  std::string message;
  Json input;  // what was found
  Json context = {};
};

// 422 {"detail": [{"type", "loc", "msg", "input"}...]}
Response validation_response(const std::vector<Complaint>& complaints);

}  // namespace echo::server
