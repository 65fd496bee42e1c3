// What digits can mean, a reader each. Used by read_numbers() alone.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "text/text_options.h"

namespace echo {

// The text around a number, and how numbers are wanted.
struct NumberText {
  std::u32string_view text;
  NumberStyle style = NumberStyle::kAuto;
  DateOrder date_order = DateOrder::kMonthFirst;

  char32_t at(size_t place) const { return place < text.size() ? text[place] : 0; }
  // Whether a word or a number cannot go on at `place`.
  bool ends_at(size_t place) const;
};

// Where something ends that was understood, and the words for it.
struct Reading {
  size_t end = 0;
  std::u32string words;
  bool parted = false;  // what follows behind a slash is a number of its own
};

// 1,234.50: "1234" and "50".
struct Literal {
  size_t end = 0;
  std::u32string whole, decimals;
  bool grouped = false;

  bool is_integer() const { return decimals.empty(); }
  bool is_one() const { return decimals.empty() && whole == U"1"; }
  // Its value when it is a whole number of at most six digits, else -1.
  int small_value() const;
};

// The number that begins at `at`; nothing where no digit is.
std::optional<Literal> parse_literal(const NumberText& text, size_t at);
// In words, as a quantity.
std::u32string quantity_words(const Literal& number);
// As the style has it: "25" stays "25" unless words are wanted.
std::u32string styled_number(const NumberText& text, const Literal& number);
// "1990" as a year, others as a quantity.
std::u32string year_or_quantity(const Literal& number);
// A - or a dash between two numbers, with the spaces around it; 0 where there is none.
size_t range_dash_end(const NumberText& text, size_t at);

std::optional<Reading> read_time(const NumberText& text, size_t at);
std::optional<Reading> read_date(const NumberText& text, size_t at);
std::optional<Reading> read_money(const NumberText& text, size_t at);
// EUR/USD before its rate.
std::optional<Reading> read_currency_pair(const NumberText& text, size_t at);
// "EUR 15": whether a currency's code and an amount stand at `at`.
bool is_currency_code(const NumberText& text, size_t at);
std::optional<Reading> read_phone(const NumberText& text, size_t at);
// Versions, IP addresses, 0xFF.
std::optional<Reading> read_technical(const NumberText& text, size_t at);
std::optional<Reading> read_fraction(const NumberText& text, size_t at);
std::optional<Reading> read_range(const NumberText& text, size_t at);
// 1.5e10, 3×10⁸, of whose first number `number` is.
std::optional<Reading> read_scientific(const NumberText& text, const Literal& number);
// 1st, 1990s, 2x, 1920x1080, 5M
std::optional<Reading> read_form(const NumberText& text, size_t at);
// 5 km, 50%, 20 °C
std::optional<Reading> read_measure(const NumberText& text, size_t at);

// A unit at `at`, after one space at most: its end, and its word for one or for several. `joined`
// units, as in "a 5-km run", stay singular.
std::optional<Reading> read_unit(const NumberText& text, size_t at, bool several);
// The words for one of a unit, or for several; empty for what is none.
std::u32string unit_words(std::u32string_view unit, bool several);
// The unit behind a reading, and "per" what, join it.
void add_unit(const NumberText& text, Reading& reading, bool several);
// Whether the " at `at` stands for inches: no quotation is open that it could close.
bool is_inch_sign(const NumberText& text, size_t at);
// Whether the "m" before `at` counts millions: "8m copies".
bool counts_millions(const NumberText& text, size_t at);
// "/month" after a price or a measure: " per month".
std::optional<Reading> read_per(const NumberText& text, size_t at);

}  // namespace echo
