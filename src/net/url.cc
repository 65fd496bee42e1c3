#include "net/url.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "base/ascii.h"
#include "base/error.h"

namespace echo {
namespace {

constexpr std::string_view kHex = "0123456789ABCDEF";

bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_unreserved(char c) {
  return is_alpha(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}
bool is_legal(char c) { return c > 0x20 && c < 0x7f && c != '"' && c != '<' && c != '>'; }

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

void append_encoded(std::string& out, char c) {
  const auto byte = static_cast<unsigned char>(c);
  out += '%';
  out += kHex[byte >> 4];
  out += kHex[byte & 15];
}

int default_port(std::string_view scheme) { return scheme == "https" ? 443 : 80; }

[[noreturn]] void refuse(std::string_view text, const std::string& why) {
  throw_invalid("address \"" + percent_encode_illegal(url_for_display(text)) + "\": " + why);
}

int parse_port(std::string_view text, std::string_view whole) {
  int port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port < 1 || port > 65535) {
    refuse(whole, "the port is not a number from 1 to 65535");
  }
  return port;
}

bool is_host(std::string_view host) {
  if (host.empty() || host.size() > 255) return false;
  if (host.front() == '[') {
    return host.size() > 3 && host.back() == ']' &&
           std::all_of(host.begin() + 1, host.end() - 1,
                       [](char c) { return hex_value(c) >= 0 || c == ':' || c == '.'; });
  }
  return std::all_of(host.begin(), host.end(), is_unreserved);
}

// RFC 3986 §5.2.4 for a path that begins with '/'.
std::string remove_dot_segments(std::string_view path) {
  std::vector<std::string_view> kept;
  std::string_view rest = path.substr(1);
  bool ends_in_slash = false;
  while (true) {
    const auto slash = rest.find('/');
    const std::string_view segment = rest.substr(0, slash);
    const bool last = slash == std::string_view::npos;
    ends_in_slash = false;
    if (segment == "..") {
      if (!kept.empty()) kept.pop_back();
      ends_in_slash = true;
    } else if (segment == ".") {
      ends_in_slash = true;
    } else {
      kept.push_back(segment);
    }
    if (last) break;
    rest.remove_prefix(slash + 1);
  }
  std::string out;
  for (const auto segment : kept) out.append("/").append(segment);
  if (ends_in_slash || out.empty()) out += '/';
  return out;
}

}  // namespace

std::string Url::target() const { return has_query ? path + "?" + query : path; }

std::string Url::authority() const {
  return port == default_port(scheme) ? host : host + ":" + std::to_string(port);
}

std::string Url::origin() const { return scheme + "://" + authority(); }

Url parse_url(std::string_view text) {
  if (!std::all_of(text.begin(), text.end(), is_legal)) {
    refuse(text, "has a byte that must be percent-encoded");
  }
  const auto colon = text.find("://");
  if (colon == std::string_view::npos) refuse(text, "does not begin with http:// or https://");
  Url url;
  url.scheme = lower(text.substr(0, colon));
  if (url.scheme != "http" && url.scheme != "https") {
    refuse(text, "does not begin with http:// or https://");
  }
  std::string_view rest = text.substr(colon + 3);
  rest = rest.substr(0, rest.find('#'));
  const auto host_end = rest.find_first_of("/?");
  std::string_view authority = rest.substr(0, host_end);
  rest = host_end == std::string_view::npos ? std::string_view() : rest.substr(host_end);
  if (authority.find('@') != std::string_view::npos) {
    throw_invalid("an address must not hold a user name or password");
  }

  url.port = default_port(url.scheme);
  const auto bracket = authority.rfind(']');
  const auto port_at = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (port_at != std::string_view::npos) {
    if (port_at + 1 < authority.size()) url.port = parse_port(authority.substr(port_at + 1), text);
    authority = authority.substr(0, port_at);
  }
  url.host = lower(authority);
  if (!is_host(url.host)) refuse(text, "has no valid host name");

  const auto question = rest.find('?');
  url.path = std::string(rest.substr(0, question));
  if (url.path.empty()) url.path = "/";
  if (question != std::string_view::npos) {
    url.has_query = true;
    url.query = std::string(rest.substr(question + 1));
  }
  return url;
}

Url resolve_url(const Url& base, std::string_view reference) {
  const std::string encoded = percent_encode_illegal(reference);
  std::string_view text = encoded;
  text = text.substr(0, text.find('#'));
  const auto colon = text.find(':');
  if (colon != std::string_view::npos && colon < text.find_first_of("/?")) return parse_url(text);
  if (text.starts_with("//")) return parse_url(base.scheme + ":" + std::string(text));

  Url url = base;
  if (text.empty()) return url;
  const auto question = text.find('?');
  const std::string_view path = text.substr(0, question);
  url.has_query = question != std::string_view::npos;
  url.query = url.has_query ? std::string(text.substr(question + 1)) : std::string();
  if (path.starts_with("/")) {
    url.path = remove_dot_segments(path);
  } else if (!path.empty()) {
    url.path =
        remove_dot_segments(base.path.substr(0, base.path.rfind('/') + 1) + std::string(path));
  }
  return url;
}

std::string percent_encode(std::string_view text, std::string_view keep) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (is_unreserved(c) || keep.find(c) != std::string_view::npos) {
      out += c;
    } else {
      append_encoded(out, c);
    }
  }
  return out;
}

std::string percent_encode_illegal(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (is_legal(c)) {
      out += c;
    } else {
      append_encoded(out, c);
    }
  }
  return out;
}

std::string percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 &&
        hex_value(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string unstable_segment(std::string_view path) {
  while (true) {
    const auto slash = path.find('/');
    const std::string_view segment = path.substr(0, slash);
    if (segment.empty()) return "an empty segment";
    if (segment == "." || segment == "..") return "the segment \"" + std::string(segment) + "\"";
    if (slash == std::string_view::npos) return "";
    path.remove_prefix(slash + 1);
  }
}

std::string url_for_display(std::string_view url) {
  return std::string(url.substr(0, url.find_first_of("?#")));
}

}  // namespace echo
