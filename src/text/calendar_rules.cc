#include <algorithm>
#include <optional>

#include "text/characters.h"
#include "text/neighbors.h"
#include "text/number_readers.h"
#include "text/number_words.h"
#include "text/rules.h"
#include "text/tables.h"

namespace echo {
namespace {

// Of a year that is written with four digits or two.
struct Year {
  size_t end = 0;
  int value = 0;
  bool is_short = false;

  std::u32string words() const { return year_words(wide(std::to_string(value))); }
};

class CalendarReader {
 public:
  explicit CalendarReader(Draft& draft) : draft_(draft), text_{draft.text()} {}

  void read() {
    for (size_t at = 0; at < text_.text.size(); ++at) {
      const char32_t c = text_.text[at];
      if (!is_digit(c) && !is_one_of(c, U"FCQHEPMGUBIJA")) continue;
      if (at > 0 && (is_word_character(text_.text[at - 1]) || is_one_of(text_.text[at - 1], U"_.")))
        continue;
      if (const size_t end = read_at(at)) at = end - 1;
    }
    draft_.commit();
  }

 private:
  // Where what was read ends; 0 when nothing was.
  size_t read_at(size_t at) {
    const char32_t c = text_.text[at];
    if (is_digit(c)) return read_counted_part(at);
    const bool year = (c == U'F' || c == U'C') && text_.at(at + 1) == U'Y';
    if (year) return read_year(at);
    const bool part = (c == U'Q' && is_one_of(text_.at(at + 1), U"1234")) ||
                      (c == U'H' && is_one_of(text_.at(at + 1), U"12"));
    return part ? read_part(at) : read_zone(at);
  }

  std::optional<Year> year_at(size_t at) const {
    Year year{at, 0, false};
    while (is_digit(text_.at(year.end)) && year.end - at < 5) {
      year.value = year.value * 10 + static_cast<int>(text_.at(year.end++) - U'0');
    }
    year.is_short = year.end - at == 2;
    if (year.is_short) year.value += year.value < 50 ? 2000 : 1900;
    const bool known = year.is_short || (year.end - at == 4 && year.value / 150 == 13);  // to 2099
    return known ? std::optional(year) : std::nullopt;
  }

  // No decimal, no larger number and no percentage goes on there.
  bool ends_year(size_t at) const {
    const char32_t next = text_.at(at + 1);
    return text_.ends_at(at) && text_.at(at) != U'%' &&
           !(is_one_of(text_.at(at), U".,/-\u2013") && is_digit(next));
  }

  size_t put(size_t begin, size_t end, const std::u32string& words) {
    draft_.say(begin, end, words, Rule::kNumber);
    return end;
  }

  // FY2025, FY24, FY2023/24
  size_t read_year(size_t at) {
    size_t begin = at + 2;
    if (text_.at(begin) == U' ') ++begin;
    if (text_.at(begin) == U'\'') ++begin;
    const auto first = year_at(begin);
    if (!first) return 0;
    const std::u32string name = text_.at(at) == U'F' ? U"fiscal year" : U"calendar year";
    if (is_one_of(text_.at(first->end), U"/-\u2013")) {
      const auto last = year_at(first->end + 1);
      if (last && ends_year(last->end) && last->value > first->value) {
        const bool one = last->value == first->value + 1;
        return put(at, last->end,
                   name + (one ? U" " : U"s ") + first->words() + U" to " +
                       (last->is_short ? short_words(last->value) : last->words()));
      }
    }
    if (!ends_year(first->end)) return 0;
    return put(
        at, first->end,
        name + U" " +
            (first->is_short ? first->words() : std::u32string(text_.text.substr(begin, 4))));
  }

  // Q4'22, Q3/23, Q1 2023, H1 2024, Q2FY25
  size_t read_part(size_t at) {
    size_t begin = at + 2;
    if (text_.text.substr(begin, 2) == U"FY" && is_digit(text_.at(begin + 2))) {
      draft_.replace(begin, begin, U" ", Rule::kNumber);
      return std::max(read_year(begin), begin);
    }
    const bool space = text_.at(begin) == U' ';
    if (space) ++begin;
    const bool mark = text_.at(begin) == U'\'' || (!space && is_one_of(text_.at(begin), U"/-"));
    if (mark) ++begin;
    const auto year = space || mark ? year_at(begin) : std::nullopt;
    const bool meant =
        year && ends_year(year->end) && (!year->is_short || (mark && text_.at(begin - 1) != U'-'));
    if (!meant) return 0;
    // "Q1 2023-Q3 2024"
    const bool range = is_one_of(text_.at(year->end), U"-\u2013") &&
                       is_one_of(text_.at(year->end + 1), U"QH") &&
                       is_digit(text_.at(year->end + 2));
    return put(at + 2, year->end + (range ? 1 : 0), U" " + year->words() + (range ? U" to " : U""));
  }

  // 2Q24, 1H 2024
  size_t read_counted_part(size_t at) {
    const char32_t count = text_.text[at], kind = text_.at(at + 1);
    if (kind == U'/' || is_digit(kind)) return read_central_time(at);
    const bool part =
        (kind == U'Q' && is_one_of(count, U"1234")) || (kind == U'H' && is_one_of(count, U"12"));
    if (!part) return 0;
    size_t begin = at + 2;
    const bool space = text_.at(begin) == U' ';
    if (is_one_of(text_.at(begin), U" '")) ++begin;
    const auto year = year_at(begin);
    if (!year || !ends_year(year->end) || (space && year->is_short)) return 0;
    return put(at, year->end, std::u32string{kind, count, U' '} + year->words());
  }

  // 8/7c, when something begins in the east and an hour earlier in the middle of the country.
  size_t read_central_time(size_t at) {
    const auto east = parse_literal(text_, at);
    if (!east || east->small_value() < 2 || text_.at(east->end) != U'/') return 0;
    const auto central = parse_literal(text_, east->end + 1);
    if (!central || central->small_value() != east->small_value() - 1 || east->small_value() > 12 ||
        text_.at(central->end) != U'c' || !text_.ends_at(central->end + 1)) {
      return 0;
    }
    return put(at, central->end + 1,
               cardinal_words(east->whole) + U", " + cardinal_words(central->whole) + U" central");
  }

  static std::u32string short_words(int year) {
    const int rest = year % 100;
    if (rest == 0) return Year{0, year, false}.words();
    return (rest < 10 ? U"oh " : U"") + cardinal_words(wide(std::to_string(rest)));
  }

  // Behind a time ET is spelled, and a slash before the next time is a pause: "9 a.m. PST/noon".
  size_t read_zone(size_t at) {
    static const WordSet zones = {U"ET",  U"CT",  U"MT",   U"PT",  U"EST", U"EDT",  U"CST",
                                  U"CDT", U"MST", U"MDT",  U"PST", U"PDT", U"GMT",  U"UTC",
                                  U"BST", U"CET", U"CEST", U"IST", U"JST", U"AEST", U"AEDT"};
    const std::u32string_view zone = letters_from(text_.text, at);
    const size_t end = at + zone.size();
    if (zones.count(zone) == 0 || !text_.ends_at(end) || !follows_time(at, end)) return 0;
    if (zone.size() == 2) {
      draft_.replace(at, end, std::u32string{zone[0], U' ', zone[1]}, Rule::kAbbreviation);
    }
    const std::u32string_view next = letters_from(text_.text, end + 1);
    const bool more = is_digit(text_.at(end + 1)) || next == U"noon" || next == U"midnight";
    if (text_.at(end) != U'/' || !more) return end;
    draft_.replace(end, end + 1, U", ", Rule::kSymbol);
    return end + 1;
  }

  // "5:30 ", "5 p m ", "noon ", and "at 5 " where nothing is counted: "looked at 2 CT scans".
  bool follows_time(size_t at, size_t zone_end) const {
    if (at < 2) return false;
    const size_t end = text_.at(at - 1) == U' ' ? at - 1 : at;
    const std::u32string_view word = letters_until(text_.text, end);
    const std::u32string last = lower_case(word);
    if (last == U"noon" || last == U"midnight") return true;
    const auto back = [&](size_t places) {
      return end >= places ? text_.at(end - places) : char32_t{0};
    };
    if (last == U"am" || last == U"pm") return back(3) == U' ' || is_digit(back(3));
    if (last == U"m") return is_one_of(back(2), U" .") && is_one_of(back(3) | 0x20, U"ap");
    if (back(1) == U'.') return (back(2) | 0x20) == U'm' && back(3) == U'.';
    if (!is_digit(back(1))) return false;
    const size_t digits = is_digit(back(2)) ? 2 : 1;
    if (digits == 2 && back(3) == U':') return is_digit(back(4));
    const bool counts = text_.at(zone_end) == U' ' && is_letter(text_.at(zone_end + 1));
    return !counts && back(digits + 1) == U' ' &&
           (back(digits + 2) == U'@' || letters_until(text_.text, end - digits - 1) == U"at");
  }

  Draft& draft_;
  NumberText text_;
};

}  // namespace

void read_calendar(Draft& draft) { CalendarReader(draft).read(); }

}  // namespace echo
