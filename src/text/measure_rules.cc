#include <algorithm>
#include <array>
#include <map>

#include "text/characters.h"
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

// "There were 10 in. Then ..." has no inches.
bool needs_no_space(std::u32string_view unit) { return unit == U"in."; }

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
    if (space && needs_no_space(name)) continue;
    if (name.back() == U'.' && text.at(begin + size) == U'.') continue;  // an ellipsis
    if (name == U"m" && !space && counts_millions(text, begin + size)) continue;
    if (hyphen && !is_letter(name[0])) continue;
    if (name == U"m" && !space && !hyphen && counts_minutes(text, at)) {
      return Reading{begin + size, several ? U" minutes" : U" minute"};
    }
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
  if (end == at + 1 || !text.ends_at(end) || text.at(end) == U'/') return std::nullopt;
  const std::u32string_view word = text.text.substr(at + 1, end - at - 1);
  const auto unit = units().find(word);
  std::u32string said = unit == units().end() ? std::u32string(word) : unit->second.one;
  if (word == U"mo") said = U"month";
  if (word == U"wk") said = U"week";
  if (word == U"y") said = U"year";
  if (word == U"d") said = U"day";
  return Reading{end, U" per " + said};
}

void add_unit(const NumberText& text, Reading& reading, bool several) {
  if (const auto unit = read_unit(text, reading.end, several)) {
    reading.end = unit->end;
    reading.words += unit->words;
    if (const auto per = read_per(text, reading.end)) {
      reading.end = per->end;
      reading.words += per->words;
    }
  }
}

std::optional<Reading> read_measure(const NumberText& text, size_t at) {
  const auto number = parse_literal(text, at);
  if (!number) return std::nullopt;
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
  if (is_inch_sign(text, number->end)) return Reading{number->end + 1, reading.words + U" inch"};
  if (!read_unit(text, number->end, !number->is_one())) return std::nullopt;
  add_unit(text, reading, !number->is_one());
  return reading;
}

}  // namespace echo
