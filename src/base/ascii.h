// ASCII in text of any encoding, whatever the locale.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace echo {

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Returns the text with A to Z as a to z and every other byte as it is.
inline std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// Returns the text without the blanks and line ends around it.
inline std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n\f\v";
  text.remove_prefix(std::min(text.find_first_not_of(kBlank), text.size()));
  return text.substr(0, text.find_last_not_of(kBlank) + 1);
}

}  // namespace echo
