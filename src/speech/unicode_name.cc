#include "speech/unicode_name.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "base/error.h"
#include "base/utf8.h"

namespace echo {

namespace fs = std::filesystem;

namespace {

constexpr size_t kLongestVoiceName = 64;        // code points
constexpr size_t kLongestVoiceNameBytes = 240;  // a file's name has 255, with its suffix

std::string mapped(std::string_view text, int options) {
  utf8proc_uint8_t* result = nullptr;
  const utf8proc_ssize_t size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(text.size()), &result,
                   static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE | options));
  const std::unique_ptr<utf8proc_uint8_t, void (*)(void*)> owner(result, std::free);
  if (size < 0) return std::string(text);
  return {reinterpret_cast<const char*>(result), static_cast<size_t>(size)};
}

bool fits_voice_name(char32_t c) {
  if (c < 0x80) {
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == ' ' ||
           c == '_' || c == '.' || c == '-';
  }
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ND:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::string composed(std::string_view text) { return mapped(text, 0); }

std::string folded(std::string_view text) { return mapped(text, UTF8PROC_CASEFOLD); }

std::string checked_voice_name(std::string_view name) {
  if (find_invalid_utf8(name)) throw_invalid("name: it is not UTF-8");
  const size_t begin = std::min(name.find_first_not_of(' '), name.size());
  name = name.substr(begin, name.find_last_not_of(' ') + 1 - begin);
  // A name of bounded length before it is composed: that takes memory.
  if (name.size() > 4 * kLongestVoiceNameBytes) throw_invalid("name: it is too long");
  std::string whole = composed(name);
  const std::u32string characters = decode_utf8(whole);
  if (characters.empty() || characters.size() > kLongestVoiceName ||
      whole.size() > kLongestVoiceNameBytes) {
    throw_invalid("name: found " + std::to_string(characters.size()) + " characters, " +
                  std::to_string(whole.size()) + " bytes, expected 1 to " +
                  std::to_string(kLongestVoiceName) + " characters of at most " +
                  std::to_string(kLongestVoiceNameBytes) + " bytes");
  }
  if (whole.front() == '.') throw_invalid("name: it begins with a dot");
  const auto bad = std::find_if_not(characters.begin(), characters.end(), fits_voice_name);
  if (bad != characters.end()) {
    char code[16];
    std::snprintf(code, sizeof code, "U+%04X", static_cast<unsigned>(*bad));
    throw_invalid("name: found the character " + std::string(code) +
                  ", expected letters, digits, spaces and _ . - only");
  }
  return whole;
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
