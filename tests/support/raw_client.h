// A client of HTTP servers that sends what it is told to, byte for byte.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/json.h"
#include "net/http_client.h"

namespace echo {

struct Answer {
  int status = 0;
  HttpHeaders headers;
  std::string body;

  Json json() const { return Json::parse(body, nullptr, /*allow_exceptions=*/false); }
  std::string header(std::string_view name) const {
    return std::string(find_header(headers, name).value_or(""));
  }
};

class RawClient {
 public:
  explicit RawClient(int port);
  ~RawClient();
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  // False when the server has closed the connection.
  bool send(std::string_view bytes);
  void finish_sending();  // closes one direction
  void end_by_reset();    // what the destructor does then
  // Everything that comes until `end` was seen, the server closes, or two minutes have passed.
  std::string read_until(std::string_view end);
  std::string read_all() { return read_until(std::string_view()); }
  // The next answer with a Content-Length or none at all, after interim ones.
  Answer read_answer();
  bool closed_by_server(std::chrono::milliseconds patience = std::chrono::minutes(2));

 private:
  bool fill();

  int socket_ = -1;
  std::string buffer_;
};

}  // namespace echo
