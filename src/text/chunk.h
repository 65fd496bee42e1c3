// Long text in pieces that fit one generation window.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace echo {

inline constexpr size_t kShortestTail = 24;    // a shorter last chunk joins the one before it

// Pieces of at most max_chars code points, with white space runs made single spaces. Cuts after the
// last sentence end in reach, else after the last clause end, else at the last space, else hard. A
// text of nothing but white space has no pieces. Throws kInvalidArgument when max_chars is 0 or the
// text is not UTF-8.
std::vector<std::string> chunk_text(std::string_view text, size_t max_chars);

// chunk_text() with pieces that can be spoken in about the target duration and are not above
// max_chars; a short last piece is joined to the one before it, which may then pass the limit.
// Throws kInvalidArgument also when the duration is not a positive number.
std::vector<std::string> chunk_text_for_audio(std::string_view text, size_t max_chars,
                                              double target_duration_seconds);

}  // namespace echo
