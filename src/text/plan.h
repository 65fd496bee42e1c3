// From a user's text to the pieces that the model reads, with nothing lost on the way.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace echo {

struct ChunkOptions {
  size_t max_chars = 300;               // code points; 0: one chunk, whatever the length
  double target_duration_seconds = 10;  // of speech in one chunk, when max_chars is not 0
};

struct TextChunk {
  std::string text;        // as the user wrote it, white space runs made single spaces
  std::string normalised;  // what the model reads: at most kMaxTextTokens tokens
};

// Throws kInvalidArgument unless the text is well-formed UTF-8, is more than white space, and has
// no control characters but white space (the model never saw one, and NUL is its start token). The
// message gives the place and never the text.
void check_text(std::string_view text);

// The chunks of a text in order; put together they are the whole text. A chunk whose normalised
// form would pass the model's limit is split further: that happens to scripts of several bytes a
// character. Throws kInvalidArgument as check_text() does, for options out of range, and when
// chunking is off and the text passes the limit.
std::vector<TextChunk> plan_chunks(std::string_view text, const ChunkOptions& options = {});

}  // namespace echo
