// UTF-8: checking, decoding, counting. Lengths of text are code points everywhere in this program.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace echo {

// Byte offset of the first sequence that is not well-formed UTF-8 (cut off, overlong, a surrogate,
// above U+10FFFF); nothing when the whole text is well-formed.
std::optional<size_t> find_invalid_utf8(std::string_view text);

// Number of code points of well-formed UTF-8.
size_t count_code_points(std::string_view text);

// Code points of a text. Throws kInvalidArgument, naming the byte offset, when it is not
// well-formed.
std::u32string decode_utf8(std::string_view text);

// UTF-8 of code points, each of which must be a Unicode scalar value.
std::string encode_utf8(std::u32string_view code_points);

// White space as Python's str.isspace() has it: the separators, tab to carriage return, U+001C to
// U+001F and U+0085.
bool is_white_space(char32_t code_point);

}  // namespace echo
