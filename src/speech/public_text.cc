#include "speech/public_text.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/utf8.h"

namespace echo {
namespace {

bool is_control(char32_t c) { return c < 0x20 || (c >= 0x7F && c < 0xA0); }

// Turns what is not well-formed into '?', byte by byte.
std::string well_formed(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const size_t bad = find_invalid_utf8(text).value_or(text.size());
    result += text.substr(0, bad);
    if (bad == text.size()) break;
    result += '?';
    text.remove_prefix(bad + 1);
  }
  return result;
}

std::string one_line(std::string_view text, size_t limit) {
  // A code point has at most four bytes: no need to look at more of a long text.
  const bool cut = text.size() > 4 * limit;
  std::u32string points = decode_utf8(well_formed(text.substr(0, 4 * limit)));
  std::replace_if(points.begin(), points.end(), is_control, U'?');
  if (points.size() <= limit && !cut) return encode_utf8(points);
  points.resize(std::min(points.size(), limit));
  return encode_utf8(points) + "...";
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
}

bool ends_path(char c) {
  return static_cast<unsigned char>(c) <= 0x20 ||
         std::string_view("\"'`<>()[]{},;:|").find(c) != std::string_view::npos;
}

// "/a/b/c.wav" becomes "c.wav". A path begins where a word begins, so that "chunk 2/5" and the
// path of an address stay.
std::string hide_directories(const std::string& text) {
  std::string result;
  for (size_t i = 0; i < text.size();) {
    const bool begins = text[i] == '/' && (i == 0 || ends_path(text[i - 1]) || text[i - 1] == '=');
    const bool address = i > 0 && text[i] == '/' && text[i - 1] == ':' && i + 1 < text.size() &&
                         text[i + 1] == '/';  // https://
    if (!begins || address) {
      result += text[i++];
      if (address) result += text[i++];
      continue;
    }
    size_t end = i;
    while (end < text.size() && !ends_path(text[end])) ++end;
    const std::string_view path(text.data() + i, end - i);
    const size_t slash = path.find_last_of('/', path.size() > 1 ? path.size() - 2 : 0);
    result += path.size() > 1 ? path.substr(slash + 1) : path;
    i = end;
  }
  return result;
}

// Drops what follows the '?' of an address: signatures stand there.
std::string hide_queries(std::string text) {
  for (size_t at = 0; (at = text.find("://", at)) != std::string::npos; at += 3) {
    const size_t end = std::min(text.find_first_of(" \t\r\n\"'<>", at), text.size());
    const size_t query = text.find('?', at);
    if (query < end) text.erase(query, end - query);
  }
  return text;
}

}  // namespace

std::string in_quotes(std::string_view value, size_t limit) {
  return '"' + one_line(value, limit) + '"';
}

bool hides_directories(std::string_view path) {
  return path.starts_with('/') && std::none_of(path.begin(), path.end(), ends_path);
}

std::string public_text(std::string_view message, std::span<const std::string> secrets,
                        size_t limit) {
  std::string text(message);
  // The longest first: one secret may hold another.
  std::vector<std::string_view> longest_first(secrets.begin(), secrets.end());
  std::sort(longest_first.begin(), longest_first.end(),
            [](std::string_view a, std::string_view b) { return a.size() > b.size(); });
  for (const std::string_view secret : longest_first) {
    if (secret.size() >= kShortestSecret) replace_all(text, secret, "[hidden]");
  }
  return one_line(hide_directories(hide_queries(text)), limit);
}

}  // namespace echo
