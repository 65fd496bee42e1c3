#include "server/api_keys.h"

#include <algorithm>

#include "base/ascii.h"
#include "base/error.h"
#include "base/visible_text.h"

namespace echo::server {
namespace {

std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> parts;
  while (true) {
    const auto comma = list.find(',');
    parts.emplace_back(trimmed(list.substr(0, comma)));
    if (comma == std::string_view::npos) return parts;
    list.remove_prefix(comma + 1);
  }
}

bool has_control_bytes(const std::string& text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

}  // namespace

std::vector<std::string> parse_api_keys(std::string_view list) {
  if (list.empty()) return {};
  std::vector<std::string> keys = split(list);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const std::string which =
        "ECHO_API_KEYS: key " + std::to_string(i + 1) + " of " + std::to_string(keys.size());
    if (keys[i].empty()) throw_invalid(which + " is empty, expected keys with commas between them");
    if (has_control_bytes(keys[i])) {
      throw_invalid(which + " has a line break or another control character");
    }
  }
  return keys;
}

std::vector<std::string> parse_allowed_hosts(std::string_view list) {
  if (trimmed(list).empty()) return {};
  std::vector<std::string> hosts = split(list);
  for (const std::string& host : hosts) {
    const bool good =
        host == "*" ||
        (!host.empty() && host != "." && std::all_of(host.begin(), host.end(), [](char c) {
          return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                 c == '-' || c == '.' || c == '_' || c == ':' || c == '[' || c == ']';
        }));
    if (!good) {
      throw_invalid("ECHO_ALLOWED_HOSTS: found \"" + visible_text(host.substr(0, 100)) +
                    "\", expected names of hosts with commas between them, for instance "
                    "tts.example.org, .example.net, or *");
    }
  }
  return hosts;
}

}  // namespace echo::server
