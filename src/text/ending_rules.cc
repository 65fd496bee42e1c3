#include <algorithm>

#include "base/utf8.h"
#include "text/characters.h"
#include "text/rules.h"

namespace echo {
namespace {

constexpr std::u32string_view kStops = U".?!,;:";
constexpr std::u32string_view kPassageEnds =
    U".?!,;:\u2026)"
    U"\"\u3002\uFF01\uFF1F\u3001\uFF0C\u061F\u06D4\u0964\u0965\u0589\u1362\u17D4\u104B\u0E5A\u0E5B"
    U"\u300D\u300F";

bool is_space_or_break(char32_t c) { return is_white_space(c) || is_mark(c); }

// How strongly a stop ends: of several the strongest is kept.
int strength(char32_t c) {
  switch (c) {
    case U',':
      return 1;
    case U';':
    case U':':
      return 2;
    default:
      return 3;
  }
}

class Tidier {
 public:
  explicit Tidier(Draft& draft) : draft_(draft), text_(draft.text()) {}

  void tidy() {
    for (size_t at = 0; at < text_.size();) {
      const char32_t c = text_[at];
      if (is_white_space(c) || is_one_of(c, kStops)) {
        at = tidy_run(at);
      } else if (c == U'"' && is_empty_quote(at)) {
        draft_.replace(at, at + 2, U"", Rule::kSpacing);
        at += 2;
      } else {
        ++at;
      }
    }
    draft_.commit();
  }

 private:
  bool is_empty_quote(size_t at) const { return draft_.at(at + 1) == U'"'; }

  // A run of white space and stops: "word , , . next" becomes "word. next".
  size_t tidy_run(size_t begin) {
    size_t end = begin;
    size_t stops = 0;
    bool mixed = false;
    while (end < text_.size() && (is_white_space(text_[end]) || is_one_of(text_[end], kStops))) {
      // A point before a digit or a letter belongs to them: ".5", ".NET".
      const bool joined = text_[end] == U'.' && end > begin && is_white_space(text_[end - 1]) &&
                          is_word_character(draft_.at(end + 1));
      if (joined) break;
      if (is_one_of(text_[end], kStops)) {
        mixed = mixed || (end > begin && !is_end_of_sentence(text_[end])) ||
                (end > begin && is_white_space(text_[end - 1])) ||
                (end > begin && is_comma(text_[end - 1]));
        ++stops;
      }
      ++end;
    }
    const std::u32string_view run = std::u32string_view(text_).substr(begin, end - begin);
    const bool at_start = begin == 0 || is_mark(text_[begin - 1]);
    const bool at_end = end == text_.size() || is_mark(text_[end]);
    const bool at_edge =
        begin == 0 || is_break(text_[begin - 1]) || end == text_.size() || is_break(text_[end]);
    if (stops == 0) {
      put(begin, end, at_edge ? U"" : U" ");
      return end;
    }
    if (at_start) {
      // Nothing begins with a stop but an ellipsis.
      const bool ellipsis = run.find(U"...") != run.npos;
      const std::u32string space = begin == 0 || is_break(text_[begin - 1]) || at_end ? U"" : U" ";
      put(begin, end, ellipsis ? space + U"..." : space);
      return end;
    }
    std::u32string by = mixed ? strongest(run) : std::u32string(stops_of(run));
    // "(sobs) ...I cannot": the ellipsis belongs to what comes.
    if (is_white_space(run.front()) && !at_end && !is_white_space(run.back()) &&
        stops_of(run).size() >= 3 && is_word_character(draft_.at(end))) {
      by = U" " + std::u32string(stops_of(run));
    }
    // ". . ." is how some write an ellipsis.
    if (!at_edge && is_white_space(run.back())) by += U' ';
    put(begin, end, by);
    return end;
  }

  static bool is_end_of_sentence(char32_t c) { return is_one_of(c, U".?!"); }
  static bool is_comma(char32_t c) { return is_one_of(c, U",;:"); }

  static std::u32string_view stops_of(std::u32string_view run) {
    while (!run.empty() && is_white_space(run.front())) run.remove_prefix(1);
    while (!run.empty() && is_white_space(run.back())) run.remove_suffix(1);
    return run;
  }

  // Of a mixture the first group of marks that says most: "?," is "?", ", ." is ".".
  static std::u32string strongest(std::u32string_view run) {
    std::u32string best;
    for (size_t at = 0; at < run.size();) {
      if (is_white_space(run[at])) {
        ++at;
        continue;
      }
      size_t end = at;
      while (end < run.size() && !is_white_space(run[end]) &&
             strength(run[end]) == strength(run[at])) {
        ++end;
      }
      if (best.empty() || strength(run[at]) > strength(best[0])) {
        best = strength(run[at]) < 3 ? std::u32string(1, run[at])
                                     : std::u32string(run.substr(at, end - at));
      }
      at = end;
    }
    return best;
  }

  void put(size_t begin, size_t end, std::u32string_view by) {
    draft_.replace(begin, end, by, Rule::kSpacing);
  }

  Draft& draft_;
  const std::u32string& text_;
};

}  // namespace

void tidy_spacing(Draft& draft) { Tidier(draft).tidy(); }

void close_passages(Draft& draft) {
  const std::u32string& text = draft.text();
  size_t last = text.npos;  // the passage's last character that is no white space
  bool words = false;
  for (size_t at = 0; at <= text.size(); ++at) {
    const char32_t c = at < text.size() ? text[at] : kParagraphMark;
    if (!is_mark(c)) {
      if (!is_white_space(c)) last = at;
      words = words || is_word_character(c);
      continue;
    }
    // A line of its own that ends in a quoted word: the quote's end is not the line's.
    const bool quoted = c == kLineMark && last != text.npos && last > 0 && text[last] == U'"' &&
                        is_word_character(text[last - 1]);
    if (words && last != text.npos && (quoted || !is_one_of(text[last], kPassageEnds))) {
      const bool quote = text[last] == U'\'' && last > 0 && is_one_of(text[last - 1], kPassageEnds);
      size_t next = at;
      while (next < text.size() && is_space_or_break(text[next])) ++next;
      // A pause in the middle of a sentence does not end it.
      const bool goes_on = is_pause(c) && next < text.size() && is_lower(text[next]);
      if (!quote) {
        const std::u32string_view end = goes_on ? U"," : is_cjk(text[last]) ? U"\u3002" : U".";
        draft.replace(last + 1, last + 1, end, Rule::kEnding);
      }
    }
    last = text.npos;
    words = false;
  }
  draft.commit();
}

}  // namespace echo
