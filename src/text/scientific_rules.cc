#include "text/characters.h"
#include "text/number_readers.h"
#include "text/number_words.h"

namespace echo {
namespace {

// 1.5e10
std::optional<Reading> read_exponent(const NumberText& text, const Literal& number) {
  size_t at = number.end;
  if ((text.at(at) | 0x20) != U'e') return std::nullopt;
  const char32_t sign = text.at(++at);
  if (is_one_of(sign, U"+-")) ++at;
  const auto power = parse_literal(text, at);
  if (!power || !power->is_integer() || power->whole.size() > 3 || !text.ends_at(power->end)) {
    return std::nullopt;
  }
  return Reading{power->end, quantity_words(number) + U" times ten to the " +
                                 (sign == U'-' ? U"minus " : U"") + cardinal_words(power->whole)};
}

// 3.0×10⁸, 6.02 x 10^23
std::optional<Reading> read_power_of_ten(const NumberText& text, const Literal& number) {
  size_t at = number.end;
  if (text.at(at) == U' ') ++at;
  if (!is_one_of(text.at(at), U"xX\u00D7\u00B7*")) return std::nullopt;
  ++at;
  if (text.at(at) == U' ') ++at;
  if (text.at(at) != U'1' || text.at(at + 1) != U'0') return std::nullopt;
  at += 2;
  std::u32string power;
  bool minus = false;
  if (text.at(at) == U'^') {
    minus = text.at(++at) == U'-';
    if (minus) ++at;
    while (is_digit(text.at(at)) && power.size() < 4) power += text.at(at++);
  } else {
    minus = text.at(at) == U'\u207B';
    if (minus) ++at;
    for (; power.size() < 4; ++at) {
      const char32_t c = text.at(at);
      if (c == U'\u00B9') {
        power += U'1';
      } else if (is_one_of(c, U"\u00B2\u00B3")) {
        power += c - 0x80;
      } else if (c >= 0x2070 && c <= 0x2079) {
        power += c - 0x2040;
      } else {
        break;
      }
    }
  }
  if (power.empty() || power.size() > 3 || !text.ends_at(at)) return std::nullopt;
  Reading reading{at, quantity_words(number) + U" times ten to the " + (minus ? U"minus " : U"") +
                          cardinal_words(power)};
  add_unit(text, reading, true);
  if (const auto per = reading.end == at ? read_per(text, at) : std::nullopt) {
    return Reading{per->end, reading.words + per->words};  // 7.2 x10^9/L
  }
  return reading;
}

}  // namespace

std::optional<Reading> read_scientific(const NumberText& text, const Literal& number) {
  if (const auto exponent = read_exponent(text, number)) return exponent;
  return read_power_of_ten(text, number);
}

}  // namespace echo
