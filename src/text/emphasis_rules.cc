#include <algorithm>
#include <map>

#include "base/utf8.h"
#include "text/characters.h"
#include "text/rules.h"
#include "text/sentences.h"

namespace echo {
namespace {

constexpr size_t kLongestLinkText = 500;
constexpr size_t kLongestLink = 2000;
constexpr std::u32string_view kEscapable = U"\\`*_{}[]()#+-.!|~<>";

// The end of a link's target that opens at `at` with (; 0 when it does not close.
size_t target_end(const std::u32string& text, size_t at) {
  int depth = 0;
  for (size_t end = at; end < text.size() && end - at < kLongestLink; ++end) {
    if (text[end] == U'\n' || is_mark(text[end])) return 0;
    if (text[end] == U'(') ++depth;
    if (text[end] == U')' && --depth == 0) return end + 1;
  }
  return 0;
}

bool is_footnote(std::u32string_view inside) {
  if (inside.empty() || inside.size() > 20) return false;
  if (inside[0] == U'^') return true;
  if (inside == U"citation needed" || inside == U"edit") return true;
  // [2, p. 4]
  const bool page = is_digit(inside[0]) && inside.find(U"p.") != inside.npos;
  if (inside.size() > (page ? 14U : 7U)) return false;
  return std::all_of(inside.begin(), inside.end(), [page](char32_t c) {
    return is_digit(c) || is_one_of(c, U",- \u2013") || (page && is_one_of(c, U"p."));
  });
}

// [text](target), ![picture](target), [text][reference], [[page|text]], [1]
void read_links(Draft& draft) {
  const std::u32string& text = draft.text();
  const std::vector<size_t> closing = closing_brackets(text, kLongestLinkText);
  size_t no_target_until = 0;  // so that "[a]([a]([a](" is not read again and again
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] != U'[' || closing[at] == 0) continue;
    size_t close = at + 1;  // the bracket's own partner
    for (int depth = 1; close < text.size() && close - at <= kLongestLinkText; ++close) {
      if (text[close] == U'[') ++depth;
      if (text[close] == U']' && --depth == 0) break;
    }
    if (draft.at(close) != U']') continue;
    const bool picture = at > 0 && text[at - 1] == U'!' && at - 1 >= draft.replaced_until();
    const size_t begin = picture ? at - 1 : at;
    const std::u32string_view inside = std::u32string_view(text).substr(at + 1, close - at - 1);
    size_t end = 0;
    if (draft.at(close + 1) == U'[' && is_footnote(inside)) {
      // [1][2]: no link has a number for its text.
    } else if (draft.at(close + 1) == U'(' && close + 1 >= no_target_until) {
      end = target_end(text, close + 1);
      if (end == 0) no_target_until = close + kLongestLink;
    } else if (draft.at(close + 1) == U'[' && closing[close + 1] > 0) {
      const size_t reference = text.find(U']', close + 1);
      if (reference != text.npos && reference - close < 40) end = reference + 1;
    }
    if (end > 0) {
      draft.replace(begin, at + 1, U"", Rule::kMarkup);
      draft.replace(close, end, U"", Rule::kMarkup);
      at = end - 1;
    } else if (is_footnote(inside)) {
      draft.replace(at, close + 1, U"", Rule::kMarkup);
      at = close;
    } else if (inside.size() > 2 && inside.front() == U'[' && inside.back() == U']') {
      const size_t bar = inside.find(U'|');
      const size_t from = bar == inside.npos ? at + 2 : at + 2 + bar;
      draft.replace(at, from, U"", Rule::kMarkup);
      draft.replace(close - 1, close + 1, U"", Rule::kMarkup);
      at = close;
    }
  }
  draft.commit();
}

// A run of * _ ~ or =.
struct Delimiter {
  size_t begin, end;
  bool opens, closes;
};

class EmphasisReader {
 public:
  EmphasisReader(Draft& draft, const TextOptions& options)
      : draft_(draft), text_(draft.text()), options_(options) {}

  void read() {
    find_delimiters();
    match();
    std::sort(edits_.begin(), edits_.end(),
              [](const Edit& a, const Edit& b) { return a.begin < b.begin; });
    for (const Edit& edit : edits_) draft_.replace(edit.begin, edit.end, edit.by, edit.rule);
    draft_.commit();
  }

 private:
  struct Edit {
    size_t begin, end;
    std::u32string by;
    Rule rule;
  };

  void find_delimiters() {
    for (size_t at = 0; at < text_.size(); ++at) {
      if (is_break(text_[at]) || is_pause(text_[at])) {
        delimiters_.push_back({at, at, false, false});
        continue;
      }
      if (!is_one_of(text_[at], U"*_~")) continue;
      size_t end = at;
      while (end < text_.size() && text_[end] == text_[at]) ++end;
      const char32_t before = at > 0 ? text_[at - 1] : 0, after = draft_.at(end);
      const bool space_before = before == 0 || is_white_space(before) || is_mark(before);
      const bool space_after = after == 0 || is_white_space(after) || is_mark(after);
      const bool in_word = is_word_character(before) && is_word_character(after);
      // snake_case, 2*3
      const bool literal = in_word && (text_[at] == U'_' || is_digit(before) || is_digit(after));
      const bool single_tilde = text_[at] == U'~' && end - at == 1;
      if (!literal && !single_tilde && end - at <= 3) {
        delimiters_.push_back({at, end,
                               !space_after && !(text_[at] == U'_' && is_word_character(before)),
                               !space_before && !(text_[at] == U'_' && is_word_character(after))});
      }
      at = end - 1;
    }
  }

  // Every closing run takes the last opening one of its kind since the passage began.
  void match() {
    std::map<std::pair<char32_t, size_t>, std::vector<Delimiter>> open;
    for (const Delimiter& run : delimiters_) {
      if (run.begin == run.end) {
        open.clear();
        continue;
      }
      auto& stack = open[{text_[run.begin], run.end - run.begin}];
      if (run.closes && !stack.empty() && stack.back().end < run.begin) {
        take(stack.back(), run);
        stack.pop_back();
      } else if (run.opens) {
        stack.push_back(run);
      }
    }
  }

  void take(const Delimiter& open, const Delimiter& close) {
    const std::u32string_view inside =
        std::u32string_view(text_).substr(open.end, close.begin - open.end);
    const bool sound = close.end - close.begin == 1 && is_sound(inside, options_);
    const Rule rule = sound ? Rule::kSound : Rule::kMarkup;
    edits_.push_back({open.begin, open.end, sound ? U"(" : U"", rule});
    const bool own = !sound && close.end - close.begin == 1 && is_sentence(open, close, inside);
    edits_.push_back({close.begin, close.end, sound ? U")" : own ? U"." : U"", rule});
  }

  // What somebody does between two sentences, *rolls eyes*, is one of its own.
  bool is_sentence(const Delimiter& open, const Delimiter& close,
                   std::u32string_view inside) const {
    if (inside.empty() || !is_lower(inside.front()) || !is_letter(inside.back())) return false;
    size_t before = open.begin;
    while (before > 0 && text_[before - 1] == U' ') --before;
    if (before > 0 && !is_mark(text_[before - 1]) &&
        (before == open.begin || !is_one_of(text_[before - 1], U".?!"))) {
      return false;
    }
    size_t after = close.end;
    while (is_one_of(draft_.at(after), U" *_\"")) ++after;
    return draft_.at(close.end) == U' ' && is_upper(draft_.at(after));
  }

  Draft& draft_;
  const std::u32string& text_;
  const TextOptions& options_;
  std::vector<Delimiter> delimiters_;
  std::vector<Edit> edits_;
};

// \* is a star.
void remove_escapes(Draft& draft) {
  const std::u32string& text = draft.text();
  for (size_t at = 0; at + 1 < text.size(); ++at) {
    if (text[at] != U'\\' || !is_one_of(text[at + 1], kEscapable)) continue;
    draft.replace(at, at + 1, U"", Rule::kMarkup);
    ++at;
  }
  draft.commit();
}

}  // namespace

void read_emphasis(Draft& draft, const TextOptions& options) {
  read_links(draft);
  EmphasisReader(draft, options).read();
  remove_escapes(draft);
}

}  // namespace echo
