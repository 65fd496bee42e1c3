#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "text/characters.h"
#include "text/number_readers.h"
#include "text/number_words.h"

namespace echo {
namespace {

constexpr size_t kMaxGroups = 6;

std::u32string letters_and_digits(std::u32string_view text) {
  std::u32string result;
  for (const char32_t c : text) {
    if (!result.empty()) result += U' ';
    result +=
        is_digit(c) ? digit_words(std::u32string_view(&c, 1)) : std::u32string(1, upper_case(c));
  }
  return result;
}

// Groups of digits between single separators.
struct Groups {
  size_t end = 0;
  std::vector<std::u32string> digits;
};

Groups parse_groups(const NumberText& text, size_t at, std::u32string_view separators) {
  Groups groups;
  size_t place = at;
  while (is_digit(text.at(place)) && groups.digits.size() < kMaxGroups) {
    std::u32string digits;
    while (is_digit(text.at(place))) digits.push_back(text.at(place++));
    groups.digits.push_back(std::move(digits));
    groups.end = place;
    if (!is_one_of(text.at(place), separators) || !is_digit(text.at(place + 1))) break;
    ++place;
  }
  return groups;
}

std::u32string phone_words(const std::vector<std::u32string>& groups, bool plus) {
  std::u32string words = plus ? U"plus " : U"";
  for (size_t i = 0; i < groups.size(); ++i) {
    if (i > 0) words += U", ";
    words += digit_words(groups[i]);
  }
  return words;
}

bool has_sizes(const Groups& groups, std::initializer_list<size_t> sizes) {
  return groups.digits.size() == sizes.size() &&
         std::equal(
             sizes.begin(), sizes.end(), groups.digits.begin(),
             [](size_t size, const std::u32string& digits) { return digits.size() == size; });
}

std::optional<Reading> read_international(const NumberText& text, size_t at) {
  // +1 (555) 123-4567, +49 30 1234567
  std::vector<std::u32string> groups;
  size_t digits = 0, end = at + 1;
  for (size_t place = at + 1; place < text.text.size() && place - at < 32;) {
    if (is_digit(text.at(place))) {
      std::u32string group;
      while (is_digit(text.at(place))) group.push_back(text.at(place++));
      digits += group.size();
      groups.push_back(std::move(group));
      end = text.at(place) == U')' ? place + 1 : place;
      continue;
    }
    if (!is_one_of(text.at(place), U" -.()")) break;
    ++place;
  }
  if (digits < 8 || digits > 15 || groups.size() < 2 || !text.ends_at(end)) return std::nullopt;
  return Reading{end, phone_words(groups, true)};
}

std::optional<Reading> read_version(const NumberText& text, size_t at) {
  const bool letter = text.at(at) == U'v';
  const Groups groups = parse_groups(text, at + (letter ? 1 : 0), U".");
  if (groups.digits.empty() || !text.ends_at(groups.end)) return std::nullopt;
  // 3.11.x
  const bool any = text.at(groups.end) == U'.' && text.at(groups.end + 1) == U'x' &&
                   text.ends_at(groups.end + 2);
  if (groups.digits.size() < (letter || any ? 1 : 3)) return std::nullopt;
  // "slash v1 slash users" is a path.
  const bool path = letter && at >= 6 && text.text.substr(at - 6, 6) == U"slash ";
  if (path) return std::nullopt;
  const bool address = !letter && groups.digits.size() == 4 &&
                       std::all_of(groups.digits.begin(), groups.digits.end(), [](const auto& d) {
                         return d.size() <= 3 && (d.size() < 3 || d <= U"255");
                       });
  // 1.234.567 is a number.
  const bool grouped = std::all_of(groups.digits.begin() + 1, groups.digits.end(),
                                   [](const auto& digits) { return digits.size() == 3; });
  if (!letter && !address && !any && grouped) return std::nullopt;
  std::u32string words = letter ? U"version " : U"";
  for (size_t i = 0; i < groups.digits.size(); ++i) {
    if (i > 0) words += address ? U" dot " : U" point ";
    words += address ? digit_words(groups.digits[i]) : cardinal_words(groups.digits[i]);
  }
  size_t end = groups.end;
  if (any) return Reading{end + 2, words + U" point x"};
  if (address && text.at(end) == U':' && is_digit(text.at(end + 1))) {
    const Groups port = parse_groups(text, end + 1, U"");
    words += U" port " + digit_words(port.digits[0]);
    end = port.end;
  }
  // v3.0.0-rc.1
  for (const auto& [sign, word] :
       {std::pair(U"-rc", U" release candidate"), {U"-alpha", U" alpha"}, {U"-beta", U" beta"}}) {
    const std::u32string_view stage = sign;
    if (address || text.text.substr(end, stage.size()) != stage) continue;
    size_t number = end + stage.size();
    if (text.at(number) == U'.' && is_digit(text.at(number + 1))) ++number;
    const Groups count = parse_groups(text, number, U"");
    const size_t last = count.digits.empty() ? number : count.end;
    if (!text.ends_at(last)) continue;
    words += word;
    if (!count.digits.empty()) words += U" " + cardinal_words(count.digits[0]);
    end = last;
  }
  return Reading{end, words};
}

// 3f2a9c1: the short name of a commit.
std::optional<Reading> read_hash(const NumberText& text, size_t at) {
  size_t end = at, letters = 0;
  while (is_digit(text.at(end)) || is_one_of(text.at(end), U"abcdef")) {
    letters += is_digit(text.at(end)) ? 0 : 1;
    ++end;
  }
  if (end - at < 7 || end - at > 12 || letters < 2 || !text.ends_at(end)) return std::nullopt;
  return Reading{end, letters_and_digits(text.text.substr(at, end - at))};
}

std::optional<Reading> read_hexadecimal(const NumberText& text, size_t at) {
  if (text.at(at) != U'0' || text.at(at + 1) != U'x') return std::nullopt;
  size_t end = at + 2;
  while (is_digit(text.at(end)) || is_one_of(text.at(end) | 0x20, U"abcdef")) ++end;
  if (end == at + 2 || end - at > 18 || !text.ends_at(end)) return std::nullopt;
  return Reading{end, U"zero X " + letters_and_digits(text.text.substr(at + 2, end - at - 2))};
}

std::optional<Reading> read_ordinal(const NumberText& text, const Literal& number) {
  if (!number.is_integer() || number.whole.size() > 12) return std::nullopt;
  const std::u32string suffix = lower_case(text.text.substr(number.end, 2));
  if (suffix != U"st" && suffix != U"nd" && suffix != U"rd" && suffix != U"th") return std::nullopt;
  if (!text.ends_at(number.end + 2)) return std::nullopt;
  return Reading{number.end + 2, ordinal_words(number.whole)};
}

// "1m 30s": whether the number at `at` comes after hours or minutes.
bool counts_time(const NumberText& text, size_t at) {
  if (at > 0 && text.at(at - 1) == U' ') --at;
  return at >= 2 && is_one_of(text.at(at - 1), U"mh") && is_digit(text.at(at - 2));
}

// 1990s, 1990's, 90s, '90s
std::optional<Reading> read_one_decade(const NumberText& text, size_t at) {
  const bool short_form = text.at(at) == U'\'';
  const auto number = parse_literal(text, at + (short_form ? 1 : 0));
  if (!number || !number->is_integer() || number->grouped) return std::nullopt;
  size_t end = number->end;
  if (text.at(end) == U'\'' && text.at(end + 1) == U's') ++end;
  if (text.at(end) != U's' || !text.ends_at(end + 1)) return std::nullopt;
  const std::u32string& digits = number->whole;
  if (digits.back() != U'0') return std::nullopt;
  if (digits.size() == 2 && digits[0] > U'1' && !counts_time(text, at)) {
    return Reading{end + 1, plural_tens(digits)};
  }
  const int year = number->small_value();
  if (short_form || digits.size() != 4 || year < 1100 || year >= 2100) return std::nullopt;
  if (year % 1000 == 0) return Reading{end + 1, cardinal_words(digits) + U"s"};
  const std::u32string century = cardinal_words(std::u32string_view(digits).substr(0, 2));
  if (year % 100 == 0) return Reading{end + 1, century + U" hundreds"};
  const std::u32string_view tens = std::u32string_view(digits).substr(2);
  if (tens[0] == U'1') return Reading{end + 1, century + U" tens"};
  return Reading{end + 1, century + U" " + plural_tens(tens)};
}

// The same, and 1990s-2000s, the '80s-'90s, 1960s-70s, the 90s-00s.
std::optional<Reading> read_decade(const NumberText& text, size_t at) {
  auto reading = read_one_decade(text, at);
  if (!reading || !is_one_of(text.at(reading->end), U"-\u2013")) return reading;
  const size_t next = reading->end + 1;
  const size_t digits = text.at(next) == U'\'' ? next + 1 : next;
  const bool turn = text.text.substr(digits, 3) == U"00s" && text.ends_at(digits + 3);
  const auto last = turn ? Reading{digits + 3, U"two thousands"} : read_one_decade(text, next);
  if (!last) return reading;
  return Reading{last->end, reading->words + U" to " + last->words};
}

// 1920x1080, 3 x 4
std::optional<Reading> read_dimensions(const NumberText& text, const Literal& first) {
  // A screen is said as a year is: "nineteen twenty by ten eighty".
  const auto side = [](const Literal& number) {
    return number.small_value() >= 1000 && number.whole.size() == 4 ? year_words(number.whole)
                                                                    : quantity_words(number);
  };
  // What is multiplied has a result, or is so much of something: "3 x 4 = 12", "2 x 150g".
  const auto multiplies = [&](size_t last, bool space) {
    size_t next = last;
    while (text.at(next) == U' ') ++next;
    const auto unit = read_unit(text, last, true);
    return text.at(next) == U'=' ||
           (space && unit && text.at(last) != U' ' && !read_unit(text, first.end, true));
  };
  std::u32string words = side(first);
  size_t end = first.end;
  for (int more = 0; more < 2; ++more) {
    size_t place = end;
    const bool space = text.at(place) == U' ';
    if (space) ++place;
    if (!is_one_of(text.at(place), U"xX\u00D7")) break;
    ++place;
    if (space != (text.at(place) == U' ')) break;
    if (space) ++place;
    const auto next = parse_literal(text, place);
    if (!next) break;
    words += (multiplies(next->end, space) ? U" times " : U" by ") + side(*next);
    end = next->end;
  }
  if (end == first.end) return std::nullopt;
  Reading reading{end, words};
  // 2x4s are timber, and no seconds.
  const bool timber = text.at(end) == U's' && text.ends_at(end + 1) && end == first.end + 2 &&
                      is_one_of(text.at(end - 1), U"234689") && first.small_value() <= 8;
  if (timber) return Reading{end + 1, words + (words.ends_with(U"x") ? U"es" : U"s")};
  if (const auto unit = read_unit(text, end, true)) {
    reading.end = unit->end;
    reading.words += unit->words;
  }
  return text.ends_at(reading.end) ? std::optional(reading) : std::nullopt;
}

// Whether what ends at `at` is a term of algebra, "3x^2 - 2x + 1", and no multiple of something.
bool is_term(const NumberText& text, size_t at) {
  if (is_one_of(text.at(at), U"^\u00B2\u00B3*+=")) return true;
  for (const std::u32string_view word : {U" squared", U" cubed", U" plus ", U" minus ", U" equals ",
                                         U" to the power", U" divided"}) {
    if (text.text.substr(at, word.size()) == word) return true;
  }
  return text.at(at) == U' ' && is_one_of(text.at(at + 1), U"-+=*/<>") && text.at(at + 2) == U' ';
}

std::optional<Reading> read_suffix(const NumberText& text, const Literal& number) {
  const char32_t suffix = text.at(number.end);
  for (const auto& [sign, word] :
       {std::pair(U"bn", U" billion"), {U"mn", U" million"}, {U"tn", U" trillion"}}) {
    if (text.text.substr(number.end, 2) == sign && text.ends_at(number.end + 2)) {
      return Reading{number.end + 2, quantity_words(number) + word};
    }
  }
  if (!text.ends_at(number.end + 1)) return std::nullopt;
  if ((suffix == U'x' && !is_term(text, number.end + 1)) || suffix == U'\u00D7') {
    Reading reading{number.end + 1,
                    quantity_words(number) + (number.is_one() ? U" time" : U" times")};
    if (const auto per = read_per(text, reading.end)) {
      reading.end = per->end;
      reading.words += per->words;
    }
    return reading;
  }
  if (suffix == U'm' && counts_millions(text, number.end + 1)) {
    return Reading{number.end + 1, quantity_words(number) + U" million"};
  }
  const int value = number.small_value();
  if (suffix == U'M') return Reading{number.end + 1, quantity_words(number) + U" million"};
  // 4K is a screen and 5K a run.
  const bool thousand = is_one_of(suffix, U"Kk") && (value < 0 || value > 10);
  if (thousand) return Reading{number.end + 1, quantity_words(number) + U" thousand"};
  return std::nullopt;
}

}  // namespace

std::optional<Reading> read_phone(const NumberText& text, size_t at) {
  if (text.at(at) == U'+') return read_international(text, at);
  if (text.at(at) == U'(') {
    const Groups area = parse_groups(text, at + 1, U"");
    if (!has_sizes(area, {3}) || text.at(area.end) != U')') return std::nullopt;
    const size_t begin = area.end + (text.at(area.end + 1) == U' ' ? 2 : 1);
    const Groups rest = parse_groups(text, begin, U"-. ");
    if (!has_sizes(rest, {3, 4}) || !text.ends_at(rest.end)) return std::nullopt;
    return Reading{rest.end, phone_words({area.digits[0], rest.digits[0], rest.digits[1]}, false)};
  }
  if (!is_digit(text.at(at))) return std::nullopt;
  size_t first_end = at;
  while (is_digit(text.at(first_end))) ++first_end;
  for (const std::u32string_view separator : {U"-", U".", U" "}) {
    if (text.at(first_end) != separator[0] || !is_digit(text.at(first_end + 1))) continue;
    const Groups groups = parse_groups(text, at, separator);
    if (!text.ends_at(groups.end) || is_one_of(text.at(groups.end), U"-/%")) continue;
    const bool phone = has_sizes(groups, {3, 3, 4}) || has_sizes(groups, {1, 3, 3, 4});
    const bool short_phone = separator == U"-" && has_sizes(groups, {3, 4});
    const bool postal = separator == U"-" && has_sizes(groups, {5, 4});
    // A book's number.
    const size_t digits =
        std::accumulate(groups.digits.begin(), groups.digits.end(), size_t{0},
                        [](size_t sum, const std::u32string& group) { return sum + group.size(); });
    const bool book =
        separator == U"-" && groups.digits.size() >= 4 && (digits == 10 || digits == 13);
    const bool card = separator != U"." && has_sizes(groups, {4, 4, 4, 4});
    // 020 7946 0958: with a zero in front, as in most of Europe.
    const bool national = separator != U"." && groups.digits[0][0] == U'0' &&
                          groups.digits[0].size() >= 3 && groups.digits.size() <= 4 &&
                          digits >= 9 && digits <= 12;
    if (national || phone || short_phone || postal || book || card)
      return Reading{groups.end, phone_words(groups.digits, false)};
  }
  return std::nullopt;
}

std::optional<Reading> read_technical(const NumberText& text, size_t at) {
  if (const auto hexadecimal = read_hexadecimal(text, at)) return hexadecimal;
  if (const auto hash = read_hash(text, at)) return hash;
  if (const auto version = read_version(text, at)) return version;
  // 3:1, 16:9
  const auto first = parse_literal(text, at);
  if (!first || first->small_value() < 0 || text.at(first->end) != U':') return std::nullopt;
  const auto second = parse_literal(text, first->end + 1);
  if (!second || second->small_value() < 0 || !text.ends_at(second->end)) return std::nullopt;
  // Minutes beyond an hour, or several verses: chapter and verse.
  if (const size_t next = range_dash_end(text, second->end)) {
    if (const auto last = parse_literal(text, next); last && text.ends_at(last->end)) {
      return Reading{last->end, quantity_words(*first) + U" " + quantity_words(*second) + U" to " +
                                    quantity_words(*last)};
    }
  }
  const bool ratio = second->whole.size() == 1 || second->grouped;
  return Reading{second->end,
                 quantity_words(*first) + (ratio ? U" to " : U" ") + year_or_quantity(*second)};
}

std::optional<Reading> read_form(const NumberText& text, size_t at) {
  if (const auto decade = read_decade(text, at)) return decade;
  const auto number = parse_literal(text, at);
  if (!number) return std::nullopt;
  if (const auto ordinal = read_ordinal(text, *number)) return ordinal;
  if (const auto scientific = read_scientific(text, *number)) return scientific;
  if (const auto dimensions = read_dimensions(text, *number)) return dimensions;
  return read_suffix(text, *number);
}

}  // namespace echo
