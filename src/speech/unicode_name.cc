#include "speech/unicode_name.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

namespace echo {

namespace fs = std::filesystem;

std::string composed(std::string_view text) {
  utf8proc_uint8_t* result = nullptr;
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);
  const utf8proc_ssize_t size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(text.size()), &result, options);
  const std::unique_ptr<utf8proc_uint8_t, void (*)(void*)> owner(result, std::free);
  if (size < 0) return std::string(text);
  return {reinterpret_cast<const char*>(result), static_cast<size_t>(size)};
}

std::optional<std::string> find_equal_name(const fs::path& folder, const std::string& name) {
  if (std::all_of(name.begin(), name.end(), [](char c) { return (c & 0x80) == 0; })) return {};
  fs::path found;
  for (const fs::path& part : fs::path(name)) {
    std::error_code error;
    if (fs::exists(fs::symlink_status(folder / found / part, error))) {
      found /= part;
      continue;
    }
    const std::string wanted = composed(part.string());
    std::string best;
    for (fs::directory_iterator it(folder / found, error), end; !error && it != end;
         it.increment(error)) {
      std::string other = it->path().filename().string();
      if (composed(other) == wanted && (best.empty() || other < best)) best = std::move(other);
    }
    if (best.empty()) return {};
    found /= best;
  }
  return found.string();
}

}  // namespace echo
