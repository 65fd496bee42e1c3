#include "net/hub_options.h"

#include <charconv>
#include <string_view>

#include "base/ascii.h"
#include "base/error.h"
#include "base/file_io.h"

namespace echo {
namespace {

namespace fs = std::filesystem;

bool is_true(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return text == "1" || text == "ON" || text == "YES" || text == "TRUE";
}

fs::path expanded(const std::string& path, const std::string& home) {
  if (path == "~" || path.starts_with("~/")) return home + path.substr(1);
  return path;
}

fs::path hf_home(const HubVariables& variables) {
  if (!variables.hf_home.empty()) return expanded(variables.hf_home, variables.home);
  const fs::path base = variables.xdg_cache_home.empty()
                            ? fs::path(variables.home) / ".cache"
                            : expanded(variables.xdg_cache_home, variables.home);
  return base / "huggingface";
}

std::string token_of(const HubVariables& variables, const fs::path& home) {
  if (const std::string_view token = trimmed(variables.hf_token); !token.empty()) {
    return std::string(token);
  }
  const fs::path path = variables.hf_token_path.empty()
                            ? home / "token"
                            : expanded(variables.hf_token_path, variables.home);
  std::error_code error;
  return fs::is_regular_file(path, error) ? std::string(trimmed(read_file(path))) : "";
}

std::chrono::milliseconds seconds_of(const std::string& text) {
  int seconds = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, seconds);
  if (error != std::errc() || stopped != end || seconds < 1 || seconds > 86'400) {
    throw_invalid("HF_HUB_DOWNLOAD_TIMEOUT is \"" + text.substr(0, 40) +
                  "\", expected a number of seconds from 1 to 86400");
  }
  return std::chrono::seconds(seconds);
}

}  // namespace

HubOptions hub_options(const HubVariables& variables) {
  HubOptions options;
  const fs::path home = hf_home(variables);
  if (!variables.hf_endpoint.empty()) options.endpoint = variables.hf_endpoint;
  options.token = token_of(variables, home);
  options.cache = variables.hf_hub_cache.empty() ? home / "hub"
                                                 : expanded(variables.hf_hub_cache, variables.home);
  options.offline = is_true(std::string(trimmed(variables.hf_hub_offline)));
  if (const std::string timeout(trimmed(variables.hf_hub_download_timeout)); !timeout.empty()) {
    options.download_timeout = seconds_of(timeout);
  }
  return options;
}

}  // namespace echo
