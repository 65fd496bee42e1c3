#include "text/number_words.h"

#include <array>
#include <cstdint>

#include "text/characters.h"

namespace echo {
namespace {

constexpr size_t kMaxDigits = 15;

constexpr std::array<std::u32string_view, 20> kSmall = {
    U"zero",     U"one",     U"two",     U"three",     U"four",     U"five",    U"six",
    U"seven",    U"eight",   U"nine",    U"ten",       U"eleven",   U"twelve",  U"thirteen",
    U"fourteen", U"fifteen", U"sixteen", U"seventeen", U"eighteen", U"nineteen"};
constexpr std::array<std::u32string_view, 10> kTens = {
    U"", U"", U"twenty", U"thirty", U"forty", U"fifty", U"sixty", U"seventy", U"eighty", U"ninety"};
constexpr std::array<std::u32string_view, 5> kThousands = {U"", U" thousand", U" million",
                                                           U" billion", U" trillion"};

std::u32string below_hundred(uint64_t value) {
  if (value < 20) return std::u32string(kSmall[value]);
  std::u32string words(kTens[value / 10]);
  if (value % 10 != 0) words += U"-" + std::u32string(kSmall[value % 10]);
  return words;
}

std::u32string below_thousand(uint64_t value) {
  if (value < 100) return below_hundred(value);
  std::u32string words = std::u32string(kSmall[value / 100]) + U" hundred";
  if (value % 100 != 0) words += U" " + below_hundred(value % 100);
  return words;
}

uint64_t value_of(std::u32string_view digits) {
  uint64_t value = 0;
  for (const char32_t c : digits) value = value * 10 + (c - U'0');
  return value;
}

std::u32string words_of(uint64_t value) {
  if (value == 0) return std::u32string(kSmall[0]);
  std::u32string words;
  uint64_t unit = 1;
  for (size_t i = 1; i < kThousands.size(); ++i) unit *= 1000;
  for (size_t i = kThousands.size(); i-- > 0; unit /= 1000) {
    const uint64_t part = value / unit % 1000;
    if (part == 0) continue;
    if (!words.empty()) words += U" ";
    words += below_thousand(part);
    words += kThousands[i];
  }
  return words;
}

// The ordinal of words that end in a cardinal: "twenty-fifth" of "twenty-five".
std::u32string made_ordinal(std::u32string words) {
  constexpr std::array<std::pair<std::u32string_view, std::u32string_view>, 7> kIrregular = {{
      {U"one", U"first"},
      {U"two", U"second"},
      {U"three", U"third"},
      {U"five", U"fifth"},
      {U"eight", U"eighth"},
      {U"nine", U"ninth"},
      {U"twelve", U"twelfth"},
  }};
  const size_t last = words.find_last_of(U" -") + 1;  // npos + 1 is 0
  const std::u32string_view word = std::u32string_view(words).substr(last);
  for (const auto& [cardinal, ordinal] : kIrregular) {
    if (word == cardinal) return words.substr(0, last) + std::u32string(ordinal);
  }
  if (words.back() == U'y') {
    words.back() = U'i';
    words += U'e';
  }
  return words + U"th";
}

}  // namespace

std::u32string cardinal_words(std::u32string_view digits) {
  while (digits.size() > 1 && digits.front() == U'0') digits.remove_prefix(1);
  return digits.size() > kMaxDigits ? digit_words(digits) : words_of(value_of(digits));
}

std::u32string ordinal_words(std::u32string_view digits) {
  return made_ordinal(cardinal_words(digits));
}

std::u32string year_words(std::u32string_view digits) {
  const uint64_t year = value_of(digits);
  const uint64_t century = year / 100, rest = year % 100;
  if (digits.size() != 4 || year % 1000 < 10 || (century % 10 == 0 && rest < 10)) {
    return words_of(year);
  }
  if (rest == 0) return below_hundred(century) + U" hundred";
  if (rest < 10) return below_hundred(century) + U" oh " + below_hundred(rest);
  return below_hundred(century) + U" " + below_hundred(rest);
}

std::u32string digit_words(std::u32string_view digits) {
  std::u32string words;
  for (const char32_t c : digits) {
    if (!words.empty()) words += U' ';
    words += kSmall[c - U'0'];
  }
  return words;
}

std::u32string decimal_words(std::u32string_view whole, std::u32string_view decimals) {
  const std::u32string point = U"point " + digit_words(decimals);
  return whole.empty() ? point : cardinal_words(whole) + U" " + point;
}

std::u32string plural_tens(std::u32string_view digits) {
  std::u32string words = cardinal_words(digits);
  if (words.back() == U'y') {
    words.pop_back();
    return words + U"ies";
  }
  return words + (words.back() == U'x' ? U"es" : U"s");
}

std::u32string denominator_words(std::u32string_view digits, bool several) {
  const uint64_t value = digits.size() > 4 ? 0 : value_of(digits);
  if (value < 2) return {};
  if (value == 2) return several ? U"halves" : U"half";
  std::u32string words = value == 4 ? U"quarter" : ordinal_words(digits);
  return several ? words + U"s" : words;
}

}  // namespace echo
