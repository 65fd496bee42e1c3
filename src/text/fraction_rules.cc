#include <algorithm>

#include "text/characters.h"
#include "text/neighbors.h"
#include "text/number_readers.h"
#include "text/number_words.h"

namespace echo {
namespace {

struct VulgarFraction {
  char32_t sign;
  std::u32string_view top, bottom;
};

constexpr VulgarFraction kVulgarFractions[] = {
    {U'\u00BD', U"1", U"2"}, {U'\u2153', U"1", U"3"}, {U'\u2154', U"2", U"3"},
    {U'\u00BC', U"1", U"4"}, {U'\u00BE', U"3", U"4"}, {U'\u2155', U"1", U"5"},
    {U'\u2156', U"2", U"5"}, {U'\u2157', U"3", U"5"}, {U'\u2158', U"4", U"5"},
    {U'\u2159', U"1", U"6"}, {U'\u215A', U"5", U"6"}, {U'\u2150', U"1", U"7"},
    {U'\u215B', U"1", U"8"}, {U'\u215C', U"3", U"8"}, {U'\u215D', U"5", U"8"},
    {U'\u215E', U"7", U"8"}, {U'\u2151', U"1", U"9"}, {U'\u2152', U"1", U"10"},
};

struct Fraction {
  size_t end = 0;
  std::u32string top, bottom;
};

std::optional<Fraction> parse_fraction(const NumberText& text, size_t at) {
  for (const VulgarFraction& vulgar : kVulgarFractions) {
    if (text.at(at) == vulgar.sign) {
      return Fraction{at + 1, std::u32string(vulgar.top), std::u32string(vulgar.bottom)};
    }
  }
  const auto top = parse_literal(text, at);
  if (!top || top->small_value() < 0 || text.at(top->end) != U'/') return std::nullopt;
  const auto bottom = parse_literal(text, top->end + 1);
  if (!bottom || bottom->small_value() < 0 || bottom->grouped || top->grouped) return std::nullopt;
  if (bottom->whole.size() > 4 || top->whole.size() > 4) return std::nullopt;
  if (text.at(bottom->end) == U'/' || !text.ends_at(bottom->end)) {
    if (!read_unit(text, bottom->end, false)) return std::nullopt;
  }
  return Fraction{bottom->end, top->whole, bottom->whole};
}

int value(std::u32string_view digits) {
  int result = 0;
  for (const char32_t c : digits) result = result * 10 + static_cast<int>(c - U'0');
  return result;
}

bool is_cooking_denominator(int bottom) {
  return (bottom >= 2 && bottom <= 9) || bottom == 12 || bottom == 16 || bottom == 32 ||
         bottom == 64;
}

std::u32string fraction_words(const Fraction& fraction) {
  const bool several = value(fraction.top) != 1;
  return cardinal_words(fraction.top) + U" " + denominator_words(fraction.bottom, several);
}

// The word before a number.
std::u32string word_before(const NumberText& text, size_t begin) {
  size_t end = begin;
  while (end > 0 && text.at(end - 1) == U' ') --end;
  size_t word = end;
  while (word > 0 && is_letter(text.at(word - 1)) && end - word < 10) --word;
  return lower_case(text.text.substr(word, end - word));
}

bool is_one_of_words(std::u32string_view word, std::initializer_list<std::u32string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// "8/10 points", "I give it 4/5"
bool rates(const NumberText& text, size_t begin, size_t at) {
  return is_one_of_words(word_before(text, begin),
                         {U"it", U"rating", U"score", U"scored", U"rated", U"rate"}) ||
         text.text.substr(at, 5) == U" star" || text.text.substr(at, 6) == U" point";
}

// "part 1/3"
bool counts(const NumberText& text, size_t begin) {
  return is_one_of_words(word_before(text, begin), {U"part", U"page", U"slide", U"episode", U"step",
                                                    U"chapter", U"question", U"round", U"level"});
}

// "odds of 5/1", "a 7/2 favourite"
bool is_odds(const NumberText& text, size_t begin, size_t at) {
  size_t end = begin;
  while (end > 0 && text.at(end - 1) == U' ') --end;
  std::u32string_view word = letters_until(text.text, end);
  if (word == U"of" || word == U"at" || word == U"are") {
    word = letters_before(text.text, end - word.size());
  }
  const std::u32string_view next =
      text.at(at) == U' ' ? letters_from(text.text, at + 1) : std::u32string_view();
  return word == U"odds" || word == U"Odds" ||
         is_one_of_words(next,
                         {U"favourite", U"favorite", U"odds", U"outsider", U"shot", U"against"});
}

// "an 80/20 split", "20/20 vision": said one after the other.
bool is_pair(const NumberText& text, int top, int bottom, size_t at) {
  if ((top == 24 && bottom == 7) || (top == 9 && bottom == 11)) return true;
  if (top + bottom == 100 && top % 5 == 0 && top > 0 && bottom > 0) return true;
  const std::u32string_view next =
      text.at(at) == U' ' ? letters_from(text.text, at + 1) : std::u32string_view();
  return top == 20 && bottom == 20 && (next == U"vision" || next == U"hindsight");
}

std::u32string slashed_words(const NumberText& text, size_t begin, const Fraction& fraction) {
  const int top = value(fraction.top), bottom = value(fraction.bottom);
  const std::u32string first = cardinal_words(fraction.top),
                       second = cardinal_words(fraction.bottom);
  if (is_pair(text, top, bottom, fraction.end)) return first + U" " + second;
  if (is_odds(text, begin, fraction.end)) return first + U" to " + second;
  if (counts(text, begin)) return first + U" of " + second;
  if (rates(text, begin, fraction.end)) return first + U" out of " + second;
  if (top > 0 && top < bottom && is_cooking_denominator(bottom)) return fraction_words(fraction);
  if (top <= bottom && (bottom % 5 == 0)) return first + U" out of " + second;
  return first + U" over " + second;
}

// 2023/24, 2023/2024: a season or a school year, when the second is the next year.
std::optional<Reading> read_two_years(const NumberText& text, const Fraction& fraction) {
  const int first = value(fraction.top), last = value(fraction.bottom);
  const size_t digits = fraction.bottom.size();
  const bool next =
      (digits == 4 && last == first + 1) || (digits == 2 && last == (first + 1) % 100);
  if (!next || first < 1100 || first >= 2100 || !text.ends_at(fraction.end)) return std::nullopt;
  // 1999/00 ends with a new century's year, which is said whole.
  const std::u32string to = digits == 2 && last > 0
                                ? (last < 10 ? U"oh " : U"") + cardinal_words(fraction.bottom)
                                : year_words(wide(std::to_string(first + 1)));
  return Reading{fraction.end, year_words(fraction.top) + U" to " + to};
}

// "gas mark 6/200°C": what has a scale of its own is no part of what has none.
std::optional<Reading> read_mark_of_oven(const NumberText& text, size_t at) {
  const auto mark = parse_literal(text, at);
  if (!mark || mark->whole.size() > 2 || !mark->is_integer() || text.at(mark->end) != U'/' ||
      !is_one_of_words(word_before(text, at), {U"mark", U"gas"})) {
    return std::nullopt;
  }
  const auto heat = parse_literal(text, mark->end + 1);
  const bool scale = heat && heat->whole.size() == 3 &&
                     (text.at(heat->end) == U'\u00B0' ||
                      (is_one_of(text.at(heat->end), U"CF") && text.ends_at(heat->end + 1)));
  return scale ? std::optional(Reading{mark->end, mark->whole, true}) : std::nullopt;
}

// 4.6/5, 8.5/10
std::optional<Reading> read_rating(const NumberText& text, size_t at) {
  const auto mark = parse_literal(text, at);
  if (!mark || mark->decimals.empty() || text.at(mark->end) != U'/') return std::nullopt;
  const auto best = parse_literal(text, mark->end + 1);
  const int value = best ? best->small_value() : -1;
  const bool usual = value == 5 || value == 10 || value == 100;
  if (!usual || !text.ends_at(best->end) || text.at(best->end) == U'/') return std::nullopt;
  return Reading{best->end, quantity_words(*mark) + U" out of " + quantity_words(*best)};
}

struct Amount {
  size_t end = 0;
  std::u32string words;
  bool several = false;  // more than one of what is counted
};

// 1½, 1 1/2, ½
std::optional<Amount> parse_broken_amount(const NumberText& text, size_t at) {
  if (!is_digit(text.at(at))) {
    const auto part = parse_fraction(text, at);
    if (!part) return std::nullopt;
    return Amount{part->end, fraction_words(*part), false};
  }
  const auto whole = parse_literal(text, at);
  if (!whole || whole->small_value() < 0 || whole->grouped) return std::nullopt;
  const bool space = text.at(whole->end) == U' ';
  const size_t behind = whole->end + (space ? 1 : 0);
  const auto part = parse_fraction(text, behind);
  const bool vulgar = part && !is_digit(text.at(behind));
  if (!part || (!space && !vulgar) || value(part->top) >= value(part->bottom) ||
      !is_cooking_denominator(value(part->bottom))) {
    return std::nullopt;
  }
  return Amount{part->end, cardinal_words(whole->whole) + U" and " + fraction_words(*part), true};
}

// The same, and 2.
std::optional<Amount> parse_amount(const NumberText& text, size_t at) {
  if (auto broken = parse_broken_amount(text, at)) return broken;
  const auto whole = parse_literal(text, at);
  if (!whole) return std::nullopt;
  return Amount{whole->end, quantity_words(*whole), !whole->is_one()};
}

}  // namespace

std::optional<Reading> read_fraction(const NumberText& text, size_t at) {
  if (const auto amount = parse_broken_amount(text, at)) {
    Reading reading{amount->end, amount->words};
    bool several = amount->several;
    // 1½–2, ½–¾
    const size_t next = range_dash_end(text, amount->end);
    const auto last = next > 0 ? parse_amount(text, next) : std::nullopt;
    const bool range = last && (text.ends_at(last->end) || read_unit(text, last->end, true));
    if (range) {
      reading = {last->end, amount->words + U" to " + last->words};
      several = last->several;
    }
    // ½ alone is read below.
    if (range || is_digit(text.at(at))) {
      add_unit(text, reading, several);
      return reading;
    }
  }
  if (const auto rating = read_rating(text, at)) return rating;
  if (const auto mark = read_mark_of_oven(text, at)) return mark;
  const auto fraction = parse_fraction(text, at);
  if (!fraction) return std::nullopt;
  const bool written = is_digit(text.at(at));
  if (const auto years = written ? read_two_years(text, *fraction) : std::nullopt) return years;
  Reading reading{fraction->end,
                  written ? slashed_words(text, at, *fraction) : fraction_words(*fraction)};
  if (is_inch_sign(text, reading.end)) {
    return Reading{reading.end + 1, reading.words + U" inch"};
  }
  add_unit(text, reading, reading.words.find(U" over ") != reading.words.npos);
  return reading;
}

std::optional<Reading> read_range(const NumberText& text, size_t at) {
  const auto first = parse_literal(text, at);
  if (!first || letters_before(text.text, at) == U"Boeing") return std::nullopt;  // 737-800
  const bool percent = text.at(first->end) == U'%';
  const size_t next = range_dash_end(text, first->end + (percent ? 1 : 0));
  if (next == 0) return std::nullopt;
  const auto last = parse_literal(text, next);
  if (!last || text.at(last->end) == U'-' || text.at(last->end) == U'\u2013') return std::nullopt;
  const bool zeros = first->whole.size() > 1 && first->whole[0] == U'0';
  if (zeros) return std::nullopt;
  // No range ends with a zero in front: an invoice, 2024-0315.
  if (last->is_integer() && last->whole.size() > 2 && last->whole[0] == U'0') {
    if (!first->is_integer() || percent || !text.ends_at(last->end)) return std::nullopt;
    return Reading{last->end, digit_words(first->whole) + U", " + digit_words(last->whole)};
  }
  Reading reading{last->end, {}};
  const int from = first->small_value(), to = last->small_value();
  // With spaces a dash may be one between dates: "1815 – 27 November".
  if (text.at(next - 1) == U' ' && from >= 0 && to >= 0 && to < from) return std::nullopt;
  // 1990-95 names two years.
  const bool years = from >= 1100 && from < 2100 && !first->grouped &&
                     ((to >= 1100 && to < 2100) || (last->whole.size() == 2 && to > from % 100));
  reading.words = (years ? year_words(first->whole) : quantity_words(*first)) + U" to " +
                  (years ? year_or_quantity(*last) : quantity_words(*last));
  // 1-1½
  const auto part = is_digit(text.at(last->end)) ? std::nullopt : parse_fraction(text, last->end);
  if (part && !years) {
    reading.end = part->end;
    reading.words += U" and " + fraction_words(*part);
  }
  add_unit(text, reading, true);
  return text.ends_at(reading.end) ? std::optional(reading) : std::nullopt;
}

}  // namespace echo
