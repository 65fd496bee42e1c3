// Answers in the words of the platform's development server.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "http/responses.h"

namespace echo::server {

// {"detail": "Not Found"}: what the platform's development server says of unknown routes.
http::Response detail_response(int status, std::string_view detail);

// One complaint about a request's body, in the words of that server.
struct Complaint {
  std::string type;  // "missing"
  Json location;     // ["body", "input"]
  std::string message;
  Json input;  // what was found
  Json context = {};
};

// 422 {"detail": [{"type", "loc", "msg", "input"}...]}
http::Response validation_response(const std::vector<Complaint>& complaints);

}  // namespace echo::server
