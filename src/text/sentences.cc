#include "text/sentences.h"

#include <algorithm>

#include "base/utf8.h"
#include "text/characters.h"
#include "text/tables.h"

namespace echo {
namespace {

constexpr std::u32string_view kLatinEnds = U".?!\u2026";
// Ends that need no space after them.
constexpr std::u32string_view kWideEnds = U"\u3002\uFF01\uFF1F\uFF0E\uFF61";
// Ends of scripts without capitals, written with a space.
constexpr std::u32string_view kOtherEnds =
    U"\u061F\u06D4\u0964\u0965\u0589\u1362\u17D4\u104B\u0E5A\u0E5B\u0F0D\u0700\u1803";
constexpr std::u32string_view kSentenceClosers =
    U"\"')]}*_\u201D\u2019\u00BB\u203A\u300D\u300F\uFF09\u3011\u3009\u300B";
constexpr std::u32string_view kOpeners =
    U"\"'([{*_\u201C\u2018\u00AB\u2039\u201E\u00BF\u00A1-\u2013\u2014";
// A sentence that is longer than this in parentheses is divided in them.
constexpr size_t kLongestParenthesis = 200;

enum class AfterDot { kNever, kSeldom, kCapital, kName, kNumber, kDate };

struct Words {
  std::map<std::u32string, AfterDot, std::less<>> abbreviations;  // without the last point
  WordSet starters = table_words(table_sentence_starters);
  WordSet lettered = table_words(table_lettered_nouns);

  Words() {
    const std::map<std::u32string, AfterDot> kinds = {
        {U"never", AfterDot::kNever},     {U"seldom", AfterDot::kSeldom},
        {U"capital", AfterDot::kCapital}, {U"name", AfterDot::kName},
        {U"number", AfterDot::kNumber},   {U"date", AfterDot::kDate},
        {U"direction", AfterDot::kName},  {U"street", AfterDot::kSeldom},
        {U"month", AfterDot::kSeldom},    {U"day", AfterDot::kSeldom},
        {U"compass", AfterDot::kSeldom}};
    for (std::vector<std::u32string>& row : table_rows(table_abbreviations)) {
      if (row[0].back() == U'.') row[0].pop_back();
      abbreviations.emplace(row[0], kinds.at(row[2]));
    }
  }
};

const Words& words() {
  static const Words all;
  return all;
}

bool is_end(char32_t c) {
  if (c < 128) return is_one_of(c, U".?!");
  return is_one_of(c, kLatinEnds) || is_one_of(c, kWideEnds) || is_one_of(c, kOtherEnds);
}

class SentenceFinder {
 public:
  explicit SentenceFinder(std::u32string_view text)
      : text_(text), closing_(closing_brackets(text, kLongestParenthesis)) {
    // Someone who writes no capitals at all ends sentences all the same.
    lower_only_ = std::none_of(text.begin(), text.end(), [](char32_t c) { return is_upper(c); });
  }

  std::vector<TextRange> find() {
    std::vector<TextRange> found;
    size_t at = skip_space(0);
    start_ = at;
    while (at < text_.size()) {
      const size_t end = end_at(at);
      if (end == 0) {
        ++at;
        continue;
      }
      add(found, end);
      start_ = at = skip_space(end);
    }
    add(found, text_.size());
    return found;
  }

 private:
  size_t skip_space(size_t at) const {
    while (at < text_.size() && is_white_space(text_[at])) ++at;
    return at;
  }

  void add(std::vector<TextRange>& found, size_t end) {
    while (end > start_ && is_white_space(text_[end - 1])) --end;
    if (end > start_) found.push_back({start_, end});
  }

  // Where a sentence ends that has an end mark or a line's end at `at`; 0: none does.
  size_t end_at(size_t at) const {
    const char32_t c = text_[at];
    if (c == U'\n') return line_ends_sentence(at) ? at : 0;
    // What the first of several marks is, all are.
    if (!is_end(c) || is_inside(at) || (at > start_ && is_end(text_[at - 1]))) return 0;
    size_t end = at;
    bool wide = false, strong = false, point = false;
    while (end < text_.size() && is_end(text_[end])) {
      wide = wide || is_one_of(text_[end], kWideEnds);
      strong = strong || (text_[end] != U'.' && text_[end] != U'\u2026');
      point = point || text_[end] == U'\u2026';
      ++end;
    }
    const size_t marks = end - at;
    const size_t mark_end = end;
    while (end < text_.size() && is_one_of(text_[end], kSentenceClosers)) ++end;
    if (wide) return end;
    const bool space = end == text_.size() || is_white_space(text_[end]);
    if (!space) {
      // No space, but no word either: "Stop!—and then" goes on, Chinese after a Latin mark does
      // not.
      return mark_end == end && is_cjk(text_[end]) && strong ? end : 0;
    }
    const size_t next = skip_space(end);
    if (next == text_.size()) return end;
    const bool line_end = has_newline(end, next);
    const bool ellipsis = !strong && (marks >= 2 || point);
    if (!strong && !ellipsis && marks == 1 && !ends_after_point(at, next, line_end)) return 0;
    if (line_end) return end;
    return begins_sentence(next, ellipsis, strong && mark_end == end) ? end : 0;
  }

  // Whether a bracket is open at the mark that does not close right behind it.
  bool is_inside(size_t at) const {
    size_t end = at;
    while (end < closing_[at] && is_end(text_[end])) ++end;
    while (end < closing_[at] && is_one_of(text_[end], U"\"'*_")) ++end;
    return closing_[at] > at && end != closing_[at];
  }

  bool has_newline(size_t from, size_t to) const {
    return text_.substr(from, to - from).find(U'\n') != text_.npos;
  }

  // An empty line ends whatever stands before it.
  bool line_ends_sentence(size_t at) const {
    return std::count(text_.begin() + static_cast<ptrdiff_t>(at),
                      text_.begin() + static_cast<ptrdiff_t>(skip_space(at)), U'\n') >= 2;
  }

  bool begins_sentence(size_t at, bool ellipsis, bool plain_strong) const {
    size_t first = at;
    while (first < text_.size() && is_one_of(text_[first], kOpeners)) ++first;
    if (first == text_.size()) return true;
    const char32_t c = text_[first];
    if (is_lower(c)) {
      if (ellipsis) return false;
      const char32_t second = first + 1 < text_.size() ? text_[first + 1] : U' ';
      // "iPads fell", "b. The second"
      if (is_upper(second) || is_one_of(second, U".)")) return true;
      if (first == at + 1 && is_one_of(text_[at], U"([")) return true;
      // A quote that opens before a small letter: "iPhone" is a word like another.
      return lower_only_ || (plain_strong && first > at && text_[at] != U'(');
    }
    if (ellipsis && word_at(first) == U"I") return false;
    return is_upper(c) || is_digit(c) || is_caseless_letter(c) || first > at || !is_letter(c);
  }

  std::u32string_view word_at(size_t at) const {
    size_t end = at;
    while (end < text_.size() && (is_word_character(text_[end]) || text_[end] == U'\'')) ++end;
    const std::u32string_view word = text_.substr(at, end - at);
    const size_t apostrophe = word.find(U'\'');
    return apostrophe == word.npos || words().starters.count(word) ? word
                                                                   : word.substr(0, apostrophe);
  }

  // The word that the point at `at` follows, with its inner points: "U.S" of "the U.S.".
  std::u32string_view word_before(size_t at) const {
    size_t begin = at;
    while (begin > start_ && !is_white_space(text_[begin - 1]) &&
           !is_one_of(text_[begin - 1], U"([{\"\u201C\u2018/-\u2013\u2014,;:") && at - begin < 40) {
      --begin;
    }
    while (begin < at && (text_[begin] == U'\'' || text_[begin] == U'*' || text_[begin] == U'_')) {
      ++begin;
    }
    return text_.substr(begin, at - begin);
  }

  std::u32string before_word(size_t word_begin) const {
    size_t end = word_begin;
    while (end > start_ && (is_white_space(text_[end - 1]) || text_[end - 1] == U'.')) --end;
    size_t begin = end;
    while (begin > start_ && is_letter(text_[begin - 1]) && end - begin < 40) --begin;
    return lower_case(text_.substr(begin, end - begin));
  }

  // Whether a single point at `at`, before the word at `next`, may end a sentence.
  bool ends_after_point(size_t at, size_t next, bool line_end) const {
    const std::u32string_view word = word_before(at);
    if (word.empty()) return true;
    const size_t begin = at - word.size();
    if (begin == start_ && is_list_mark(word)) return false;
    if (line_end) return !is_title(word);
    while (next < text_.size() && is_one_of(text_[next], kOpeners)) ++next;
    const char32_t c = next < text_.size() ? text_[next] : U' ';
    const bool starter = words().starters.count(word_at(next)) > 0;
    const auto known = words().abbreviations.find(word);
    if (known != words().abbreviations.end()) return ends_after(known->second, c, starter);
    if (word.size() == 1 && is_upper(word[0])) {
      if (word == U"I") return starter || before_word(begin).empty();
      if (words().lettered.count(before_word(begin))) return true;
      return starter && !before_word(begin).empty();
    }
    // e.g. "N.A.T.O." or "p.s.": single letters with points between them.
    return !is_pointed(word) || starter;
  }

  static bool ends_after(AfterDot kind, char32_t next, bool starter) {
    switch (kind) {
      case AfterDot::kNever:
        return false;
      case AfterDot::kName:
        // "I saw the Dr. The nurse left": a title before a word that is no name.
        return false;
      case AfterDot::kCapital:
        return !is_digit(next);
      case AfterDot::kNumber:
        return !is_digit(next) && !(is_upper(next) && !starter);
      case AfterDot::kSeldom:
      case AfterDot::kDate:
        return starter;
    }
    return true;
  }

  static bool is_title(std::u32string_view word) {
    const auto known = words().abbreviations.find(word);
    return known != words().abbreviations.end() && known->second == AfterDot::kName;
  }

  // "1", "12", "a", "iv" at the beginning of a sentence numbers it.
  static bool is_list_mark(std::u32string_view word) {
    if (word.size() > 4) return false;
    if (std::all_of(word.begin(), word.end(), is_digit)) return word.size() <= 3;
    if (word.size() == 1) return is_ascii_letter(word[0]) && word != U"I";
    return std::all_of(word.begin(), word.end(), [](char32_t c) { return is_one_of(c, U"ivx"); });
  }

  static bool is_pointed(std::u32string_view word) {
    if (word.size() < 3 || word.size() % 2 == 0) return false;
    for (size_t i = 0; i < word.size(); ++i) {
      if (i % 2 == 0 ? !is_letter(word[i]) : word[i] != U'.') return false;
    }
    return true;
  }

  std::u32string_view text_;
  std::vector<size_t> closing_;
  size_t start_ = 0;
  bool lower_only_ = false;
};

}  // namespace

std::vector<size_t> closing_brackets(std::u32string_view text, size_t reach) {
  std::vector<size_t> closing(text.size(), 0);
  std::vector<size_t> open;
  for (size_t i = 0; i < text.size(); ++i) {
    if (is_one_of(text[i], U"([{")) {
      open.push_back(i);
    } else if (is_one_of(text[i], U")]}") && !open.empty()) {
      const char32_t partner = text[i] == U')' ? U'(' : text[i] == U']' ? U'[' : U'{';
      if (text[open.back()] != partner) continue;
      if (i - open.back() <= reach) {
        for (size_t k = open.back(); k <= i; ++k) {
          if (closing[k] == 0) closing[k] = i;
        }
      }
      open.pop_back();
    }
  }
  return closing;
}

std::vector<TextRange> find_sentences(std::u32string_view text) {
  return SentenceFinder(text).find();
}

std::vector<std::string> split_sentences(std::string_view text) {
  const std::u32string code_points = decode_utf8(text);
  std::vector<std::string> sentences;
  for (const TextRange& range : find_sentences(code_points)) {
    sentences.push_back(
        encode_utf8(std::u32string_view(code_points).substr(range.begin, range.size())));
  }
  return sentences;
}

}  // namespace echo
