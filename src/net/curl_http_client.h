// HttpClient on libcurl.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "net/http_client.h"
#include "net/proxy.h"

namespace echo {

struct HttpClientOptions {
  // Certificates of authorities as PEM text, trusted beside the system's.
  std::string ca_certificates;
  ProxyOptions proxies;
  std::chrono::seconds max_idle{
      30};  // a kept connection that was idle for longer is not used again
};

// HTTP/1.1 with kept connections; TLS certificates are always verified. Nothing is read from the
// environment. A write to a closed TLS connection raises SIGPIPE: the first call makes the process
// ignore that signal, unless it handles it already.
std::unique_ptr<HttpClient> make_http_client(const HttpClientOptions& options = {});

}  // namespace echo
