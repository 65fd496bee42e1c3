#include "server/callers.h"

#include <algorithm>

#include "base/ascii.h"
#include "base/digest.h"

namespace echo::server {
namespace {

// "host:port" of "http://host:port"; empty for anything else.
std::string_view authority(std::string_view origin) {
  const size_t scheme = origin.find("://");
  if (scheme == std::string_view::npos) return {};
  origin.remove_prefix(scheme + 3);
  return origin.substr(0, origin.find('/'));
}

// Whether a host is named by its address, or is this machine by name: such a name cannot be made to
// point here by someone else's name server.
bool names_this_machine(std::string_view host) {
  if (host.starts_with('[')) return true;
  host = host.substr(0, host.rfind(':'));
  if (host == "localhost" || host.ends_with(".localhost")) return true;
  return host.find_first_not_of("0123456789.") == std::string_view::npos;
}

// Without its port, in small letters.
std::string host_of(std::string_view authority) {
  const size_t bracket = authority.rfind(']');
  const size_t colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  std::string host = lower(authority.substr(0, colon));
  if (host.ends_with('.')) host.pop_back();
  return host;
}

}  // namespace

bool is_local_address(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

Callers::Callers(const CallerOptions& options)
    : options_(options), cross_origin_(options.cross_origins) {
  for (const std::string& key : options_.keys) {
    if (!key.empty()) key_digests_.push_back(digest(DigestKind::kSha256, key));
  }
}

std::optional<Callers::Refusal> Callers::refusal(const http::Request& head) const {
  if (need_key()) {
    if (has_key(head)) return std::nullopt;
    return Refusal{401, "unauthorized: a valid API key is needed"};
  }
  if (!is_foreign(head)) return std::nullopt;
  if (known_host(head.header("Host").value_or(""))) {
    return Refusal{403, "forbidden: a request from a page of another site"};
  }
  return Refusal{403,
                 "forbidden: the name in the header Host is not one of this server's; "
                 "ECHO_ALLOWED_HOSTS names more, and with an API key every name will do"};
}

bool Callers::has_key(const http::Request& head) const {
  std::string_view key = head.header("Authorization").value_or("");
  if (key.starts_with("Bearer ")) key.remove_prefix(7);
  const std::string given = digest(DigestKind::kSha256, key);
  bool found = false;
  for (const std::string& known : key_digests_) found |= equal_in_constant_time(given, known);
  return found;
}

bool Callers::is_foreign(const http::Request& head) const {
  const std::string_view host = head.header("Host").value_or("");
  const std::string_view known = authority(options_.public_url);
  const auto origin = head.header("Origin");
  if (origin && head.method != "GET") {
    const std::string_view site = authority(*origin);
    const bool same = !site.empty() && (site == host || site == known);
    if (!same && !cross_origin_.allows(*origin)) return true;
  }
  // A browser that names no origin may still say that it asks for a page of elsewhere.
  if (const auto site = head.header("Sec-Fetch-Site"); site && !origin && head.method != "GET") {
    if (*site != "same-origin" && *site != "none") return true;
  }
  return !known_host(host);
}

// An address cannot be made to point here by someone else's name server; any name can.
bool Callers::known_host(std::string_view authority_given) const {
  if (authority_given.empty() || names_this_machine(authority_given)) return true;
  const std::string host = host_of(authority_given);
  if (host == host_of(authority(options_.public_url)) || host == lower(options_.host)) {
    return true;
  }
  return std::any_of(options_.hosts.begin(), options_.hosts.end(), [&](const std::string& allowed) {
    const std::string name = host_of(allowed);
    return name == "*" || name == host ||
           (name.starts_with('.') && (host.ends_with(name) || host == name.substr(1)));
  });
}

std::string Callers::description(int port) const {
  const std::string keys =
      key_digests_.empty() ? "without an API key"
                           : "who has one of " + std::to_string(key_digests_.size()) + " API keys";
  if (is_local_address(options_.host)) return "Open to this machine alone, " + keys;
  std::string line =
      "Open to everybody who reaches " + options_.host + ":" + std::to_string(port) + ", " + keys;
  if (key_digests_.empty()) {
    line += "; set ECHO_API_KEYS unless somebody else asks for one before";
    for (const std::string& allowed : options_.hosts) {
      if (allowed == "*") return line;
    }
    line += "; by addresses";
    for (const std::string& allowed : options_.hosts) line += ", " + allowed;
    if (!options_.public_url.empty()) line += ", " + std::string(authority(options_.public_url));
    line += " and the names of this machine only (ECHO_ALLOWED_HOSTS)";
  }
  return line;
}

}  // namespace echo::server
