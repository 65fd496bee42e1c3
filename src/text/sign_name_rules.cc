#include <algorithm>

#include "base/utf8.h"
#include "text/characters.h"
#include "text/neighbors.h"
#include "text/rules.h"
#include "text/sign_reader.h"
#include "text/tables.h"

namespace echo {
namespace {

// Signs that are a part of a name: C++, A+, F#, .NET, B♭, type O-.
class SignNameReader : SignReader {
 public:
  explicit SignNameReader(Draft& draft) : SignReader(draft) {}

  void read() {
    for (size_t at = 0; at < text_.size();) {
      const bool sign = is_one_of(text_[at], U"+#-.\u266D\u266E\u266F");
      at = std::max(at + 1, sign ? read_at(at) : 0);
    }
    draft_.commit();
  }

 private:
  // No letter and no figure goes on there.
  static bool ends(char32_t c) {
    return c == 0 || is_mark(c) || is_white_space(c) ||
           is_one_of(c, U".,;:!?)]}\"'/|-\u2013\u2014");
  }
  // A capital that is a word of its own ends before `at`.
  bool follows_letter(size_t at, std::u32string_view letters) const {
    return at > 0 && is_one_of(text_[at - 1], letters) &&
           (at < 2 || !(is_word_character(text_[at - 2]) || is_one_of(text_[at - 2], U"_#.@")));
  }

  // Returns where to go on; `at` when nothing was done.
  size_t read_at(size_t at) {
    switch (text_[at]) {
      case U'+':
        return read_plus_of_name(at);
      case U'#':
        return read_sharp(at);
      case U'-':
        return read_minus(at);
      case U'.':
        return read_net(at);
      default:
        break;
    }
    // Of a note; else an ornament.
    const std::u32string_view name = text_[at] == U'\u266D'   ? U"flat"
                                     : text_[at] == U'\u266F' ? U"sharp"
                                                              : U"natural";
    if (follows_letter(at, U"ABCDEFGabcdefg")) return between(at, at + 1, name);
    draft_.replace(at, at + 1, U"", Rule::kSymbol);
    return at + 1;
  }

  size_t read_plus_of_name(size_t at) {
    size_t end = at;
    while (draft_.at(end) == U'+') ++end;
    const char32_t l = before(at), r = draft_.at(end);
    const bool twice = end - at == 2;
    if (end - at > 2 || !(is_word_character(l) || l == U'%' || (twice && is_one_of(l, U"])")))) {
      return end;
    }
    // C++20; 5+ 3 is a sum.
    const bool standard = twice && l == U'C' && is_digit(r);
    const bool sum = is_digit(l) && r == U' ' && is_digit(draft_.at(end + 1));
    if ((!ends(r) && !standard) || sum) return end;
    if (!twice && is_blood(at, end)) return between(at, end, U"positive");
    return between(at, end, twice ? U"plus plus" : U"plus");
  }

  // C#, F#, "C#m", "C# minor"
  size_t read_sharp(size_t at) {
    if (!follows_letter(at, U"ABCDEFGJQcf")) return at;
    if (ends(draft_.at(at + 1))) return between(at, at + 1, U"sharp");
    const bool minor = draft_.at(at + 1) == U'm' && ends(draft_.at(at + 2));
    return minor ? between(at, at + 2, U"sharp minor") : at;
  }

  // A mark, "a B-", or blood, "type O-"; "B- and C-grade" is no mark.
  size_t read_minus(size_t at) {
    if (!follows_letter(at, U"ABCDO") || !ends(draft_.at(at + 1))) {
      const bool both = at > 1 && text_[at - 1] == U'B' && text_[at - 2] == U'A';
      return both && ends(draft_.at(at + 1)) && is_blood(at, at + 1)
                 ? between(at, at + 1, U"negative")
                 : at;
    }
    if (is_one_of(draft_.at(at + 1), U"-\"'\u2013\u2014")) return at;
    if (is_blood(at, at + 1)) return between(at, at + 1, U"negative");
    const std::u32string_view next =
        draft_.at(at + 1) == U' ' ? letters_from(text_, at + 2) : std::u32string_view();
    static const WordSet leads = {U"a", U"an", U"A", U"An", U"grade", U"Grade", U"mark", U"got"};
    const size_t mark_begin = at > 2 && text_[at - 3] == U':' ? at - 3 : at - 1;  // "Grade: B-"
    const bool mark = text_[at - 1] != U'O' && leads.count(letters_before(text_, mark_begin)) > 0 &&
                      next != U"and" && next != U"or" && next != U"to";
    return mark ? between(at, at + 1, U"minus") : at;
  }

  // "blood type O-", "O+ blood"
  bool is_blood(size_t at, size_t end) const {
    size_t begin = at;
    while (begin > 0 && is_one_of(text_[begin - 1], U"ABO") && at - begin < 3) --begin;
    const std::u32string_view group = std::u32string_view(text_).substr(begin, at - begin);
    if (group != U"A" && group != U"B" && group != U"AB" && group != U"O") return false;
    const std::u32string last = lower_case(letters_before(text_, begin));
    const std::u32string_view next =
        draft_.at(end) == U' ' ? letters_from(text_, end + 1) : std::u32string_view();
    return last == U"type" || last == U"blood" || next == U"blood" || next == U"donor" ||
           next == U"donors";
  }

  // .NET, ASP.NET
  size_t read_net(size_t at) {
    const std::u32string_view name = letters_from(text_, at + 1);
    if (name != U"NET" || is_digit(draft_.at(at + 4))) return at;
    const std::u32string_view first = letters_until(text_, at);
    const bool alone = at == 0 || is_mark(before(at)) || is_one_of(before(at), U" (\"'/\n");
    if (!alone && first != U"ASP" && first != U"VB" && first != U"ML" && first != U"ADO") return at;
    return between(at, at + 4, U"dot net");
  }
};

}  // namespace

void read_sign_names(Draft& draft) { SignNameReader(draft).read(); }

}  // namespace echo
