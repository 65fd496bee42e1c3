#include "net/proxy.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>

#include "base/ascii.h"
#include "base/error.h"

namespace echo {
namespace {

constexpr std::string_view kSchemes[] = {"http", "https", "socks4", "socks4a", "socks5", "socks5h"};

std::string_view without_brackets(std::string_view host) {
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    return host.substr(1, host.size() - 2);
  }
  return host;
}

// An address of either kind, as 16 bytes; those of IPv4 lie in the range that IPv6 has for them.
using Address = std::array<std::uint8_t, 16>;
constexpr int kBitsBeforeIp4 = 96;

struct ParsedAddress {
  Address bytes{};
  bool ip4 = false;
};

std::optional<ParsedAddress> parse_address(std::string_view text) {
  const std::string plain(without_brackets(text));
  ParsedAddress parsed;
  in_addr v4{};
  if (::inet_pton(AF_INET, plain.c_str(), &v4) == 1) {
    parsed.ip4 = true;
    parsed.bytes[10] = parsed.bytes[11] = 0xff;
    std::copy_n(reinterpret_cast<const std::uint8_t*>(&v4), 4, parsed.bytes.begin() + 12);
    return parsed;
  }
  if (::inet_pton(AF_INET6, plain.c_str(), parsed.bytes.data()) == 1) return parsed;
  return std::nullopt;
}

bool same_bits(const Address& a, const Address& b, int bits) {
  for (std::size_t i = 0; bits > 0; ++i, bits -= 8) {
    const int mask = bits >= 8 ? 0xff : 0xff << (8 - bits) & 0xff;
    if ((a[i] & mask) != (b[i] & mask)) return false;
  }
  return true;
}

std::optional<int> number(std::string_view text, int most) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0 || value > most) {
    return std::nullopt;
  }
  return value;
}

bool is_this_machine(const std::string& host) {
  if (host == "localhost" || host.ends_with(".localhost")) return true;
  const auto address = parse_address(host);
  if (!address) return false;
  if (address->bytes[10] == 0xff && address->bytes[12] == 127) return true;
  Address one{};
  one[15] = 1;
  return address->bytes == one;
}

bool is_in_range(const ParsedAddress& host, std::string_view range) {
  const auto slash = range.find('/');
  const auto network = parse_address(range.substr(0, slash));
  if (!network) return false;
  const int whole = network->ip4 ? 32 : 128;
  const auto bits =
      slash == std::string_view::npos ? whole : number(range.substr(slash + 1), whole);
  return bits && same_bits(host.bytes, network->bytes, *bits + (network->ip4 ? kBitsBeforeIp4 : 0));
}

bool matches(std::string entry, const Url& url) {
  if (entry == "*") return true;
  // A port follows the last colon, unless that one is part of an IPv6 address.
  const auto colon = entry.rfind(':');
  if (colon != std::string::npos &&
      (entry.find(':') == colon || (entry.front() == '[' && entry[colon - 1] == ']'))) {
    const auto port = number(std::string_view(entry).substr(colon + 1), 65535);
    if (!port || *port != url.port) return false;
    entry.resize(colon);
  }
  if (const auto address = parse_address(url.host)) return is_in_range(*address, entry);
  if (entry.starts_with("*.")) entry.erase(0, 1);
  if (entry.starts_with(".")) entry.erase(0, 1);
  if (entry.empty()) return false;
  std::string_view host = url.host;
  if (host.ends_with(".")) host.remove_suffix(1);
  if (!host.ends_with(entry)) return false;
  return host.size() == entry.size() || host[host.size() - entry.size() - 1] == '.';
}

struct ProxyParts {
  std::string scheme = "http";
  std::string authority;  // host and port
};

ProxyParts parts_of(std::string_view proxy) {
  ProxyParts parts;
  if (const auto mark = proxy.find("://"); mark != std::string_view::npos) {
    parts.scheme = lower(proxy.substr(0, mark));
    proxy.remove_prefix(mark + 3);
  }
  proxy = proxy.substr(0, proxy.find_first_of("/?#"));
  if (const auto at = proxy.rfind('@'); at != std::string_view::npos) proxy.remove_prefix(at + 1);
  parts.authority = std::string(proxy);
  return parts;
}

}  // namespace

std::string proxy_for(const ProxyOptions& options, const Url& url) {
  const std::string& proxy = url.scheme == "https" ? options.https : options.http;
  if (proxy.empty() || is_this_machine(url.host)) return "";
  constexpr std::string_view kBetween = ", \t";
  const std::string exceptions = lower(options.exceptions);
  for (std::size_t at = 0;
       (at = exceptions.find_first_not_of(kBetween, at)) != std::string::npos;) {
    const auto end = std::min(exceptions.find_first_of(kBetween, at), exceptions.size());
    if (matches(exceptions.substr(at, end - at), url)) return "";
    at = end;
  }
  return proxy;
}

void check_proxy(const std::string& variable, std::string_view proxy) {
  const ProxyParts parts = parts_of(proxy);
  if (std::find(std::begin(kSchemes), std::end(kSchemes), parts.scheme) == std::end(kSchemes)) {
    throw_invalid(variable + ": found a proxy's address that begins with \"" +
                  percent_encode_illegal(parts.scheme.substr(0, 20)) +
                  "://\", expected http, https, socks4, socks4a, socks5 or socks5h");
  }
  try {
    parse_url("http://" + parts.authority);
  } catch (const Error&) {
    throw_invalid(variable + ": found \"" + percent_encode_illegal(parts.authority.substr(0, 100)) +
                  "\" as the host and port of a proxy, expected for instance "
                  "http://proxy.example:3128");
  }
}

std::string proxy_for_display(std::string_view proxy) {
  const ProxyParts parts = parts_of(proxy);
  return parts.scheme + "://" + parts.authority;
}

}  // namespace echo
