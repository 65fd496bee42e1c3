// Answers that every route may give.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "http/http_server.h"

namespace echo::http {

// `body` is JSON text already.
Response json_response(int status, std::string body);
Response json_response(int status, const Json& body);

// {"error": text}. 401 and 429 get their usual headers.
Response error_response(int status, std::string_view text);

// {"detail": "Not Found"}: what the platform's development server says of unknown routes.
Response detail_response(int status, std::string_view detail);

}  // namespace echo::http
