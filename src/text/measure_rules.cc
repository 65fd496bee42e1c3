#include <algorithm>
#include <array>
#include <map>

#include "text/characters.h"
#include "text/neighbors.h"
#include "text/number_readers.h"
#include "text/number_words.h"
#include "text/tables.h"

namespace echo {
namespace {

constexpr size_t kLongestUnit = 7;

struct MeasureUnit {
  std::u32string one, several;
};

const std::map<std::u32string, MeasureUnit, std::less<>>& units() {
  static const auto map = [] {
    std::map<std::u32string, MeasureUnit, std::less<>> all;
    for (const auto& row : table_rows(table_units)) {
      all[row[0]] = {row[1], row.size() > 2 ? row[2] : row[1]};
    }
    return all;
  }();
  return map;
}

// Which lengths units have that begin with a character like this, a bit each: few of a number's
// followers need be looked up.
unsigned unit_lengths(char32_t first) {
  static const auto lengths = [] {
    std::array<unsigned, 256> all{};
    for (const auto& unit : units()) all[unit.first[0] & 255] |= 1U << unit.first.size();
    return all;
  }();
  return lengths[first & 255];
}

// The word after one space at `at`; empty where there is none.
std::u32string_view next_word(const NumberText& text, size_t at) {
  if (text.at(at) != U' ') return {};
  size_t end = at + 1;
  while (is_letter(text.at(end)) && end - at < 20) ++end;
  return text.text.substr(at + 1, end - at - 1);
}

// "a 400g tin", "a 4 min read": what is measured stands behind its measure.
bool measures_next(const NumberText& text, size_t at) {
  static const WordSet nouns = table_words(table_measured_nouns);
  return nouns.count(next_word(text, at)) > 0;
}

// "2h 14m", "14m 30s": whether the m behind the number that ends at `at` is minutes.
bool counts_minutes(const NumberText& text, size_t at) {
  size_t next = text.at(at + 1) == U' ' ? at + 2 : at + 1;
  const size_t digits = next;
  while (is_digit(text.at(next)) && next - digits < 3) ++next;
  if (next > digits && text.at(next) == U's' && text.ends_at(next + 1)) return true;
  size_t begin = at;
  while (begin > 0 && is_digit(text.at(begin - 1))) --begin;
  if (begin == at || begin == 0) return false;
  if (text.at(begin - 1) == U' ') --begin;
  return begin >= 2 && text.at(begin - 1) == U'h' && is_digit(text.at(begin - 2));
}

// "6 ft 2 in", "3 x 4 in": whether the number that ends at `at` follows feet or another side.
bool follows_length(const NumberText& text, size_t at) {
  size_t begin = at;
  while (begin > 0 && at - begin < 12 &&
         (is_digit(text.at(begin - 1)) || is_one_of(text.at(begin - 1), U"./"))) {
    --begin;
  }
  if (begin == 0 || text.at(begin - 1) != U' ') return false;
  size_t end = begin - 1;
  if (end > 0 && text.at(end - 1) == U'.') --end;
  const std::u32string_view word = letters_until(text.text, end);
  static const WordSet lengths = {U"ft", U"feet", U"foot", U"x", U"X", U"by"};
  return lengths.count(word) > 0 || (end > 0 && text.at(end - 1) == U'\u00D7');
}

// Whether a word follows at `at` that no length stands before: "in the box", "in his socks".
bool begins_place(const NumberText& text, size_t at) {
  static const WordSet words = {U"the", U"a",     U"an",    U"his",   U"her",  U"my",
                                U"our", U"your",  U"their", U"its",   U"this", U"that",
                                U"all", U"these", U"those", U"which", U"one",  U"total"};
  return words.count(next_word(text, at)) > 0;
}

// Whether "in", which ends at `end`, is inches: "2 in wide", but not "2 in the box".
bool counts_inches(const NumberText& text, size_t at, size_t end) {
  if (text.at(at) == U'-') return text.at(end) != U'-';
  if (text.at(at) != U' ') return true;
  static const WordSet ways = {U"wide", U"long", U"tall", U"deep", U"thick", U"high", U"across"};
  if (ways.count(next_word(text, end))) return true;
  return follows_length(text, at) && !begins_place(text, end) && !is_digit(text.at(end + 1));
}

// "2 c. flour", "1 pt. cream": whether a small word follows, as nothing does at a sentence's end.
bool measures_food(const NumberText& text, size_t at, std::u32string_view unit, size_t end) {
  const std::u32string_view next = next_word(text, end);
  if (text.at(at) != U' ' || next.size() < 2 || !is_lower(next[0])) return false;
  if (unit == U"T.") return next != U"rex";
  return unit != U"pt." || (next != U"and" && next != U"or");
}

// "a 12 pt. font"
bool prints_next(const NumberText& text, size_t at) {
  static const WordSet prints = {U"font", U"type", U"text", U"size", U"lead", U"typeface"};
  return prints.count(next_word(text, at)) > 0;
}

// Whether a name of the table that is also a word, or another's, is a unit here.
bool is_meant(const NumberText& text, size_t at, std::u32string_view unit, size_t end) {
  if (unit == U"in") return counts_inches(text, at, end);
  if (unit == U"in.") {
    // "There were 10 in. Then ..." has no inches.
    const char32_t next = text.at(end) == U' ' ? text.at(end + 1) : text.at(end);
    return text.at(at) != U' ' || follows_length(text, at) ||
           (is_lower(next) && !begins_place(text, end)) || is_one_of(next, U",;)");
  }
  if (unit == U"c." || unit == U"t." || unit == U"T." || unit == U"pt.") {
    return measures_food(text, at, unit, end);
  }
  if (unit == U"m" && text.at(at) != U' ') return !counts_millions(text, end);
  return true;
}

}  // namespace

bool is_inch_sign(const NumberText& text, size_t at) {
  constexpr size_t kReach = 300;
  if (text.at(at) != U'"' || is_word_character(text.at(at + 1))) return false;
  bool open = false;
  for (size_t i = at; i-- > 0 && at - i < kReach && text.at(i) <= 0x10FFFF;) {
    open = open != (text.at(i) == U'"');
  }
  return !open;
}

std::u32string unit_words(std::u32string_view unit, bool several) {
  const auto found = units().find(unit);
  if (found == units().end()) return {};
  return several ? found->second.several : found->second.one;
}

std::optional<Reading> read_unit(const NumberText& text, size_t at, bool several) {
  const bool space = text.at(at) == U' ';
  const bool hyphen = text.at(at) == U'-';
  const size_t begin = at + (space || hyphen ? 1 : 0);
  if (is_digit(text.at(begin)) || text.at(begin) == U' ') return std::nullopt;
  const unsigned lengths = unit_lengths(text.at(begin));
  for (size_t size = std::min(kLongestUnit, text.text.size() - std::min(begin, text.text.size()));
       size > 0; --size) {
    if ((lengths >> size & 1) == 0) continue;
    const std::u32string_view name = text.text.substr(begin, size);
    const auto found = units().find(name);
    if (found == units().end() || !text.ends_at(begin + size)) continue;
    if (name.back() == U'.' && text.at(begin + size) == U'.') continue;  // an ellipsis
    if (!is_meant(text, at, name, begin + size)) continue;
    if (hyphen && !is_letter(name[0])) continue;
    if (name == U"m" && !space && !hyphen && counts_minutes(text, at)) {
      return Reading{begin + size, several ? U" minutes" : U" minute"};
    }
    if (name == U"pt." && prints_next(text, begin + size)) return Reading{begin + size, U" point"};
    std::u32string words = hyphen ? U"-" : U" ";
    const bool plural = several && !hyphen && !measures_next(text, begin + size);
    words += plural ? found->second.several : found->second.one;
    size_t next = begin + size;
    while (text.at(next) == U' ') ++next;
    // "5 lb." at a sentence's end has one point for two.
    const bool ends =
        name.back() == U'.' && (next >= text.text.size() || text.at(next) > 0x10FFFF ||
                                (next > begin + size && is_upper(text.at(next))));
    if (ends) words += U'.';
    return Reading{begin + size, words};
  }
  return std::nullopt;
}

bool counts_millions(const NumberText& text, size_t at) {
  static const WordSet nouns = table_words(table_counted_nouns);
  return nouns.count(next_word(text, at)) > 0;
}

std::optional<Reading> read_per(const NumberText& text, size_t at) {
  if (text.at(at) != U'/') return std::nullopt;
  size_t end = at + 1;
  while (is_letter(text.at(end)) && end - at < 16) ++end;
  // "kg/m³", "m/s²" though is said as it comes.
  const std::u32string_view name = text.text.substr(at + 1, end - at);
  if (end > at + 1 && is_one_of(text.at(end), U"\u00B2\u00B323") && text.ends_at(end + 1)) {
    const std::u32string power = unit_words(name, false);
    if (!power.empty()) return Reading{end + 1, U" per " + power};
  }
  if (end == at + 1 || !text.ends_at(end) || text.at(end) == U'/') return std::nullopt;
  const std::u32string_view word = text.text.substr(at + 1, end - at - 1);
  const auto unit = units().find(word);
  std::u32string said = unit == units().end() ? std::u32string(word) : unit->second.one;
  if (word == U"mo") said = U"month";
  if (word == U"wk") said = U"week";
  if (word == U"y") said = U"year";
  if (word == U"d") said = U"day";
  // "$1,500/mo. + utilities": a point that ends no sentence.
  const bool is_short = word == U"mo" || word == U"wk" || word == U"yr" || word == U"hr";
  if (is_short && text.at(end) == U'.' && text.at(end + 1) == U' ' &&
      (is_lower(text.at(end + 2)) || is_one_of(text.at(end + 2), U"+&("))) {
    ++end;
  }
  return Reading{end, U" per " + said};
}

void add_unit(const NumberText& text, Reading& reading, bool several) {
  if (const auto unit = read_unit(text, reading.end, several)) {
    reading.end = unit->end;
    reading.words += unit->words;
    if (const auto per = read_per(text, reading.end)) {
      reading.end = per->end;
      reading.words += per->words;
    } else if (text.text.substr(reading.end, 5) == U"/100 " &&
               text.text.substr(reading.end + 5, 2) == U"km" && text.ends_at(reading.end + 7)) {
      reading.end += 7;
      reading.words += U" per 100 kilometers";
    }
  }
}

namespace {

// 51°30'N, 40.7128° N; nothing where no direction follows the degrees.
std::optional<Reading> read_coordinate(const NumberText& text, const Literal& degrees) {
  if (text.at(degrees.end) != U'\u00B0') return std::nullopt;
  std::u32string words =
      styled_number(text, degrees) + (degrees.is_one() ? U" degree" : U" degrees");
  size_t end = degrees.end + 1;
  for (const auto& [sign, name] : {std::pair(U'\'', U" minute"), {U'"', U" second"}}) {
    const size_t begin = text.at(end) == U' ' ? end + 1 : end;
    const auto part = parse_literal(text, begin);
    if (!part || text.at(part->end) != sign) break;
    words += U" " + styled_number(text, *part) + name + (part->is_one() ? U"" : U"s");
    end = part->end + 1;
  }
  if (text.at(end) == U' ') ++end;
  if (!text.ends_at(end + 1)) return std::nullopt;
  for (const auto& [sign, name] :
       {std::pair(U'N', U" north"), {U'S', U" south"}, {U'E', U" east"}, {U'W', U" west"}}) {
    if (text.at(end) == sign) return Reading{end + 1, words + name};
  }
  return std::nullopt;
}

}  // namespace

std::optional<Reading> read_measure(const NumberText& text, size_t at) {
  const auto number = parse_literal(text, at);
  if (!number) return std::nullopt;
  if (const auto coordinate = read_coordinate(text, *number)) return coordinate;
  // An oven's heat: 180C, 350F.
  const char32_t scale = text.at(number->end);
  if ((scale == U'C' || scale == U'F') && number->whole.size() == 3 && number->is_integer() &&
      text.ends_at(number->end + 1)) {
    return Reading{number->end + 1,
                   styled_number(text, *number) +
                       (scale == U'C' ? U" degrees Celsius" : U" degrees Fahrenheit")};
  }
  // 5'10"
  if (text.at(number->end) == U'\'' && number->small_value() > 0 &&
      is_digit(text.at(number->end + 1))) {
    const auto inches = parse_literal(text, number->end + 1);
    const int most = inches ? inches->small_value() : -1;
    if (most >= 0 && most < 12 && text.at(inches->end) == U'"') {
      return Reading{inches->end + 1,
                     quantity_words(*number) + U" foot " + quantity_words(*inches)};
    }
    // 30'48": so many inches are a time.
    if (most >= 12 && most < 60 && text.at(inches->end) == U'"') {
      return Reading{inches->end + 1, quantity_words(*number) +
                                          (number->is_one() ? U" minute " : U" minutes ") +
                                          quantity_words(*inches) + U" seconds"};
    }
  }
  Reading reading{number->end, styled_number(text, *number)};
  if (is_inch_sign(text, number->end)) {
    // 10" x 12"
    const size_t end = number->end + 1;
    const bool by = text.at(end) == U' ' && is_one_of(text.at(end + 1), U"x\u00D7") &&
                    text.at(end + 2) == U' ' && is_digit(text.at(end + 3));
    return Reading{by ? end + 2 : end, reading.words + (by ? U" inch by" : U" inch")};
  }
  if (!read_unit(text, number->end, !number->is_one())) return std::nullopt;
  add_unit(text, reading, !number->is_one());
  return reading;
}

}  // namespace echo
