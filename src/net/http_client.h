// Requests to other machines. The class is abstract so that tests can inject faults by wrapping it;
// the real one is made by make_http_client (net/curl_http_client.h).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace echo {

struct HttpHeader {
  std::string name;
  std::string value;
};
using HttpHeaders = std::vector<HttpHeader>;  // sent in this order, with these letters

// The value of the first header of that name, whatever its case.
std::optional<std::string_view> find_header(const HttpHeaders& headers, std::string_view name);

// Why there is no (complete) answer. Peers fail all the time, so these are values.
enum class TransportError {
  kNone,
  kResolve,         // the name of the host is unknown
  kConnect,         // nobody answers at that address, or the TLS handshake breaks off
  kTls,             // the certificate is not acceptable
  kTimeout,         // connect, total, or too slow
  kConnectionLost,  // closed or reset before the answer was complete
  kProtocol,        // what came is not HTTP, or does not decode
  kTooLarge,        // the answer is larger than the caller allows
  kForbiddenHost,   // the host is not public, and public_hosts_only was set
  kProxy,           // the proxy refuses to reach the host
  kRedirect,        // too many redirects, or one that must not be followed
  kCancelled,       // stop was requested
  kSinkStopped,     // the sink returned false
};

// 301, 302, 303, 307, 308.
bool is_redirect(int status);

// "timeout", "connection lost", ...: for messages.
std::string_view transport_error_name(TransportError error);

// Whether the same request may succeed a moment later.
bool is_transient(TransportError error);

struct HttpResponse {
  TransportError error = TransportError::kNone;
  std::string error_text;  // for people; names the host, never a query or a header
  int status = 0;          // of the last answer; set as soon as its first line is there
  HttpHeaders headers;
  std::string body;       // empty if a sink took it
  std::string final_url;  // after redirects
  int redirects = 0;      // that were followed

  bool ok() const { return error == TransportError::kNone && status >= 200 && status < 300; }
  std::optional<std::string_view> header(std::string_view name) const {
    return find_header(headers, name);
  }
};

// Whether the same request may fare better later: a transient transport error, 408, 429, or a 5xx
// that does not say "never".
bool is_transient(const HttpResponse& response);

// Who gave the answer, or failed to: "https://host", after redirects "https://other (redirect 1 of
// https://host)". For messages; `asked` is the address of the request.
std::string answering_host(std::string_view asked, const HttpResponse& response);

// What the peer asks for in Retry-After, in whole seconds; zero if it does not.
std::chrono::milliseconds retry_after(const HttpResponse& response);

// Zero: no limit.
struct HttpTimeouts {
  std::chrono::milliseconds connect{10'000};
  std::chrono::milliseconds total{600'000};  // the whole call, redirects included
  // Gives up when fewer than min_bytes move, in both directions together, within slow_window.
  std::uint64_t min_bytes = 1;
  std::chrono::milliseconds slow_window{0};
};

// Fills `to` from `offset` of the body and returns how many bytes, 0 only at the end. May be asked
// again for bytes it gave before, when a request is repeated on another connection.
using BodySource = std::function<std::size_t(std::uint64_t offset, std::span<char> to)>;

// Takes the decoded bytes of a 2xx answer as they come; `head` has its status and headers.
// Returning false ends the transfer with kSinkStopped. Other answers go to HttpResponse::body.
using BodySink = std::function<bool(const HttpResponse& head, std::string_view bytes)>;

struct HttpRequest {
  std::string method = "GET";
  std::string url;      // its bytes are sent as they are: '+' stays '+'
  HttpHeaders headers;  // User-Agent included; only Host and Content-Length are added
  std::string body;
  BodySource body_source;  // instead of body; body_source_size says how much there is
  std::uint64_t body_source_size = 0;
  BodySink sink;
  HttpTimeouts timeouts;
  std::size_t max_body = std::size_t{16} << 20;  // bytes after decoding, where no sink takes them
  int max_redirects = 10;                        // 0: a redirect is handed back as the answer it is
  bool accept_compressed = true;                 // asks for gzip and deflate, and decodes them
  // Refuses to connect to anything private, redirects included. Through a proxy, the name is looked
  // up here, and the proxy is told the address.
  bool public_hosts_only = false;
  std::stop_token stop;
  // For answers that hand over something which must not get lost: a stop request that finds the
  // answer already begun lets it come to its end. Otherwise the connection is closed in our
  // direction, and an answer that the peer sent before it noticed is still taken, for a second.
  bool finish_started_answer = false;
};

class HttpClient {
 public:
  virtual ~HttpClient() = default;

  // Sends the request and waits for the answer; an HTTP error status is an answer. Throws
  // kInvalidArgument only for a request that cannot be sent (bad address, line breaks in a header).
  // Authorization and Cookie never follow a redirect to another origin, and a redirect from https
  // to http is refused. A request that meets a kept connection which the peer has closed is sent
  // again on a fresh one, if not a byte of an answer had come.
  // Threads: any number of calls at once; sinks and sources run on the caller's thread.
  virtual HttpResponse perform(const HttpRequest& request) = 0;
};

}  // namespace echo
