#include "base/utf8.h"
#include "text/characters.h"
#include "text/rules.h"

namespace echo {
namespace {

constexpr size_t kLongestInlineCode = 200;

// The end of the line that begins at `at`, with its newline.
size_t line_end(const std::u32string& text, size_t at) {
  const size_t end = text.find(U'\n', at);
  return end == text.npos ? text.size() : end + 1;
}

// How many ` or ~ a line begins with, after its indentation; 0 for less than three.
size_t fence_at(const std::u32string& text, size_t line, char32_t& mark) {
  size_t at = line;
  while (at < text.size() && is_one_of(text[at], U" \t>")) ++at;
  if (at >= text.size() || !is_one_of(text[at], U"`~")) return 0;
  mark = text[at];
  size_t end = at;
  while (end < text.size() && text[end] == mark) ++end;
  return end - at >= 3 ? end - at : 0;
}

void read_fences(Draft& draft, CodeStyle style) {
  const std::u32string& text = draft.text();
  for (size_t line = 0; line < text.size();) {
    char32_t mark = 0;
    const size_t fence = fence_at(text, line, mark);
    const size_t body = line_end(text, line);
    if (fence == 0) {
      line = body;
      continue;
    }
    size_t close = body;
    while (close < text.size()) {
      char32_t other = 0;
      if (fence_at(text, close, other) >= fence && other == mark) break;
      close = line_end(text, close);
    }
    const size_t end = close < text.size() ? line_end(text, close) : close;
    // What is left are paragraphs before and after it.
    if (style == CodeStyle::kDrop) {
      draft.replace(line, end, U"\n\n", Rule::kMarkup);
    } else {
      draft.replace(line, body, U"\n\n", Rule::kMarkup);
      for (size_t at = body; at < close; ++at) {
        // A line of code is a line of speech.
        if (text[at] == U'\n' && at + 1 < close) {
          draft.replace(at, at + 1, std::u32string(1, kLineMark), Rule::kMarkup);
        }
      }
      draft.replace(close, end, U"\n\n", Rule::kMarkup);
    }
    line = end;
  }
  draft.commit();
}

// An index, "v[0]", which would be a footnote's number elsewhere.
std::u32string without_index(std::u32string_view code) {
  std::u32string result;
  bool open = false;
  for (size_t at = 0; at < code.size(); ++at) {
    const bool opens = code[at] == U'[' && at > 0 && is_word_character(code[at - 1]);
    if (opens) result += U' ';
    if (!opens && !(open && code[at] == U']')) result += code[at];
    open = opens || (open && code[at] != U']');
  }
  return result;
}

// `x` without its ticks. Of a tag, "<div>", the name is what is said.
void read_inline_code(Draft& draft) {
  const std::u32string& text = draft.text();
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] != U'`') continue;
    size_t ticks = at;
    while (ticks < text.size() && text[ticks] == U'`') ++ticks;
    const size_t count = ticks - at;
    size_t end = ticks;
    while (end < text.size() && end - ticks < kLongestInlineCode && text[end] != U'`') ++end;
    size_t after = end;
    while (after < text.size() && text[after] == U'`') ++after;
    if (after - end != count || text[ticks] == U'\n') {
      at = ticks - 1;
      // A tick that closes nothing is an apostrophe between letters and else nothing.
      const bool letters = at > 0 && count == 1 && is_word_character(text[at - 1]) &&
                           is_word_character(draft.at(ticks));
      draft.replace(ticks - count, ticks, letters ? U"'" : U"", Rule::kMarkup);
      continue;
    }
    std::u32string inside = text.substr(ticks, end - ticks);
    if (inside.size() > 2 && inside.front() == U'<' && inside.back() == U'>') {
      inside = inside.substr(1, inside.size() - 2);
      if (inside[0] == U'/') inside.erase(0, 1);
    }
    draft.replace(at, after, without_index(inside), Rule::kMarkup);
    at = after - 1;
  }
  draft.commit();
}

}  // namespace

void read_code(Draft& draft, const TextOptions& options) {
  read_fences(draft, options.code);
  read_inline_code(draft);
}

}  // namespace echo
