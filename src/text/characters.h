// What a character is: letter, digit, mark, script. By the tables of Unicode, never by a locale.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace echo {

// 0 to 9 alone; digits of other scripts are letters to no rule.
inline bool is_digit(char32_t c) { return c >= U'0' && c <= U'9'; }
inline bool is_ascii_letter(char32_t c) {
  return (c | 0x20) >= U'a' && (c | 0x20) <= U'z' && c < 128;
}

// Of characters beyond ASCII.
bool is_other_letter(char32_t c);
bool is_other_upper(char32_t c);
bool is_other_lower(char32_t c);

inline bool is_letter(char32_t c) { return c < 128 ? is_ascii_letter(c) : is_other_letter(c); }
inline bool is_upper(char32_t c) {
  return c < 128 ? c >= U'A' && c <= U'Z' : is_other_upper(c);
}
inline bool is_lower(char32_t c) {
  return c < 128 ? c >= U'a' && c <= U'z' : is_other_lower(c);
}
inline bool is_word_character(char32_t c) { return is_digit(c) || is_letter(c); }
// Marks that belong to the character before them.
bool is_combining(char32_t c);
// Ideographs, kana and hangul: a character is about a syllable, and words have no spaces.
bool is_cjk(char32_t c);
bool is_thai(char32_t c);
// Of a script that has no capitals.
bool is_caseless_letter(char32_t c);
char32_t lower_case(char32_t c);
char32_t upper_case(char32_t c);

std::u32string lower_case(std::u32string_view text);

// For letters of ASCII alone: "abc" of U"abc". Other characters become '?'.
std::string ascii_of(std::u32string_view text);
std::u32string wide(std::string_view ascii);

// The end of the grapheme that begins at `at`: what a reader sees as one character. Looks at no
// more than 64 characters, so that a text of marks alone takes no longer than another.
size_t grapheme_end(std::u32string_view text, size_t at);

inline bool is_one_of(char32_t c, std::u32string_view set) { return set.find(c) != set.npos; }
// Of a literal: comparisons that the compiler makes a test of bits of.
template <size_t N>
constexpr bool is_one_of(char32_t c, const char32_t (&set)[N]) {
  return [&]<size_t... I>(std::index_sequence<I...>) {
    return ((c == set[I]) || ...);
  }(std::make_index_sequence<N - 1>());
}

}  // namespace echo
