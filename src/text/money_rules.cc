#include <array>
#include <utility>

#include "text/characters.h"
#include "text/neighbors.h"
#include "text/number_readers.h"
#include "text/number_words.h"

namespace echo {
namespace {

struct Currency {
  std::u32string_view sign;
  std::u32string_view one, several;
  std::u32string_view part, parts;  // hundredths; empty: there are none
};

constexpr std::array<Currency, 22> kCurrencies = {{
    {U"US$", U"US dollar", U"US dollars", U"cent", U"cents"},
    {U"CA$", U"Canadian dollar", U"Canadian dollars", U"cent", U"cents"},
    {U"AU$", U"Australian dollar", U"Australian dollars", U"cent", U"cents"},
    {U"C$", U"Canadian dollar", U"Canadian dollars", U"cent", U"cents"},
    {U"A$", U"Australian dollar", U"Australian dollars", U"cent", U"cents"},
    {U"R$", U"real", U"reais", U"centavo", U"centavos"},
    {U"$", U"dollar", U"dollars", U"cent", U"cents"},
    {U"\u20AC", U"euro", U"euros", U"cent", U"cents"},
    {U"\u00A3", U"pound", U"pounds", U"penny", U"pence"},
    {U"\u00A5", U"yen", U"yen", U"", U""},
    {U"\u20B9", U"rupee", U"rupees", U"paisa", U"paise"},
    {U"\u20A9", U"won", U"won", U"", U""},
    {U"\u20BD", U"ruble", U"rubles", U"kopeck", U"kopecks"},
    {U"\u20BA", U"lira", U"lira", U"kurus", U"kurus"},
    {U"EUR", U"euro", U"euros", U"cent", U"cents"},
    {U"USD", U"US dollar", U"US dollars", U"cent", U"cents"},
    {U"GBP", U"British pound", U"British pounds", U"penny", U"pence"},
    {U"CHF", U"Swiss franc", U"Swiss francs", U"", U""},
    {U"CAD", U"Canadian dollar", U"Canadian dollars", U"cent", U"cents"},
    {U"AUD", U"Australian dollar", U"Australian dollars", U"cent", U"cents"},
    {U"JPY", U"yen", U"yen", U"", U""},
    {U"INR", U"rupee", U"rupees", U"paisa", U"paise"},
}};

const Currency* currency_at(const NumberText& text, size_t at) {
  for (const Currency& currency : kCurrencies) {
    if (text.at(at) != currency.sign[0]) continue;
    if (text.text.substr(at, currency.sign.size()) == currency.sign) return &currency;
  }
  return nullptr;
}

// K, M, bn, "million" after an amount.
struct Scale {
  size_t end = 0;
  std::u32string word;
};

std::optional<Scale> scale_at(const NumberText& text, size_t at) {
  constexpr std::array<std::pair<std::u32string_view, std::u32string_view>, 16> kScales = {{
      {U"thousand", U"thousand"},
      {U"million", U"million"},
      {U"billion", U"billion"},
      {U"trillion", U"trillion"},
      {U"lakh", U"lakh"},
      {U"crore", U"crore"},
      {U"bn", U"billion"},
      {U"Bn", U"billion"},
      {U"mn", U"million"},
      {U"mln", U"million"},
      {U"tn", U"trillion"},
      {U"K", U"thousand"},
      {U"k", U"thousand"},
      {U"M", U"million"},
      {U"B", U"billion"},
      {U"T", U"trillion"},
  }};
  for (const auto& [sign, word] : kScales) {
    // A single letter belongs to the number only without a space.
    const size_t begin = text.at(at) == U' ' && sign.size() > 1 ? at + 1 : at;
    if (text.at(begin) != sign[0]) continue;
    if (text.text.substr(begin, sign.size()) == sign && text.ends_at(begin + sign.size())) {
      return Scale{begin + sign.size(), std::u32string(word)};
    }
  }
  return std::nullopt;
}

std::u32string amount_words(const Literal& number, const Currency& currency) {
  const std::u32string unit(number.is_one() ? currency.one : currency.several);
  const bool cents = number.decimals.size() == 2 && !currency.part.empty();
  if (!cents) return quantity_words(number) + U" " + unit;
  const Literal part{0, number.decimals, U"", false};
  const bool one_part = number.decimals == U"01";
  const std::u32string parts =
      cardinal_words(part.whole) + U" " + std::u32string(one_part ? currency.part : currency.parts);
  const bool none = part.whole == U"00";
  const std::u32string whole_unit(number.whole == U"1" ? currency.one : currency.several);
  const std::u32string whole = cardinal_words(number.whole) + U" " + whole_unit;
  if (none) return whole;
  return number.whole == U"0" ? parts : whole + U" and " + parts;
}

std::u32string scaled_words(const Literal& number, const std::optional<Scale>& scale,
                            const Currency& currency) {
  if (!scale) return amount_words(number, currency);
  return quantity_words(number) + U" " + scale->word + U" " + std::u32string(currency.several);
}

void add_rate(const NumberText& text, Reading& reading) {
  if (const auto per = read_per(text, reading.end)) {
    reading.end = per->end;
    reading.words += per->words;
  }
}

// 3,50 and 1.300,00 are how Europe writes 3.50 and 1,300.00.
void read_european(const NumberText& text, Literal& number) {
  const bool hundredths = text.at(number.end) == U',' && is_digit(text.at(number.end + 1)) &&
                          is_digit(text.at(number.end + 2)) && !is_digit(text.at(number.end + 3));
  if (!hundredths || number.grouped || (!number.is_integer() && number.decimals.size() != 3))
    return;
  number.whole += number.decimals;
  number.decimals = text.text.substr(number.end + 1, 2);
  number.end += 3;
}

// $3.50, €1.2M, $10-20
std::optional<Reading> read_leading(const NumberText& text, size_t at, const Currency& currency) {
  size_t begin = at + currency.sign.size();
  if (text.at(begin) == U' ') ++begin;
  const bool minus = text.at(begin) == U'-' && is_digit(text.at(begin + 1));
  if (minus) ++begin;
  auto number = parse_literal(text, begin);
  if (!number) return std::nullopt;
  if (currency.sign.back() != U'$') read_european(text, *number);
  const auto scale = scale_at(text, number->end);
  size_t end = scale ? scale->end : number->end;
  if (!text.ends_at(end)) return std::nullopt;
  // "CHF 12.-"
  if (!scale && text.at(end) == U'.' && is_one_of(text.at(end + 1), U"-\u2013\u2014")) end += 2;
  Reading reading{end, scaled_words(*number, scale, currency)};
  if (size_t next = range_dash_end(text, end)) {
    if (const Currency* again = currency_at(text, next)) next += again->sign.size();
    if (const auto last = parse_literal(text, next)) {
      const auto last_scale = scale_at(text, last->end);
      const size_t last_end = last_scale ? last_scale->end : last->end;
      if (text.ends_at(last_end)) {
        const std::u32string first =
            scale || number->decimals.size() == 2 ? reading.words : quantity_words(*number);
        reading = {last_end, first + U" to " + scaled_words(*last, last_scale, currency)};
      }
    }
  }
  add_rate(text, reading);
  if (minus) reading.words.insert(0, U"minus ");
  return reading;
}

}  // namespace

bool is_currency_code(const NumberText& text, size_t at) {
  if (!is_upper(text.at(at)) || !is_upper(text.at(at + 1)) || !is_upper(text.at(at + 2))) {
    return false;
  }
  const size_t amount = text.at(at + 3) == U' ' ? at + 4 : at + 3;
  return is_digit(text.at(amount)) && currency_at(text, at) != nullptr;
}

std::optional<Reading> read_currency_pair(const NumberText& text, size_t at) {
  constexpr std::array<std::pair<std::u32string_view, std::u32string_view>, 17> kCodes = {{
      {U"EUR", U"euro"},
      {U"USD", U"US dollar"},
      {U"GBP", U"British pound"},
      {U"CHF", U"Swiss franc"},
      {U"CAD", U"Canadian dollar"},
      {U"AUD", U"Australian dollar"},
      {U"NZD", U"New Zealand dollar"},
      {U"JPY", U"yen"},
      {U"INR", U"rupee"},
      {U"CNY", U"yuan"},
      {U"SEK", U"Swedish krona"},
      {U"NOK", U"Norwegian krone"},
      {U"MXN", U"Mexican peso"},
      {U"ZAR", U"rand"},
      {U"TRY", U"Turkish lira"},
      {U"BTC", U"bitcoin"},
      {U"ETH", U"ether"},
  }};
  if (!is_upper(text.at(at)) || text.at(at + 3) != U'/' || !text.ends_at(at + 7)) {
    return std::nullopt;
  }
  std::u32string_view base, quote;
  for (const auto& [code, name] : kCodes) {
    if (text.text.substr(at, 3) == code) base = name;
    if (text.text.substr(at + 4, 3) == code) quote = name;
  }
  if (base.empty() || quote.empty()) return std::nullopt;
  // Else they may be two currencies that one can choose from.
  size_t next = at + 7;
  if (text.at(next) == U':') ++next;
  if (text.at(next) == U' ') ++next;
  const std::u32string_view word = letters_from(text.text, next);
  const bool rate = is_digit(text.at(next)) || word == U"rate" || word == U"pair" ||
                    word == U"exchange" || word == U"at";
  if (!rate) return std::nullopt;
  return Reading{at + 7, std::u32string(base) + U" to " + std::u32string(quote)};
}

std::optional<Reading> read_money(const NumberText& text, size_t at) {
  if (const Currency* currency = currency_at(text, at)) return read_leading(text, at, *currency);
  const auto number = parse_literal(text, at);
  if (!number) return std::nullopt;
  Literal amount = *number;
  read_european(text, amount);
  const size_t sign = text.at(amount.end) == U' ' ? amount.end + 1 : amount.end;
  if (!is_one_of(text.at(sign), U"\u20AC\u00A3\u00A5\u20B9\u20BD\u20BA\u20A9$"))
    return std::nullopt;
  const Currency* currency = currency_at(text, sign);
  if (currency == nullptr) return std::nullopt;
  const size_t end = sign + currency->sign.size();
  if (is_digit(text.at(end))) return std::nullopt;
  Reading reading{end, amount_words(amount, *currency)};
  add_rate(text, reading);
  return reading;
}

}  // namespace echo
