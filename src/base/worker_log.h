// The two line formats of a queue worker's log: JSON for the platform, padded text elsewhere.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace echo {

enum class LogLevel { kNotSet, kTrace, kDebug, kInfo, kWarn, kError };

// "NOTSET", "TRACE", "DEBUG", "INFO", "WARN", "ERROR".
std::string_view log_level_name(LogLevel level);

// The level of that name in any case; nothing for every other text, numerals included.
std::optional<LogLevel> parse_log_level(std::string_view name);

// What a line belongs to; an empty field is left out.
struct LogScope {
  std::string job_id;
  std::string batch_id;
};

// Longer messages lose their middle: characters (code points) kept at each end, and the limit.
inline constexpr size_t kLogMessageLimit = 4096;
inline constexpr size_t kLogMessageEnd = 2048;

// The message with the batch prefix, and cut as the platform's own workers cut it.
std::string shorten_log_message(std::string_view message, const LogScope& scope);

// {"requestId": "id" or null, "message": "...", "level": "INFO"} in plain ASCII, without newline.
std::string json_log_line(std::string_view level, std::string_view message, const LogScope& scope);

// "INFO   | id | message": level padded to 7 columns, control characters escaped, invalid UTF-8
// replaced, without newline.
std::string text_log_line(std::string_view level, std::string_view message, const LogScope& scope);

}  // namespace echo
