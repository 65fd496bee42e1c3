#include "text/characters.h"

#include <utf8proc.h>

#include <algorithm>

namespace echo {
namespace {

constexpr size_t kLongestGrapheme = 64;

utf8proc_category_t category(char32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}

}  // namespace

bool is_other_letter(char32_t c) {
  if (c > 0x10FFFF) return false;
  const utf8proc_category_t kind = category(c);
  return kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LO;
}

bool is_other_upper(char32_t c) {
  if (c > 0x10FFFF) return false;
  return category(c) == UTF8PROC_CATEGORY_LU || category(c) == UTF8PROC_CATEGORY_LT;
}

bool is_other_lower(char32_t c) {
  return c <= 0x10FFFF && category(c) == UTF8PROC_CATEGORY_LL;
}

bool is_combining(char32_t c) {
  if (c < 0x300 || c > 0x10FFFF) return false;
  const utf8proc_category_t kind = category(c);
  return kind == UTF8PROC_CATEGORY_MN || kind == UTF8PROC_CATEGORY_MC ||
         kind == UTF8PROC_CATEGORY_ME;
}

bool is_cjk(char32_t c) {
  return (c >= 0x3040 && c <= 0x30FF) || (c >= 0x3400 && c <= 0x9FFF) ||
         (c >= 0xAC00 && c <= 0xD7A3) || (c >= 0xF900 && c <= 0xFAFF) ||
         (c >= 0x20000 && c <= 0x3FFFF) || c == 0x3005;
}

bool is_thai(char32_t c) { return c >= 0x0E00 && c <= 0x0E7F; }

bool is_caseless_letter(char32_t c) {
  return c >= 0x2BB && c <= 0x10FFFF && category(c) == UTF8PROC_CATEGORY_LO;
}

char32_t lower_case(char32_t c) {
  if (c < 128) return c >= U'A' && c <= U'Z' ? c + 32 : c;
  return c > 0x10FFFF ? c : static_cast<char32_t>(utf8proc_tolower(static_cast<int32_t>(c)));
}

char32_t upper_case(char32_t c) {
  if (c < 128) return c >= U'a' && c <= U'z' ? c - 32 : c;
  return c > 0x10FFFF ? c : static_cast<char32_t>(utf8proc_toupper(static_cast<int32_t>(c)));
}

std::u32string lower_case(std::u32string_view text) {
  std::u32string result(text);
  for (char32_t& c : result) c = lower_case(c);
  return result;
}

std::string ascii_of(std::u32string_view text) {
  std::string result;
  result.reserve(text.size());
  for (const char32_t c : text) result.push_back(c < 128 ? static_cast<char>(c) : '?');
  return result;
}

std::u32string wide(std::string_view ascii) { return {ascii.begin(), ascii.end()}; }

size_t grapheme_end(std::u32string_view text, size_t at) {
  const size_t limit = std::min(text.size(), at + kLongestGrapheme);
  size_t end = at + 1;
  utf8proc_int32_t state = 0;
  while (end < limit && text[end - 1] <= 0x10FFFF && text[end] <= 0x10FFFF) {
    // Two characters of ASCII are one grapheme only as a line's end.
    if (text[end - 1] < 128 && text[end] < 128 && text[end - 1] != U'\r') break;
    if (utf8proc_grapheme_break_stateful(static_cast<utf8proc_int32_t>(text[end - 1]),
                                         static_cast<utf8proc_int32_t>(text[end]), &state)) {
      break;
    }
    ++end;
  }
  return end;
}

}  // namespace echo
