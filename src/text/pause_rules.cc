#include <cmath>
#include <optional>

#include "base/error.h"
#include "text/characters.h"
#include "text/rules.h"

namespace echo {
namespace {

constexpr double kLongestPause = 10;    // seconds
constexpr double kShortestPause = 0.3;  // a shorter one is what a comma is
constexpr double kPlainPause = 0.7;
constexpr size_t kLongestTag = 80;

std::u32string_view trimmed(std::u32string_view text) {
  while (!text.empty() && text.front() == U' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == U' ') text.remove_suffix(1);
  return text;
}

// "1.5s", "500 ms", "2": seconds. Nothing for what is no duration.
std::optional<double> seconds_of(std::u32string_view text) {
  text = trimmed(text);
  size_t digits = 0;
  bool point = false;
  double value = 0, scale = 1;
  size_t at = 0;
  for (; at < text.size(); ++at) {
    if (is_digit(text[at])) {
      value = value * 10 + static_cast<double>(text[at] - U'0');
      if (point) scale *= 10;
      ++digits;
    } else if (text[at] == U'.' && !point) {
      point = true;
    } else {
      break;
    }
  }
  if (digits == 0 || digits > 9) return std::nullopt;
  const std::u32string unit = lower_case(trimmed(text.substr(at)));
  value /= scale;
  if (unit == U"ms" || unit == U"msec" || unit == U"milliseconds") return value / 1000;
  if (unit.empty() || unit == U"s" || unit == U"sec" || unit == U"second" || unit == U"seconds") {
    return value;
  }
  return std::nullopt;
}

bool is_pause_word(std::u32string_view word) {
  return word == U"pause" || word == U"break" || word == U"silence";
}

// What a tag says: its length in seconds, or that it is malformed, or that it is no pause.
struct Pause {
  bool is_pause = false;
  std::optional<double> seconds;
};

Pause read_brackets(std::u32string_view inside) {
  const std::u32string lower = lower_case(trimmed(inside));
  size_t word = 0;
  while (word < lower.size() && is_ascii_letter(lower[word])) ++word;
  if (!is_pause_word(std::u32string_view(lower).substr(0, word))) return {};
  std::u32string_view rest = trimmed(std::u32string_view(lower).substr(word));
  if (rest.empty()) return {true, kPlainPause};
  if (rest[0] == U':' || rest[0] == U'=') {
    rest.remove_prefix(1);
  } else if (!is_digit(rest[0])) {
    // "[pause for effect]" is a remark, not a pause.
    return {};
  }
  return {true, seconds_of(rest)};
}

std::optional<double> strength_seconds(std::u32string_view name) {
  if (name == U"none") return 0;
  if (name == U"x-weak") return 0.1;
  if (name == U"weak") return 0.2;
  if (name == U"medium") return 0.5;
  if (name == U"strong") return 0.8;
  if (name == U"x-strong") return 1.2;
  return std::nullopt;
}

// The value of an attribute in quotes; nothing when it is not there.
std::optional<std::u32string> attribute(std::u32string_view tag, std::u32string_view name) {
  const size_t found = tag.find(name);
  if (found == tag.npos) return std::nullopt;
  size_t at = found + name.size();
  while (at < tag.size() && (tag[at] == U' ' || tag[at] == U'=')) ++at;
  if (at >= tag.size() || !is_one_of(tag[at], U"\"'")) return U"";
  const size_t end = tag.find(tag[at], at + 1);
  return end == tag.npos ? U"" : std::u32string(tag.substr(at + 1, end - at - 1));
}

Pause read_break(std::u32string_view inside) {
  const std::u32string lower = lower_case(inside);
  if (lower.substr(0, 5) != U"break") return {};
  if (lower.size() > 5 && !is_one_of(lower[5], U" /\t\n")) return {};
  if (const auto time = attribute(lower, U"time")) return {true, seconds_of(*time)};
  if (const auto strength = attribute(lower, U"strength")) {
    return {true, strength_seconds(*strength)};
  }
  return {true, 0.5};
}

}  // namespace

void mark_pauses(Draft& draft, Warnings& warnings) {
  const std::u32string& text = draft.text();
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] != U'[' && text[at] != U'<') continue;
    const char32_t closer = text[at] == U'[' ? U']' : U'>';
    size_t end = at + 1;
    while (end < text.size() && end - at < kLongestTag && text[end] != closer &&
           text[end] != text[at]) {
      ++end;
    }
    if (end >= text.size() || text[end] != closer) continue;
    const std::u32string_view inside = std::u32string_view(text).substr(at + 1, end - at - 1);
    const Pause pause = closer == U']' ? read_brackets(inside) : read_break(inside);
    if (!pause.is_pause) continue;
    std::u32string by;
    if (!pause.seconds) {
      warnings.add(
          "a pause could not be read and was left out, expected [pause:1.5s], "
          "[pause 500ms] or <break time=\"1s\"/>");
    } else if (*pause.seconds > kLongestPause) {
      throw_invalid("text: found a pause of " + std::to_string(std::lround(*pause.seconds)) +
                    " s, expected at most 10 s");
    } else if (*pause.seconds >= kShortestPause) {
      by = kPauseMark + static_cast<char32_t>(std::lround(*pause.seconds * 1000));
    } else if (*pause.seconds > 0) {
      by = U", ";
    }
    draft.replace(at, end + 1, by, Rule::kPause);
    at = end;
  }
  draft.commit();
}

}  // namespace echo
