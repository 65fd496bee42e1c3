// Answers in the words of the platform's development server.
#pragma once

#include <string>
#include <vector>

#include "http/responses.h"

namespace echo::server {

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
