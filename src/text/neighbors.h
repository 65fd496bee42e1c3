// What stands beside a place of a text.
#pragma once

#include <cstddef>
#include <string_view>

namespace echo {

inline constexpr size_t kLongestNeighbor = 20;  // letters of a word that are looked at

// The letters that end at `end`, and those that begin at `at`; empty where none do.
std::u32string_view letters_until(std::u32string_view text, size_t end);
std::u32string_view letters_from(std::u32string_view text, size_t at);
// The letters of the word that ends before the spaces before `at`.
std::u32string_view letters_before(std::u32string_view text, size_t at);

// The full names: "Monday", "March".
bool is_name_of_day(std::u32string_view word);
bool is_name_of_month(std::u32string_view word);

}  // namespace echo
