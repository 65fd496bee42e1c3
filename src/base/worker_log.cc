#include "base/worker_log.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <cstdio>

namespace echo {
namespace {

constexpr std::array<std::string_view, 6> kNames = {"NOTSET", "TRACE", "DEBUG",
                                                    "INFO",   "WARN",  "ERROR"};
constexpr char32_t kReplacement = 0xFFFD;

// Reads one code point at `position` and moves past it; U+FFFD for one byte that begins no valid
// sequence.
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
    return kReplacement;
  }
  for (size_t i = 1; i < length; ++i) {
    if ((byte(position + i) & 0xC0) != 0x80) {
      ++position;
      return kReplacement;
    }
    value = (value << 6) | (byte(position + i) & 0x3F);
  }
  const bool overlong = (length == 3 && value < 0x800) || (length == 4 && value < 0x10000);
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (overlong || surrogate || value > 0x10FFFF) {
    ++position;
    return kReplacement;
  }
  position += length;
  return value;
}

void append_escape(std::string& out, unsigned value) {
  char buffer[16];
  std::snprintf(buffer, sizeof buffer, "\\u%04x", value);
  out += buffer;
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

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (size_t i = 0; i < text.size();) {
    const char32_t c = next_code_point(text, i);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (const char letter = short_escape(c)) {
      out += '\\';
      out += letter;
    } else if (c < 0x20 || (c >= 0x7F && c < 0x10000)) {
      append_escape(out, c);
    } else if (c >= 0x10000) {
      append_escape(out, 0xD800 + ((c - 0x10000) >> 10));
      append_escape(out, 0xDC00 + ((c - 0x10000) & 0x3FF));
    } else {
      out += static_cast<char>(c);
    }
  }
  out += '"';
}

void append_visible(std::string& out, std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const size_t begin = i;
    const char32_t c = next_code_point(text, i);
    if (const char letter = short_escape(c)) {
      out += '\\';
      out += letter;
    } else if (c < 0x20 || (c >= 0x7F && c < 0xA0)) {
      append_escape(out, c);
    } else if (c == kReplacement) {
      out += "\xEF\xBF\xBD";
    } else {
      out += text.substr(begin, i - begin);
    }
  }
}

}  // namespace

std::string_view log_level_name(LogLevel level) { return kNames[static_cast<size_t>(level)]; }

std::optional<LogLevel> parse_log_level(std::string_view name) {
  std::string upper(name);
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (upper == kNames[i]) return static_cast<LogLevel>(i);
  }
  return std::nullopt;
}

std::string shorten_log_message(std::string_view message, const LogScope& scope) {
  std::string text;
  if (!scope.batch_id.empty()) text = "[batchId=" + scope.batch_id + "] ";
  text += message;
  if (text.size() <= kLogMessageLimit) return text;

  size_t count = 0;
  size_t head_end = 0;  // where character kLogMessageEnd begins
  for (size_t i = 0; i < text.size(); ++count) {
    if (count == kLogMessageEnd) head_end = i;
    next_code_point(text, i);
  }
  if (count <= kLogMessageLimit) return text;
  size_t tail = head_end;
  for (size_t skip = count - 2 * kLogMessageEnd; skip > 0; --skip) next_code_point(text, tail);
  return text.substr(0, head_end) + "\n...TRUNCATED " + std::to_string(count - 2 * kLogMessageEnd) +
         " CHARACTERS...\n" + text.substr(tail);
}

std::string json_log_line(std::string_view level, std::string_view message, const LogScope& scope) {
  std::string line = "{\"requestId\": ";
  if (scope.job_id.empty()) {
    line += "null";
  } else {
    append_json_string(line, scope.job_id);
  }
  line += ", \"message\": ";
  append_json_string(line, shorten_log_message(message, scope));
  line += ", \"level\": ";
  append_json_string(line, level);
  line += '}';
  return line;
}

std::string text_log_line(std::string_view level, std::string_view message, const LogScope& scope) {
  std::string line(level);
  line.resize(std::max<size_t>(7, line.size()), ' ');
  line += "| ";
  if (!scope.job_id.empty()) {
    append_visible(line, scope.job_id);
    line += " | ";
  }
  append_visible(line, shorten_log_message(message, scope));
  return line;
}

}  // namespace echo
