// Who may call the server.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/cross_origin.h"
#include "http/http_server.h"

namespace echo::server {

struct CallerOptions {
  std::vector<std::string> keys;  // empty: none is needed
  // Without keys: the names, beside addresses, this machine's own, `public_url`'s and `host`, by
  // which clients may call the server; ".example.org" stands for all below it, "*" for every name.
  std::vector<std::string> hosts;
  std::string host;                        // that is listened on
  std::string public_url;                  // under which clients know the server, or empty
  std::vector<std::string> cross_origins;  // see http::CrossOrigin
};

// With keys: who has one. Without: whoever calls the server by one of its names and not from a page
// of another site, or any page that the user visits could start jobs here, or read their results
// under a name that its owner points to this machine. Any thread may call any function.
class Callers {
 public:
  struct Refusal {
    int status;  // 401 or 403
    std::string text;
  };

  explicit Callers(const CallerOptions& options);

  bool need_key() const { return !key_digests_.empty(); }
  // Returns why this caller is refused, or nothing when it may call.
  std::optional<Refusal> refusal(const http::Request& head) const;
  // The sites whose pages may use the server.
  const http::CrossOrigin& cross_origin() const { return cross_origin_; }
  // Returns a sentence for the log at the start: who may call at this port, and with what.
  std::string description(int port) const;

 private:
  bool has_key(const http::Request& head) const;
  bool is_foreign(const http::Request& head) const;
  bool known_host(std::string_view authority) const;

  const CallerOptions options_;
  std::vector<std::string> key_digests_;
  const http::CrossOrigin cross_origin_;
};

// Returns whether a host that is listened on is this machine's alone: "localhost", "127.0.0.1",
// "::1".
bool is_local_address(const std::string& host);

}  // namespace echo::server
