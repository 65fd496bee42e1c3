// Text that may leave the program: bounded, printable, free of secrets, host paths and user text.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace echo {

// A value from outside between quotes, fit for one line of a message: at most `limit` code points,
// control characters and malformed UTF-8 as '?'.
std::string in_quotes(std::string_view value, size_t limit = 64);

// Makes an error's text presentable. Every occurrence of a secret becomes "[hidden]", an absolute
// path loses its directories, an address loses its query; one line of at most `limit` code points.
// The last line of defence: whoever writes an error's text keeps it clean in the first place.
// Secrets shorter than kShortestSecret bytes stay, since they would tear ordinary words apart.
inline constexpr size_t kShortestSecret = 8;
inline constexpr size_t kLongestMessage = 500;
std::string public_text(std::string_view message, std::span<const std::string> secrets = {},
                        size_t limit = kLongestMessage);

// Whether public_text() leaves nothing of the folders of such an absolute path by itself: not where
// a folder's name has what ends a path in a sentence, as a blank does.
bool hides_directories(std::string_view path);

}  // namespace echo
