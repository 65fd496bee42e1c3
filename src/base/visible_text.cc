#include "base/visible_text.h"

#include <cstdint>
#include <cstdio>

namespace echo {
namespace {

bool is_obeyed(char32_t c) {
  const bool control = c < 0x20 || (c >= 0x7F && c < 0xA0);
  const bool direction = c == 0x200E || c == 0x200F || c == 0x061C ||
                         (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
  return control || direction || c == 0x2028 || c == 0x2029;
}

}  // namespace

char32_t next_code_point(std::string_view text, size_t& position) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(position);
  size_t length = 1;
  char32_t value = first;
  if (first >= 0xF0 && first <= 0xF4) {
    length = 4;
    value = first & 0x07;
  } else if (first >= 0xE0) {
    length = 3;
    value = first & 0x0F;
  } else if (first >= 0xC2) {
    length = 2;
    value = first & 0x1F;
  }
  if ((first >= 0x80 && first < 0xC2) || first > 0xF4 || position + length > text.size()) {
    ++position;
    return kReplacementCharacter;
  }
  for (size_t i = 1; i < length; ++i) {
    if ((byte(position + i) & 0xC0) != 0x80) {
      ++position;
      return kReplacementCharacter;
    }
    value = (value << 6) | (byte(position + i) & 0x3F);
  }
  const bool overlong = (length == 3 && value < 0x800) || (length == 4 && value < 0x10000);
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (overlong || surrogate || value > 0x10FFFF) {
    ++position;
    return kReplacementCharacter;
  }
  position += length;
  return value;
}

// The short escape that JSON and terminals share, or 0.
char short_escape(char32_t c) {
  switch (c) {
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    case '\b':
      return 'b';
    case '\f':
      return 'f';
    default:
      return 0;
  }
}

std::string visible_text(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const size_t begin = i;
    const char32_t c = next_code_point(text, i);
    if (const char letter = short_escape(c)) {
      out += '\\';
      out += letter;
    } else if (is_obeyed(c)) {
      char escape[16];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      out += escape;
    } else if (c == kReplacementCharacter) {
      out += "\xEF\xBF\xBD";
    } else {
      out += text.substr(begin, i - begin);
    }
  }
  return out;
}

}  // namespace echo
