// One exchange with one peer over libcurl: a request without its redirects.
#pragma once

#include <chrono>
#include <string>

#include "net/curl_connections.h"
#include "net/curl_http_client.h"
#include "net/http_client.h"
#include "net/url.h"

namespace echo {

struct CurlRoute {
  std::string proxy;    // empty: straight to the host
  std::string address;  // what the proxy is told to connect to; empty: the host's name
};

// Sends `request` (its method, headers and body as given here, not its url) to `url` and fills
// `response`. `total` is what is left of the total time, zero for no limit.
void run_curl_transfer(CurlConnection& connection, const HttpClientOptions& options,
                       const CurlRoute& route, const HttpRequest& request, const Url& url,
                       std::chrono::milliseconds total, HttpResponse& response);

}  // namespace echo
