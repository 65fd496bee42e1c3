// Which other sites' pages may use the server from a browser (CORS).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "http/http_server.h"

namespace echo::http {

class CrossOrigin {
 public:
  // Origins as browsers send them, "https://host:port", or "*" for all.
  explicit CrossOrigin(std::vector<std::string> origins) : origins_(std::move(origins)) {}

  bool allows(std::string_view origin) const;
  // The headers of every answer to a page of an allowed origin. Cookies are never allowed.
  HttpHeaders headers(std::string_view origin) const;

  // A browser's question whether it may send a request, and the answer yes.
  static bool is_preflight(const Request& head);
  static Response preflight(const Request& head);

 private:
  const std::vector<std::string> origins_;
};

}  // namespace echo::http
