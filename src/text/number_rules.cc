#include <algorithm>

#include "base/utf8.h"
#include "text/characters.h"
#include "text/number_readers.h"
#include "text/number_words.h"
#include "text/rules.h"
#include "text/tables.h"

namespace echo {
namespace {

constexpr size_t kPlainDigits = 4;      // so many stay in auto
constexpr size_t kMaxValueDigits = 12;  // longer ones are read digit by digit
constexpr std::u32string_view kCurrencySigns = U"$\u20AC\u00A3\u00A5\u20B9\u20A9\u20BD\u20BA";
constexpr std::u32string_view kVulgar =
    U"\u00BC\u00BD\u00BE\u2150\u2151\u2152\u2153\u2154\u2155"
    U"\u2156\u2157\u2158\u2159\u215A\u215B\u215C\u215D\u215E";

bool is_currency_sign(char32_t c) { return c < 128 ? c == U'$' : is_one_of(c, kCurrencySigns); }

class NumberReader {
 public:
  NumberReader(Draft& draft, const TextOptions& options)
      : draft_(draft), text_{draft.text(), options.numbers, options.date_order} {}

  void read() {
    for (size_t at = 0; at < text_.text.size();) {
      if (!begins_number(at)) {
        // The rest of a word is none: "B2B", "mp3".
        at = is_word_character(text_.at(at)) ? word_end(at) : at + 1;
        continue;
      }
      const auto reading = read_at(at);
      if (reading && reading->end > at) {
        at = put(at, *reading);
      } else {
        at = std::max(at + 1, skipped_end(at));
      }
    }
    draft_.commit();
  }

 private:
  size_t word_end(size_t at) const {
    while (at < text_.text.size() && is_word_character(text_.at(at))) ++at;
    return at;
  }

  // A number that was not understood, with the letters that belong to it.
  size_t skipped_end(size_t at) const {
    if (!is_digit(text_.at(at))) return at + 1;
    const auto literal = parse_literal(text_, at);
    return word_end(literal ? literal->end : at);
  }

  bool begins_number(size_t at) const {
    const char32_t c = text_.at(at), next = text_.at(at + 1);
    const char32_t before = at > 0 ? text_.at(at - 1) : U' ';
    if (is_ascii_letter(c)) {
      const bool price = is_currency_sign(next) || is_currency_sign(text_.at(at + 2));
      const bool code = is_upper(c) && is_currency_code(text_, at);
      const bool pair = is_upper(c) && text_.at(at + 3) == U'/';
      if (!price && !code && !pair && !(c == U'v' && is_digit(next))) return false;
      return !is_word_character(before) && !is_one_of(before, U"_@\\");
    }
    if (is_digit(c)) return !is_word_character(before) || is_one_of(before, kVulgar);
    if (is_currency_sign(c)) return true;
    if (c >= 128) return is_one_of(c, kVulgar);
    if (!is_one_of(c, U"-+.('")) return false;
    const bool spaced =
        at == 0 || is_white_space(before) || is_one_of(before, U"([\"'") || before > 0x10FFFF;
    if (is_one_of(c, U"-+.") && is_digit(next)) return spaced || at == after_slash_;
    if (is_one_of(c, U"-+") && next == U'.' && is_digit(text_.at(at + 2))) return spaced;
    if (c == U'-' && is_currency_sign(next)) return spaced;
    if (c == U'(' && is_digit(next)) return true;
    return c == U'\'' && is_digit(next) && spaced;
  }

  std::optional<Reading> read_at(size_t at) const {
    const char32_t c = text_.at(at);
    if (const auto phone = read_phone(text_, at)) return phone;
    if (c == U'(') return std::nullopt;
    if (c == U'-' || c == U'+') return read_signed(at);
    if (const auto pair = read_currency_pair(text_, at)) return pair;
    if (const auto money = read_money(text_, at)) return money;
    if (at != after_slash_ && is_part_of_another(at)) return std::nullopt;
    for (const auto reader : {read_date, read_time, read_technical, read_fraction, read_range,
                              read_form, read_measure}) {
      if (const auto reading = reader(text_, at)) return reading;
    }
    return read_plain(at);
  }

  bool is_part_of_another(size_t at) const {
    if (at < 2) return false;
    const char32_t before = text_.at(at - 1), last = text_.at(at - 2);
    // Behind a word and a hyphen a number is a part of a name, COVID-19, and so it is behind a
    // slash.
    if (is_one_of(before, U"-/") && is_letter(last)) return !names_part_of_time(at);
    // A part of something longer that was not understood.
    return is_one_of(before, U"-/:.,") && is_digit(last);
  }

  // "mid-1800s"
  bool names_part_of_time(size_t at) const {
    for (const std::u32string_view part : {U"mid-", U"late-", U"early-", U"pre-", U"post-"}) {
      if (at < part.size() || text_.text.substr(at - part.size(), part.size()) != part) continue;
      return at == part.size() || !is_word_character(text_.at(at - part.size() - 1));
    }
    return false;
  }

  std::optional<Reading> read_signed(size_t at) const {
    auto reading = read_at(at + 1);
    if (!reading) {
      const auto literal = parse_literal(text_, at + 1);
      if (!literal || !text_.ends_at(literal->end)) return std::nullopt;
      reading = Reading{literal->end, styled_number(text_, *literal)};
    }
    if (text_.at(at) == U'-') {
      reading->words.insert(0, U"minus ");
    } else if (!rises(at)) {
      reading->words.insert(0, U"plus ");
    }
    return reading;
  }

  // "up +1.35" has said it.
  bool rises(size_t at) const {
    return at >= 3 && text_.text.substr(at - 3, 3) == U"up " &&
           (at == 3 || !is_word_character(text_.at(at - 4)));
  }

  std::optional<Reading> read_plain(size_t at) const {
    const auto literal = parse_literal(text_, at);
    if (!literal || !text_.ends_at(literal->end)) return std::nullopt;
    if (is_postal_code(at, *literal) || is_code(at, *literal))
      return Reading{literal->end, digit_words(literal->whole)};
    const std::u32string words = styled_number(text_, *literal);
    if (words == text_.text.substr(at, literal->end - at)) return std::nullopt;
    return Reading{literal->end, words};
  }

  // "IL 62704", and ", 75001 Paris"
  bool is_postal_code(size_t at, const Literal& number) const {
    if (number.whole.size() != 5 || !number.decimals.empty() || number.grouped || at < 3 ||
        text_.at(at - 1) != U' ') {
      return false;
    }
    if (text_.at(at - 2) == U',') {
      return text_.at(number.end) == U' ' && is_upper(text_.at(number.end + 1));
    }
    return is_upper(text_.at(at - 2)) && is_upper(text_.at(at - 3)) &&
           (at == 3 || !is_word_character(text_.at(at - 4)));
  }

  // "Your code is 482913", "account 1234567"
  bool is_code(size_t at, const Literal& number) const {
    if (number.whole.size() <= kPlainDigits || !number.is_integer() || number.grouped) return false;
    static const WordSet codes = {U"code",    U"codes",    U"PIN",      U"pin",      U"passcode",
                                  U"account", U"password", U"ID",       U"id",       U"ticket",
                                  U"order",   U"case",     U"tracking", U"reference"};
    size_t end = at;
    for (int words = 0; words < 3; ++words) {
      while (end > 0 && is_one_of(text_.at(end - 1), U" :#")) --end;
      size_t begin = end;
      while (begin > 0 && is_letter(text_.at(begin - 1)) && end - begin < 10) --begin;
      const std::u32string_view word = text_.text.substr(begin, end - begin);
      if (codes.count(word)) return true;
      if (word != U"is" && word != U"number") return false;
      end = begin;
    }
    return false;
  }

  // Returns where to go on.
  size_t put(size_t at, const Reading& reading) {
    std::u32string words = reading.words;
    // "$0.02/1K"
    const bool price = is_currency_sign(text_.at(at));
    // "100 g/3.5 oz", "-40°F/-40°C"
    const bool minus = text_.at(reading.end + 1) == U'-' && !price;
    if (text_.at(reading.end) == U'/' && is_digit(text_.at(reading.end + (minus ? 2 : 1))) &&
        (price || reading.parted || !is_digit(text_.at(reading.end - 1)))) {
      after_slash_ = reading.end + 1;
      draft_.say(at, after_slash_, words + (price ? U" per " : U", "), Rule::kNumber);
      return after_slash_;
    }
    // "5kg" has no space, the words need one: "1½ cups", "20€each".
    if (is_ascii_letter(text_.at(reading.end)) || is_digit(text_.at(reading.end))) words += U' ';
    draft_.say(at, reading.end, words, Rule::kNumber);
    return reading.end;
  }

  Draft& draft_;
  NumberText text_;
  size_t after_slash_ = 0;  // where a number goes on that a slash parts from the one before it
};

}  // namespace

bool NumberText::ends_at(size_t place) const {
  const char32_t c = at(place);
  if (c == U'_') return false;
  return !is_word_character(c) || is_cjk(c);
}

int Literal::small_value() const {
  if (!decimals.empty() || whole.empty() || whole.size() > 6) return -1;
  int value = 0;
  for (const char32_t c : whole) value = value * 10 + static_cast<int>(c - U'0');
  return value;
}

namespace {

// Where ",00,000" and ",34,56,789" end, as lakhs and crores are grouped; 0 where there is none.
size_t indian_groups_end(const NumberText& text, size_t at) {
  constexpr int kMostPairs = 4;
  const auto is_digits = [&](size_t place, size_t count) {
    for (size_t i = 0; i < count; ++i) {
      if (!is_digit(text.at(place + i))) return false;
    }
    return !is_digit(text.at(place + count));
  };
  int pairs = 0;
  while (pairs < kMostPairs && text.at(at) == U',' && is_digits(at + 1, 2)) {
    at += 3;
    ++pairs;
  }
  const bool whole = pairs > 0 && text.at(at) == U',' && is_digits(at + 1, 3) &&
                     !(text.at(at + 4) == U',' && is_digit(text.at(at + 5)));
  return whole ? at + 4 : 0;
}

}  // namespace

std::optional<Literal> parse_literal(const NumberText& text, size_t at) {
  Literal number;
  size_t end = at;
  while (is_digit(text.at(end))) number.whole.push_back(text.at(end++));
  if (end == at && !(text.at(at) == U'.' && is_digit(text.at(at + 1)))) return std::nullopt;
  const auto is_group = [&](size_t place, char32_t comma) {
    return text.at(place) == comma && is_digit(text.at(place + 1)) &&
           is_digit(text.at(place + 2)) && is_digit(text.at(place + 3)) &&
           !is_digit(text.at(place + 4));
  };
  if (number.whole.size() <= 3 && number.whole.size() >= 1 && number.whole[0] != U'0') {
    // 1.234.567 is how Europe groups; one point alone is decimal.
    const char32_t comma = is_group(end, U'.') && is_group(end + 4, U'.') ? U'.' : U',';
    while (is_group(end, comma)) {
      number.whole += text.text.substr(end + 1, 3);
      number.grouped = true;
      end += 4;
    }
  }
  if (!number.grouped && number.whole.size() <= 2) {
    if (const size_t last = indian_groups_end(text, end)) {
      for (; end < last; ++end) {
        if (text.at(end) != U',') number.whole += text.at(end);
      }
      number.grouped = true;
    }
  }
  if (text.at(end) == U'.' && is_digit(text.at(end + 1))) {
    size_t last = end + 1;
    while (is_digit(text.at(last))) ++last;
    number.decimals = text.text.substr(end + 1, last - end - 1);
    end = last;
  }
  number.end = end;
  return number;
}

std::u32string quantity_words(const Literal& number) {
  if (!number.decimals.empty()) return decimal_words(number.whole, number.decimals);
  return cardinal_words(number.whole);
}

std::u32string year_or_quantity(const Literal& number) {
  const int value = number.grouped ? -1 : number.small_value();
  return value >= 1100 && value < 2100 ? year_words(number.whole) : quantity_words(number);
}

std::u32string styled_number(const NumberText& text, const Literal& number) {
  if (number.is_integer()) {
    const bool zeros = number.whole.size() > 1 && number.whole[0] == U'0';
    if (number.whole.size() > kMaxValueDigits && !number.grouped) return digit_words(number.whole);
    if (text.style == NumberStyle::kWords) {
      return zeros ? digit_words(number.whole) : year_or_quantity(number);
    }
    if (number.whole.size() <= kPlainDigits && !number.grouped) return number.whole;
    if (zeros) return digit_words(number.whole);
  }
  return quantity_words(number);
}

size_t range_dash_end(const NumberText& text, size_t at) {
  size_t end = at;
  while (text.at(end) == U' ' && end < at + 1) ++end;
  const bool space = end > at;
  if (!is_one_of(text.at(end), U"-\u2013\u2014")) return 0;
  const bool dash = text.at(end) != U'-';
  ++end;
  // "10 - 5" is arithmetic.
  if (space && (!dash || text.at(end) != U' ')) return 0;
  if (space) ++end;
  const char32_t first = text.at(end);
  const bool begins = is_digit(first) || is_one_of(first, U"$\u20AC\u00A3");
  return begins || is_one_of(first, kVulgar) ? end : 0;
}

void read_numbers(Draft& draft, const TextOptions& options) { NumberReader(draft, options).read(); }

}  // namespace echo
