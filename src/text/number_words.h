// Numbers in English words.
#pragma once

#include <string>
#include <string_view>

namespace echo {

// "twenty-five", "one thousand two hundred three". Digits alone, without leading sign or commas;
// more than 15 of them are said one by one.
std::u32string cardinal_words(std::u32string_view digits);
// "twenty-fifth"
std::u32string ordinal_words(std::u32string_view digits);
// "twenty twenty-four", "nineteen oh five", "two thousand one"; of four digits.
std::u32string year_words(std::u32string_view digits);
// "one two three"
std::u32string digit_words(std::u32string_view digits);
// "three point one four" of "3" and "14".
std::u32string decimal_words(std::u32string_view whole, std::u32string_view decimals);
// "nineties" of "90", "twenties" of "20".
std::u32string plural_tens(std::u32string_view digits);
// "half", "third", "quarter"; with an s for several. Empty for 0 and 1.
std::u32string denominator_words(std::u32string_view digits, bool several);

}  // namespace echo
