// Text from outside, on its way to a terminal or a log.
#pragma once

#include <string>
#include <string_view>

namespace echo {

inline constexpr char32_t kReplacementCharacter = 0xFFFD;

// Reads one code point at `position` and moves past it; U+FFFD for one byte that begins no valid
// sequence of UTF-8.
char32_t next_code_point(std::string_view text, size_t& position);

// The letter of the escape that JSON and terminals share ("\n"), or 0.
char short_escape(char32_t c);

// The text on one line, with nothing that a terminal obeys: control characters, the ends of lines
// and paragraphs of Unicode and what changes the direction of writing become \n, \t, \u001b and so
// on; a byte that is no UTF-8 becomes U+FFFD.
std::string visible_text(std::string_view text);

}  // namespace echo
