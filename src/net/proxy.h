// Which requests go through a proxy, and through which one.
#pragma once

#include <string>
#include <string_view>

#include "net/url.h"

namespace echo {

// Addresses of proxies: "http://[user:password@]host:port", the same with https, socks4, socks4a,
// socks5 or socks5h, or "host:port" for http.
struct ProxyOptions {
  std::string http;   // for http:// addresses; empty: none
  std::string https;  // for https:// addresses; empty: none
  // Whoever is reached without one, separated by commas or blanks: names with all that lie below
  // them, addresses, ranges (10.0.0.0/8), each with a port if only that one is meant; "*": all.
  std::string exceptions;
};

// The proxy for a request to that address; empty: none. This machine itself is never asked of one.
std::string proxy_for(const ProxyOptions& options, const Url& url);

// Throws kInvalidArgument, naming `variable` and never the password, if that is not a proxy's
// address.
void check_proxy(const std::string& variable, std::string_view proxy);

// "scheme://host:port", without user name and password.
std::string proxy_for_display(std::string_view proxy);

}  // namespace echo
