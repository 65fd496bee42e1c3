#include "base/utf8.h"

#include <cstdint>

#include "base/error.h"

namespace echo {
namespace {

// One decoded sequence; length 0 means that the bytes are not well-formed.
struct Sequence {
  char32_t code_point;
  size_t length;
};

Sequence decode_one(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return {first, 1};
  size_t length = 0;
  char32_t code_point = 0;
  char32_t smallest = 0;  // anything below would be an overlong form
  if (first >= 0xC0 && first < 0xE0) {
    length = 2, code_point = first & 0x1F, smallest = 0x80;
  } else if (first >= 0xE0 && first < 0xF0) {
    length = 3, code_point = first & 0x0F, smallest = 0x800;
  } else if (first >= 0xF0 && first < 0xF8) {
    length = 4, code_point = first & 0x07, smallest = 0x10000;
  }
  if (length == 0 || length > text.size()) return {0, 0};
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {0, 0};
    code_point = code_point << 6 | (byte(i) & 0x3F);
  }
  const bool surrogate = code_point >= 0xD800 && code_point < 0xE000;
  if (code_point < smallest || code_point > 0x10FFFF || surrogate) return {0, 0};
  return {code_point, length};
}

}  // namespace

std::optional<size_t> find_invalid_utf8(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const Sequence sequence = decode_one(text.substr(at));
    if (sequence.length == 0) return at;
    at += sequence.length;
  }
  return std::nullopt;
}

size_t count_code_points(std::string_view text) {
  size_t count = 0;
  for (const char c : text) count += (static_cast<uint8_t>(c) & 0xC0) != 0x80;
  return count;
}

std::u32string decode_utf8(std::string_view text) {
  std::u32string code_points;
  code_points.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const Sequence sequence = decode_one(text.substr(at));
    if (sequence.length == 0) {
      throw_invalid("text: byte " + std::to_string(at) + " of " + std::to_string(text.size()) +
                    " does not begin a well-formed UTF-8 sequence");
    }
    code_points.push_back(sequence.code_point);
    at += sequence.length;
  }
  return code_points;
}

std::string encode_utf8(std::u32string_view code_points) {
  std::string text;
  text.reserve(code_points.size());
  const auto put = [&](char32_t byte) { text.push_back(static_cast<char>(byte)); };
  for (const char32_t c : code_points) {
    if (c < 0x80) {
      put(c);
      continue;
    }
    if (c < 0x800) {
      put(0xC0 | c >> 6);
    } else if (c < 0x10000) {
      put(0xE0 | c >> 12);
      put(0x80 | (c >> 6 & 0x3F));
    } else {
      put(0xF0 | c >> 18);
      put(0x80 | (c >> 12 & 0x3F));
      put(0x80 | (c >> 6 & 0x3F));
    }
    put(0x80 | (c & 0x3F));
  }
  return text;
}

bool is_white_space(char32_t c) {
  if (c < 0x80) return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

}  // namespace echo
