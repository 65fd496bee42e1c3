// What is checked about the head of a request, whatever it asks for.
#pragma once

#include <string_view>

#include "http/http_server.h"

namespace echo::http {

// Sets the path and query of a request's target, which proxies may give as a whole address. Returns
// false when it is no path.
bool split_target(std::string_view target, Request* request);

// Returns what makes it doubtful where the request ends or whom it is for (RFC 9112, 3.2 and 6):
// guesses differ from program to program, and a request could be hidden from one of them. "" if
// nothing does.
std::string_view framing_problem(const Request& request, bool version_1_1);

}  // namespace echo::http
