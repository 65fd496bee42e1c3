#include "text/chunk.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/utf8.h"
#include "text/text_options.h"

namespace echo {
namespace {

constexpr std::u32string_view kSentenceEnds = U".!?";
constexpr std::u32string_view kClauseEnds = U",;:";
constexpr std::u32string_view kClosers = U"\"')]}\u201D\u2019";

bool is_in_set(char32_t c, std::u32string_view set) { return set.find(c) != set.npos; }

// White space runs become one space, at the ends none.
std::u32string collapse_white_space(const std::u32string& text) {
  std::u32string result;
  result.reserve(text.size());
  for (const char32_t c : text) {
    if (!is_white_space(c)) {
      result.push_back(c);
    } else if (!result.empty() && result.back() != U' ') {
      result.push_back(U' ');
    }
  }
  if (!result.empty() && result.back() == U' ') result.pop_back();
  return result;
}

// Whether the characters before position `at` are one of `ends`, or one of them and then a closer.
bool ends_before(std::u32string_view text, size_t at, std::u32string_view ends) {
  const char32_t last = text[at - 1];
  return is_in_set(last, ends) ||
         (at >= 2 && is_in_set(last, kClosers) && is_in_set(text[at - 2], ends));
}

// Where to cut a text that is longer than max_chars.
size_t find_cut(std::u32string_view text, size_t max_chars) {
  size_t clause = 0;
  size_t space = 0;
  for (size_t at = max_chars; at > 0; --at) {
    if (text[at] != U' ') continue;
    if (ends_before(text, at, kSentenceEnds)) return at;
    if (clause == 0 && ends_before(text, at, kClauseEnds)) clause = at;
    if (space == 0) space = at;
  }
  if (clause > 0) return clause;
  return space > 0 ? space : max_chars;
}

}  // namespace

std::vector<std::string> chunk_text(std::string_view text, size_t max_chars) {
  if (max_chars == 0) throw_invalid("max_chars: found 0, expected at least 1");
  const std::u32string collapsed = collapse_white_space(decode_utf8(text));
  std::vector<std::string> chunks;
  std::u32string_view rest = collapsed;
  while (rest.size() > max_chars) {
    const size_t cut = find_cut(rest, max_chars);
    chunks.push_back(encode_utf8(rest.substr(0, cut)));
    rest.remove_prefix(cut + (rest[cut] == U' ' ? 1 : 0));
  }
  if (!rest.empty()) chunks.push_back(encode_utf8(rest));
  return chunks;
}

std::vector<std::string> chunk_text_for_audio(std::string_view text, size_t max_chars,
                                              double target_duration_seconds) {
  if (!std::isfinite(target_duration_seconds) || target_duration_seconds <= 0) {
    throw_invalid("target_duration_seconds: expected a number above 0");
  }
  const double speakable = std::floor(kCharsPerSecond * target_duration_seconds);
  const size_t limit = speakable < static_cast<double>(max_chars)
                           ? std::max<size_t>(1, static_cast<size_t>(speakable))
                           : max_chars;
  std::vector<std::string> chunks = chunk_text(text, limit);
  if (chunks.size() >= 2 && count_code_points(chunks.back()) < kShortestTail) {
    const std::string tail = std::move(chunks.back());
    chunks.pop_back();
    chunks.back() += " " + tail;
  }
  return chunks;
}

}  // namespace echo
