#include "base/worker_log.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <cstdio>

#include "base/visible_text.h"

namespace echo {
namespace {

constexpr std::array<std::string_view, 6> kNames = {"NOTSET", "TRACE", "DEBUG",
                                                    "INFO",   "WARN",  "ERROR"};
void append_escape(std::string& out, unsigned value) {
  char buffer[16];
  std::snprintf(buffer, sizeof buffer, "\\u%04x", value);
  out += buffer;
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
    line += visible_text(scope.job_id);
    line += " | ";
  }
  line += visible_text(shorten_log_message(message, scope));
  return line;
}

}  // namespace echo
