#include "net/curl_http_client.h"

#include <curl/curl.h>
#include <signal.h>

#include <algorithm>
#include <csignal>
#include <mutex>

#include "base/error.h"
#include "net/curl_connections.h"
#include "net/curl_transfer.h"
#include "net/proxy.h"
#include "net/public_address.h"
#include "net/url.h"

namespace echo {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

bool is_token(std::string_view text) {
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kOthers.find(c) != std::string_view::npos;
  });
}

void check(const HttpRequest& request) {
  if (!is_token(request.method)) throw_invalid("request: the method is not a word");
  for (const HttpHeader& header : request.headers) {
    if (!is_token(header.name)) throw_invalid("request: a header's name is not a word");
    if (header.value.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
      throw_invalid("request: header " + header.name + " has a line break or a zero byte");
    }
  }
}

void remove_header(HttpHeaders& headers, std::string_view name) {
  std::erase_if(headers,
                [&](const HttpHeader& header) { return find_header({header}, name).has_value(); });
}

class CurlHttpClient final : public HttpClient {
 public:
  explicit CurlHttpClient(const HttpClientOptions& options)
      : options_(options), connections_(options.max_idle) {
    static std::once_flag once;
    std::call_once(once, [] {
      if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        throw_internal("libcurl does not start");
      }
      struct sigaction pipe {};
      if (sigaction(SIGPIPE, nullptr, &pipe) == 0 && pipe.sa_handler == SIG_DFL) {
        std::signal(SIGPIPE, SIG_IGN);
      }
    });
  }

  HttpResponse perform(const HttpRequest& request) override {
    check(request);
    const auto start = steady_clock::now();
    Url url = parse_url(request.url);
    HttpRequest hop = request;
    HttpResponse response;
    for (int redirects = 0;; ++redirects) {
      milliseconds left = request.timeouts.total;
      if (left > milliseconds::zero()) {
        left -= std::chrono::duration_cast<milliseconds>(steady_clock::now() - start);
        left = std::max(left, milliseconds(1));
      }
      response = HttpResponse();
      response.final_url = url.text();
      response.redirects = redirects;
      CurlRoute route;
      if (!find_route(hop, url, route, response)) return response;
      // A kept connection was checked for the requests that made it only.
      auto connection = connections_.take((hop.public_hosts_only ? "public " : "") + url.origin());
      run_curl_transfer(*connection, options_, route, hop, url, left, response);
      connections_.give_back(std::move(connection));
      if (!route.proxy.empty() && response.error == TransportError::kNone &&
          response.status == 407) {
        response.error = TransportError::kProxy;
        response.error_text = "the proxy " + proxy_for_display(route.proxy) +
                              " wants a user name and a password (status 407)";
      }

      const auto location = response.header("Location");
      if (response.error != TransportError::kNone || !is_redirect(response.status) || !location ||
          request.max_redirects == 0) {
        return response;
      }
      if (redirects == request.max_redirects) {
        refuse(response, "more than " + std::to_string(request.max_redirects) + " redirects");
        return response;
      }
      if (!follow(hop, url, response)) return response;
    }
  }

 private:
  static void refuse(HttpResponse& response, std::string text) {
    response.error = TransportError::kRedirect;
    response.error_text = std::move(text);
  }

  // Whether the request may go on, and how.
  bool find_route(const HttpRequest& hop, const Url& url, CurlRoute& route,
                  HttpResponse& response) const {
    route.proxy = proxy_for(options_.proxies, url);
    if (route.proxy.empty() || !hop.public_hosts_only) return true;
    const auto address = public_address_of(url.host, response.error_text);
    if (!address) {
      response.error = TransportError::kForbiddenHost;
      return false;
    }
    route.address = *address;
    return true;
  }

  // Turns `hop` and `url` into the request that the redirect asks for.
  static bool follow(HttpRequest& hop, Url& url, HttpResponse& response) {
    Url next;
    try {
      next = resolve_url(url, *response.header("Location"));
    } catch (const Error& error) {
      refuse(response, std::string("Location: ") + error.what());
      return false;
    }
    if (url.scheme == "https" && next.scheme == "http") {
      refuse(response, "from https to http, at " + next.origin());
      return false;
    }
    if (next.origin() != url.origin()) {
      remove_header(hop.headers, "Authorization");
      remove_header(hop.headers, "Cookie");
    }
    const int status = response.status;
    const bool becomes_get = (status == 303 && hop.method != "HEAD") ||
                             ((status == 301 || status == 302) && hop.method == "POST");
    if (becomes_get) {
      hop.method = "GET";
      hop.body.clear();
      hop.body_source = nullptr;
      remove_header(hop.headers, "Content-Type");
    }
    url = next;
    return true;
  }

  HttpClientOptions options_;
  CurlConnectionPool connections_;
};

}  // namespace

std::unique_ptr<HttpClient> make_http_client(const HttpClientOptions& options) {
  return std::make_unique<CurlHttpClient>(options);
}

}  // namespace echo
