#include "text/neighbors.h"

#include <algorithm>
#include <iterator>

#include "text/characters.h"

namespace echo {
namespace {

constexpr std::u32string_view kDayNames[] = {U"Monday", U"Tuesday",  U"Wednesday", U"Thursday",
                                             U"Friday", U"Saturday", U"Sunday"};
constexpr std::u32string_view kMonthNames[] = {U"January",   U"February", U"March",    U"April",
                                               U"May",       U"June",     U"July",     U"August",
                                               U"September", U"October",  U"November", U"December"};

}  // namespace

std::u32string_view letters_until(std::u32string_view text, size_t end) {
  size_t begin = end;
  while (begin > 0 && is_letter(text[begin - 1]) && end - begin < kLongestNeighbor) --begin;
  return text.substr(begin, end - begin);
}

std::u32string_view letters_from(std::u32string_view text, size_t at) {
  size_t end = std::min(at, text.size());
  while (end < text.size() && is_letter(text[end]) && end - at < kLongestNeighbor) ++end;
  return text.substr(std::min(at, text.size()), end - std::min(at, text.size()));
}

std::u32string_view letters_before(std::u32string_view text, size_t at) {
  while (at > 0 && text[at - 1] == U' ') --at;
  return letters_until(text, at);
}

bool is_name_of_day(std::u32string_view word) {
  return std::find(std::begin(kDayNames), std::end(kDayNames), word) != std::end(kDayNames);
}

bool is_name_of_month(std::u32string_view word) {
  return std::find(std::begin(kMonthNames), std::end(kMonthNames), word) != std::end(kMonthNames);
}

}  // namespace echo
