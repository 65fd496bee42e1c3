#include <algorithm>

#include "base/utf8.h"
#include "text/characters.h"
#include "text/neighbors.h"
#include "text/rules.h"
#include "text/sign_reader.h"
#include "text/tables.h"

namespace echo {
namespace {

// What a sign between two words or numbers is called.
struct Sign {
  std::u32string_view sign;
  std::u32string_view words;
};

// Signs that mean the same wherever they stand.
constexpr Sign kSigns[] = {
    {U"\u2192", U"to"},
    {U"\u2194", U"to and from"},
    {U"\u2248", U"about"},
    {U"\u2260", U"is not equal to"},
    {U"\u2264", U"at most"},
    {U"\u2265", U"at least"},
    {U"\u00B1", U"plus or minus"},
    {U"\u00D7", U"times"},
    {U"\u00F7", U"divided by"},
    {U"\u00B0", U"degrees"},
    {U"\u00A7", U"section"},
    {U"\u00B6", U"paragraph"},
    {U"\u00A9", U"copyright"},
    {U"\u00B2", U"squared"},
    {U"\u00B3", U"cubed"},
    {U"\u221A", U"the square root of"},
    {U"\u221E", U"infinity"},
    {U"\u03C0", U"pi"},
    {U"\u03BC", U"micro"},
    {U"\u2030", U"per mille"},
    {U"\u2318", U"Command"},
    {U"\u21E7", U"Shift"},
    {U"\u2325", U"Option"},
    {U"\u2303", U"Control"},
};

constexpr std::u32string_view kOrPairs[] = {
    U"and/or", U"he/she", U"she/he",     U"his/her",   U"her/his", U"him/her", U"his/hers",
    U"s/he",   U"yes/no", U"true/false", U"either/or", U"he/they", U"she/they"};

// Nothing is said for these.
constexpr std::u32string_view kSilent =
    U"\u00AE\u2122\u2190\u2191\u2193\u2120\u00A8\u00AF\u00B8\u21B5\u23CE";

class SymbolReader : SignReader {
 public:
  explicit SymbolReader(Draft& draft) : SignReader(draft) {}

  void read() {
    for (size_t at = 0; at < text_.size();) at = std::max(at + 1, read_at(at));
    draft_.commit();
  }

 private:
  // Returns where to go on; `at` when nothing was done.
  size_t read_at(size_t at) {
    switch (text_[at]) {
      case U'&':
        return between(at, draft_.at(at + 1) == U'&' ? at + 2 : at + 1, U"and");
      case U'+':
        return read_plus(at);
      case U'*':
        return is_product(at) ? between(at, at + 1, U"times") : read_leftover(at);
      case U'<':
      case U'>':
      case U'!':
        return read_comparison(at);
      case U'=':
        return read_equals(at);
      case U'/':
        return read_slash(at);
      case U'~':
        return read_tilde(at);
      case U'@':
        return before(at) == U' ' && draft_.at(at + 1) == U' ' ? put(at, at + 1, U"at") : at;
      case U':':
        // std::string
        return draft_.at(at + 1) == U':' && is_word_character(before(at)) ? put(at, at + 2, U" ")
                                                                          : at;
      case U'|':
        if (draft_.at(at + 1) == U'|') return between(at, at + 2, U"or");
        return put(at, at + 1, U", ");
      case U'\u2022':
      case U'\u00B7':
        return put(at, at + 1, U", ");
      case U'#':
      case U'_':
      case U'^':
      case U'\\':
        return read_leftover(at);
      default:
        break;
    }
    if (text_[at] < 0x80 || is_mark(text_[at])) return at;
    if (is_one_of(text_[at], kSilent)) return put(at, at + 1, U"");
    if (is_superscript(text_[at])) {
      if (const size_t end = read_superscript(at)) return end;
    }
    if (text_[at] == U'\u00A7' && draft_.at(at + 1) == U'\u00A7') {
      return between(at, at + 2, U"sections");
    }
    for (const Sign& sign : kSigns) {
      if (text_[at] != sign.sign[0]) continue;
      // Greek is a script of its own.
      const bool greek = is_letter(text_[at]) &&
                         (is_word_character(before(at)) || is_word_character(draft_.at(at + 1)));
      if (greek) return at;
      if (is_one_of(sign.sign[0], U"\u2264\u2265")) return compare(at, at + 1, sign.words);
      return between(at, at + 1, sign.words);
    }
    return at;
  }

  static bool is_superscript(char32_t c) {
    return is_one_of(c, U"\u00B9\u00B2\u00B3") || (c >= 0x2070 && c <= 0x2079);
  }

  // 10⁶ is a power, but for those with words of their own; behind a word or a quote it is a note.
  size_t read_superscript(size_t at) {
    size_t end = at;
    std::u32string digits;
    while (end < text_.size() && is_superscript(text_[end])) {
      const char32_t c = text_[end++];
      digits += c == 0xB9 ? U'1' : c < 0x100 ? c - 0x80 : c - 0x2040;
    }
    const char32_t base = before(at);
    const bool word = is_letter(base) && at > 1 && is_letter(text_[at - 2]);
    const bool power = is_word_character(base) || base == U')';
    if (digits == U"2" || digits == U"3") return power ? 0 : put(at, end, U"");
    if (!power || word) return put(at, end, U"");
    return between(at, end, U"to the power of " + digits);
  }

  // 2 + 2, a = b: something on both sides, and spaces on both or digits.
  bool is_operator(size_t at, size_t size) const {
    const char32_t l = before(at), r = draft_.at(at + size);
    if (l == U' ' && r == U' ') {
      return is_word_character(left(at)) &&
             (is_word_character(right(at + size)) || is_one_of(right(at + size), U"-(\u221A"));
    }
    const bool power = is_one_of(l, U"\u00B2\u00B3");
    return (is_digit(l) || power) && (is_digit(r) || (power && is_letter(r)));
  }

  // "2 * 3", "2*3"; not a footnote's sign, "5* 3".
  bool is_product(size_t at) const {
    return is_digit(left(at)) && is_digit(right(at + 1)) &&
           (before(at) == U' ') == (draft_.at(at + 1) == U' ');
  }

  size_t read_plus(size_t at) {
    if (is_operator(at, 1)) return between(at, at + 1, U"plus");
    if (!is_letter(before(at))) return at;
    size_t begin = at;
    while (begin > draft_.replaced_until() && is_letter(text_[begin - 1]) && at - begin < 12)
      --begin;
    const std::u32string_view word = std::u32string_view(text_).substr(begin, at - begin);
    static const WordSet keys = {U"Ctrl", U"Control", U"Cmd", U"Command", U"Shift",
                                 U"Alt",  U"Option",  U"Win", U"Windows", U"Fn"};
    if (keys.count(word)) return put(at, at + 1, U" ");
    const bool zone = word == U"UTC" || word == U"GMT";
    return zone && is_digit(draft_.at(at + 1)) ? between(at, at + 1, U"plus") : at;
  }

  // "where x is at least 0", "with at least 3".
  size_t compare(size_t begin, size_t end, std::u32string_view words) {
    size_t variable = begin;
    while (variable > 0 && text_[variable - 1] == U' ') --variable;
    const bool letter = variable > 0 && is_letter(text_[variable - 1]) &&
                        (variable == 1 || !is_word_character(text_[variable - 2]));
    return between(begin, end, (letter ? U"is " : U"") + std::u32string(words));
  }

  // "BP > one hundred forty": whether a number in words follows a space at `at`.
  bool says_number(size_t at) const {
    if (draft_.at(at) != U' ') return false;
    size_t end = at + 1;
    while (end < text_.size() && is_ascii_letter(text_[end]) && end - at < 12) ++end;
    static const WordSet numbers = {
        U"one",     U"two",     U"three",     U"four",     U"five",     U"six",      U"seven",
        U"eight",   U"nine",    U"ten",       U"eleven",   U"twelve",   U"thirteen", U"fourteen",
        U"fifteen", U"sixteen", U"seventeen", U"eighteen", U"nineteen", U"twenty",   U"thirty",
        U"forty",   U"fifty",   U"sixty",     U"seventy",  U"eighty",   U"ninety",   U"zero"};
    return numbers.count(std::u32string_view(text_).substr(at + 1, end - at - 1)) > 0;
  }

  // >= <= != and <10, and > between the names of a menu.
  size_t read_comparison(size_t at) {
    const char32_t c = text_[at];
    if (draft_.at(at + 1) == U'=' && draft_.at(at + 2) != U'=') {
      if (c == U'!') return between(at, at + 2, U"is not equal to");
      return compare(at, at + 2, c == U'>' ? U"at least" : U"at most");
    }
    const bool leads = before(at) == 0 || is_mark(before(at)) || is_one_of(before(at), U" (");
    if (c != U'!' && leads && is_digit(draft_.at(at + 1))) {
      return put(at, at + 1, c == U'<' ? U"less than " : U"more than ");
    }
    if (c != U'!' && before(at) == U' ' && is_letter(left(at)) && says_number(at + 1)) {
      return put(at, at + 1, c == U'<' ? U"is less than" : U"is more than");
    }
    if (c != U'>' || before(at) != U' ' || draft_.at(at + 1) != U' ') return at;
    size_t end = at;
    while (end > draft_.replaced_until() && text_[end - 1] == U' ') --end;
    size_t begin = end;
    while (begin > 0 && is_letter(text_[begin - 1]) && end - begin < 20) --begin;
    const bool names = begin < end && is_upper(text_[begin]) && is_upper(right(at + 1));
    return names ? put(end, at + 1, U",") : at;
  }

  size_t read_equals(size_t at) {
    size_t end = at;
    while (end < text_.size() && text_[end] == U'=') ++end;
    if (end - at > 3) return put(at, end, U" ");
    if (draft_.at(end) == U'>' && end - at == 1) return between(at, end + 1, U"to");
    const bool compared = is_one_of(before(at), U"<>!+-*/");
    if (compared) return end;
    const bool letters = is_word_character(before(at)) && is_word_character(draft_.at(end));
    // "(x - 2) = 0", "3! = 6", "7, = 7"
    const bool spaced = before(at) == U' ' && draft_.at(end) == U' ' &&
                        is_one_of(left(at), U"!),%'") && is_word_character(right(end));
    if (spaced) return put(at, end, U"equals");
    if (is_operator(at, end - at) || letters) return between(at, end, U"equals");
    return end;
  }

  // "8 tablets/24 hours"
  bool is_time(size_t at) const {
    while (is_digit(draft_.at(at))) ++at;
    const std::u32string_view rest = std::u32string_view(text_).substr(std::min(at, text_.size()));
    return rest.starts_with(U" hour") || rest.starts_with(U" minute") ||
           rest.starts_with(U" day") || rest.starts_with(U" week");
  }

  // "2 cups/day", "60 frames/s": so many things in a time; 0 for another slash.
  size_t read_rate_of_things(size_t at) {
    static const WordMap times = {
        {U"day", U"day"},    {U"week", U"week"},     {U"month", U"month"},   {U"year", U"year"},
        {U"hour", U"hour"},  {U"minute", U"minute"}, {U"second", U"second"}, {U"s", U"second"},
        {U"sec", U"second"}, {U"min", U"minute"},    {U"hr", U"hour"},       {U"h", U"hour"},
        {U"wk", U"week"},    {U"mo", U"month"},      {U"yr", U"year"},       {U"night", U"night"}};
    const std::u32string_view things = letters_until(text_, at), time = letters_from(text_, at + 1);
    const auto found = times.find(time);
    const size_t end = at + 1 + time.size(), begin = at - things.size();
    if (found == times.end() || times.count(things) || things.size() < 3 ||
        is_word_character(draft_.at(end)) || draft_.at(end) == U'/') {
      return 0;
    }
    const bool counted = begin > 1 && text_[begin - 1] == U' ' &&
                         (is_digit(text_[begin - 2]) || letters_before(text_, begin) == U"one");
    const bool several = things.back() == U's' && is_lower(things[0]) && time.size() > 2;
    return counted || several ? between(at, end, U"per " + found->second) : 0;
  }

  size_t read_slash(size_t at) {
    const char32_t l = before(at), r = draft_.at(at + 1);
    if (l == U' ' && r == U' ') return put(at, at + 1, U",");
    const bool variable =
        is_ascii_letter(l) && is_digit(r) && (at < 2 || !is_word_character(text_[at - 2]));
    if (variable) return between(at, at + 1, U"over");
    if (is_letter(l) && is_digit(r) && is_time(at + 1)) return between(at, at + 1, U"per");
    if (const size_t end = read_rate_of_things(at)) return end;
    if (!is_letter(l) || !is_letter(r)) return at;
    size_t begin = at, end = at + 1;
    while (begin > draft_.replaced_until() && is_letter(text_[begin - 1]) && at - begin < 20)
      --begin;
    while (end < text_.size() && is_letter(text_[end]) && end - at < 20) ++end;
    const std::u32string pair = lower_case(std::u32string_view(text_).substr(begin, end - begin));
    if (std::find(std::begin(kOrPairs), std::end(kOrPairs), pair) != std::end(kOrPairs)) {
      const bool says_or = pair.size() > 3 && pair.substr(pair.size() - 3) == U"/or";
      return put(at, at + 1, says_or ? U" " : U" or ");
    }
    // AC/DC, TCP/IP: names; red/green: a choice.
    const bool names = is_upper(l) && is_upper(r) &&
                       !is_name_of_day(std::u32string_view(text_).substr(begin, at - begin));
    return put(at, at + 1, names ? U" " : U", ");
  }

  size_t read_tilde(size_t at) {
    const char32_t l = before(at), r = draft_.at(at + 1);
    const bool leads = l == 0 || is_mark(l) || is_one_of(l, U" (");
    if (!leads || !(is_word_character(r) || is_one_of(r, U"$\u20AC\u00A3"))) {
      // "hello~" draws a word out.
      return put(at, at + 1, U"");
    }
    const std::u32string word = word_before(at);
    const bool said = word == U"about" || word == U"roughly" || word == U"around";
    return said ? put(at, at + 1, U"") : between(at, at + 1, U"about");
  }

  std::u32string word_before(size_t end) const {
    while (end > 0 && text_[end - 1] == U' ') --end;
    size_t begin = end;
    while (begin > 0 && is_letter(text_[begin - 1]) && end - begin < 12) --begin;
    return lower_case(std::u32string_view(text_).substr(begin, end - begin));
  }

  // What markup left, and nobody says. Between words it may be a name: snake_case, C#.
  size_t read_leftover(size_t at) {
    size_t end = at;
    while (end < text_.size() && text_[end] == text_[at]) ++end;
    const char32_t l = before(at), r = draft_.at(end);
    const bool spaced =
        l == U' ' && r == U' ' && is_word_character(left(at)) && is_word_character(right(end));
    if (text_[at] == U'_' && end - at == 1 && is_word_character(l) && is_word_character(r))
      return end;
    if (text_[at] == U'#' && is_letter(l)) return end;
    if (text_[at] == U'*' && end - at == 1 && (spaced || (is_digit(l) && is_digit(r)))) return end;
    const bool power = text_[at] == U'^' || (text_[at] == U'*' && end - at == 2 && is_digit(r));
    if (power && is_word_character(l) && is_word_character(r)) {
      const bool digit = !is_word_character(draft_.at(end + 1));
      if (digit && r == U'2') return between(at, end + 1, U"squared");
      if (digit && r == U'3') return between(at, end + 1, U"cubed");
      return between(at, end, U"to the power of");
    }
    // f*** is a word that someone did not write out.
    if (text_[at] == U'*' && is_letter(l) && end - at >= 2) return end;
    const bool joins = is_word_character(l) && is_word_character(r);
    return put(at, end, joins ? U" " : U"");
  }
};

}  // namespace

void read_symbols(Draft& draft) { SymbolReader(draft).read(); }

}  // namespace echo
