#include "net/http_client.h"

#include <algorithm>
#include <charconv>

#include "base/ascii.h"
#include "net/url.h"

namespace echo {
namespace {

bool same_name(std::string_view a, std::string_view b) { return lower(a) == lower(b); }

}  // namespace

std::optional<std::string_view> find_header(const HttpHeaders& headers, std::string_view name) {
  for (const HttpHeader& header : headers) {
    if (same_name(header.name, name)) return header.value;
  }
  return std::nullopt;
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

std::string_view transport_error_name(TransportError error) {
  switch (error) {
    case TransportError::kNone:
      return "none";
    case TransportError::kResolve:
      return "host name not found";
    case TransportError::kConnect:
      return "cannot connect";
    case TransportError::kTls:
      return "certificate refused";
    case TransportError::kTimeout:
      return "timeout";
    case TransportError::kConnectionLost:
      return "connection lost";
    case TransportError::kProtocol:
      return "malformed answer";
    case TransportError::kTooLarge:
      return "answer too large";
    case TransportError::kForbiddenHost:
      return "host not allowed";
    case TransportError::kProxy:
      return "refused by the proxy";
    case TransportError::kRedirect:
      return "bad redirect";
    case TransportError::kCancelled:
      return "cancelled";
    case TransportError::kSinkStopped:
      return "stopped by the receiver";
  }
  return "unknown";
}

bool is_transient(TransportError error) {
  switch (error) {
    case TransportError::kResolve:
    case TransportError::kConnect:
    case TransportError::kTimeout:
    case TransportError::kConnectionLost:
    case TransportError::kProtocol:
      return true;
    default:
      return false;
  }
}

bool is_transient(const HttpResponse& response) {
  if (response.error != TransportError::kNone) return is_transient(response.error);
  if (response.status == 408 || response.status == 429) return true;
  return response.status >= 500 && response.status != 501 && response.status != 505;
}

std::string answering_host(std::string_view asked, const HttpResponse& response) {
  const std::string first = parse_url(asked).origin();
  if (response.redirects == 0 || response.final_url.empty()) return first;
  return parse_url(response.final_url).origin() + " (redirect " +
         std::to_string(response.redirects) + " of " + first + ")";
}

std::chrono::milliseconds retry_after(const HttpResponse& response) {
  const auto value = response.header("Retry-After");
  int seconds = 0;
  if (!value) return {};
  const char* end = value->data() + value->size();
  const auto [stopped, error] = std::from_chars(value->data(), end, seconds);
  if (error != std::errc() || stopped != end || seconds < 0) return {};
  return std::chrono::seconds(std::min(seconds, 3600));
}

}  // namespace echo
