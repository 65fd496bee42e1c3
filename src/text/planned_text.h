// A text as it will be spoken: made once from what a user wrote, and passed on as a value.
//
//   const PlannedText plan = plan_text("Dr. Smith paid $3.50. [pause:1s] Then he left.");
//   for (const PlannedChunk& chunk : plan.chunks) speak(chunk.model_text);
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/text_options.h"

namespace echo {

// What the text has where a chunk ends.
enum class ChunkEnd { kText, kParagraph, kSentence, kClause, kWord };

// "text", "paragraph", "sentence", "clause", "word"
std::string_view chunk_end_name(ChunkEnd end);

struct PlannedChunk {
  std::string text;        // what is spoken, without the speaker's tag
  std::string model_text;  // with the tag, as the model reads it: at most kMaxTextTokens tokens
  int speaker = 1;         // of the tag [S1], [S2] ...; 0: the text's own, as published
  ChunkEnd end = ChunkEnd::kText;
  // How long the pause should be from the last speech of this chunk to the first of the next, in
  // seconds; 0 where the published join decides.
  double join_seconds = 0;
  // Silence that the text asks for here, in seconds, to be inserted as so many samples after this
  // chunk, also after the last one; 0: none. Nothing is faded over it.
  double pause_seconds = 0;
  // The bytes of the source that the chunk stands for.
  size_t source_begin = 0, source_end = 0;
  double estimated_seconds = 0;  // of speech, by the number of characters
};

// One change of the front end: the bytes [source_begin, source_end) of the source, which are
// `from`, were replaced by `to`.
struct TextChange {
  size_t source_begin = 0, source_end = 0;
  std::string from, to;
  std::string rule;  // "numbers", or "markdown+numbers" where two rules had a part in it
};

struct PlannedText {
  std::vector<PlannedChunk> chunks;  // at least one
  double leading_pause_seconds = 0;  // silence asked for before the first word
  int speakers = 1;                  // that tags name
  // The source after the changes: paragraphs parted by an empty line, pauses and speakers as tags.
  std::string spoken;
  std::vector<TextChange> changes;    // in the order of the source, without overlaps
  std::vector<std::string> warnings;  // sentences for the caller; no part of the text is in them
};

// Plans a text. Throws kInvalidArgument, naming the field, what was found and what was expected:
// for a text that is not UTF-8, has nothing to speak or asks for pauses that are too long, for a
// text that the front end would make much longer, and for options out of range. No message holds
// any of the text. Needs no network, no locale, and time in proportion to the text.
PlannedText plan_text(std::string_view text, const TextOptions& options = {});

// The same, but for a text that has no letter or digit once it has been read, a picture, say, or
// pauses alone: that is nothing.
std::optional<PlannedText> plan_words(std::string_view text, const TextOptions& options = {});

// Two chunks that follow each other, spoken as one.
PlannedChunk joined(const PlannedChunk& first, const PlannedChunk& second);

// The source with the changes made.
std::string apply_changes(std::string_view source, const std::vector<TextChange>& changes);

}  // namespace echo
