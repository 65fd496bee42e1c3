// Upper and lower case of ASCII, whatever the locale.
#pragma once

#include <string>
#include <string_view>

namespace echo {

// Returns the text with A to Z as a to z and every other byte as it is.
inline std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

}  // namespace echo
