#include <algorithm>

#include "base/utf8.h"
#include "text/characters.h"
#include "text/neighbors.h"
#include "text/rules.h"
#include "text/sign_reader.h"
#include "text/tables.h"

namespace echo {
namespace {

class DashReader : SignReader {
 public:
  explicit DashReader(Draft& draft) : SignReader(draft) {}

  void read() {
    for (size_t at = 0; at < text_.size();) {
      size_t end = at;
      if (text_[at] == U'-') end = read_hyphens(at);
      if (is_one_of(text_[at], U"\u2013\u2014")) end = read_dash(at);
      at = std::max(at + 1, end);
    }
    draft_.commit();
  }

 private:
  // "Monday-Friday", "May-June"; not so of three.
  bool joins_days(size_t at, size_t end) const {
    const std::u32string_view first = letters_until(text_, at), last = letters_from(text_, end);
    const size_t after = end + last.size();
    const bool more = (draft_.at(after) == U'-' && is_letter(draft_.at(after + 1))) ||
                      (at > first.size() && text_[at - first.size() - 1] == U'-');
    return !more && ((is_name_of_day(first) && is_name_of_day(last)) ||
                     (is_name_of_month(first) && is_name_of_month(last)));
  }

  // "noon–1 p m", "2019–present"
  static bool is_moment(std::u32string_view word) {
    static const WordSet moments = {U"noon", U"midnight", U"now", U"today", U"present"};
    return moments.count(word) > 0;
  }

  size_t read_hyphens(size_t at) {
    size_t end = at;
    while (end < text_.size() && text_[end] == U'-') ++end;
    if (draft_.at(end) == U'>' && end - at <= 2) return between(at, end + 1, U"to");
    if (end - at == 2 && before(at) == U' ' && is_ascii_letter(draft_.at(end))) {
      return put(at, end, U"dash dash ");
    }
    if (end - at == 1) {
      const bool spaced = before(at) == U' ' && draft_.at(end) == U' ';
      if (!spaced) return joins_days(at, end) ? put(at, end, U" to ") : end;
      // 5 - 3 = 2 is arithmetic, a word before or after makes it a dash.
      const bool term =
          is_digit(left(at)) || is_one_of(left(at), U"\u00B2\u00B3") || is_variable(at);
      if (term && is_digit(right(end))) return between(at, end, U"minus");
    }
    return end - at <= 3 ? read_dash_run(at, end) : put(at, end, U" ");
  }

  // Whether a letter alone, or behind a number, stands before the space before `at`: x, 2x.
  bool is_variable(size_t at) const {
    size_t end = at;
    while (end > 0 && text_[end - 1] == U' ') --end;
    return end > 0 && is_lower(text_[end - 1]) && text_[end - 1] != U'a' &&
           (end < 2 || !is_letter(text_[end - 2])) && (end < 2 || text_[end - 2] != U'\'');
  }

  size_t read_dash(size_t at) {
    size_t end = at;
    while (end < text_.size() && is_one_of(text_[end], U"\u2013\u2014")) ++end;
    const bool joins_words = text_[at] == U'\u2013' && end - at == 1 &&
                             is_word_character(before(at)) && is_word_character(draft_.at(end));
    if (joins_words) {
      const bool to = (is_digit(before(at)) && is_digit(draft_.at(end))) || joins_days(at, end) ||
                      is_moment(letters_until(text_, at)) || is_moment(letters_from(text_, end));
      return put(at, end, to ? U" to " : U"-");
    }
    return read_dash_run(at, end);
  }

  // A dash between words is a comma; where speech breaks off it stays a hyphen.
  size_t read_dash_run(size_t at, size_t end) {
    size_t begin = at;
    while (begin > draft_.replaced_until() && text_[begin - 1] == U' ') --begin;
    const char32_t l = before(begin), r = right(end);
    const bool closes = r == U'"' || (r == U'\'' && !is_word_character(draft_.at(end + 1)));
    if (r == 0 || is_mark(r) || (closes && draft_.at(end) == r)) {
      return put(begin, end, is_word_character(l) ? U"-" : U"");
    }
    const bool opens = l == U'"' && (begin < 2 || is_white_space(text_[begin - 2]));
    if (l == 0 || is_mark(l) || opens) return put(begin, end, begin < at ? U" " : U"");
    if (text_[at] == U'\u2013' && is_digit(l) && is_digit(r)) return put(begin, end, U" to");
    return put(begin, end, draft_.at(end) == U' ' ? U"," : U", ");
  }
};

}  // namespace

void read_dashes(Draft& draft) { DashReader(draft).read(); }

}  // namespace echo
