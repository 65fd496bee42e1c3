// Web addresses: taking them apart, joining and percent-encoding them.
#pragma once

#include <string>
#include <string_view>

namespace echo {

// The parts of an http or https address, with the bytes that were given: nothing is decoded or
// encoded again. A fragment is dropped.
struct Url {
  std::string scheme;  // "http" or "https"
  std::string host;    // lower case; an IPv6 address keeps its brackets
  int port = 0;        // the scheme's own if none was given
  std::string path;    // begins with '/'
  std::string query;   // what follows the first '?'
  bool has_query = false;

  // Path and query, as they stand in the first line of a request.
  std::string target() const;
  // "host", or "host:port" where the port is not the scheme's own: the Host header.
  std::string authority() const;
  // "scheme://authority": two addresses with the same origin may share credentials.
  std::string origin() const;
  std::string text() const { return origin() + target(); }
};

// Throws kInvalidArgument if the text is not an absolute http(s) address, holds a user name, or has
// bytes that may not stand in one (spaces, control characters, anything outside ASCII).
Url parse_url(std::string_view text);

// Where a Location header points that came with `base` (RFC 3986 §5.2). Bytes that may not stand in
// an address are percent-encoded. Throws kInvalidArgument as parse_url does.
Url resolve_url(const Url& base, std::string_view reference);

// Every byte but letters, digits, "-._~" and those in `keep` becomes %XX.
std::string percent_encode(std::string_view text, std::string_view keep = {});

// Only what may not stand in an address becomes %XX: "job 1/é" -> "job%201/%C3%A9".
std::string percent_encode_illegal(std::string_view text);

// %XX becomes a byte; a '%' without two hex digits stays as it is.
std::string percent_decode(std::string_view text);

// What of a path a client takes out before it asks for it: "an empty segment" or "the segment
// ".."".
// "" if it will ask for the very path. A slash at the beginning or the end makes an empty segment.
std::string unstable_segment(std::string_view path);

// The address without its query, for logs and errors: queries hold signatures.
std::string url_for_display(std::string_view url);

}  // namespace echo
