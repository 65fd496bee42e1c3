// Sentences become chunks: what fits one window, cut where a speaker would pause.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "text/planned_text.h"
#include "text/sentences.h"

namespace echo {

inline constexpr size_t kShortestChunk = 24;  // characters; a shorter chunk only for a shorter text

struct ChunkLimits {
  // In characters of Latin script at kCharsPerSecond; one of CJK counts as the 2.4 that take as
  // long.
  double weight = kNaturalMaxChars;
  double first_weight = 0;  // of the first chunk; 0: as the others
  size_t bytes = 0;         // of UTF-8: what the model's limit leaves
  bool packs = true;        // false: every sentence, or part of one that is too long, by itself
};

// A paragraph, a line that stands for itself, or what is between two pauses.
struct Passage {
  TextRange range;
  ChunkEnd end = ChunkEnd::kParagraph;
};

struct PackedChunk {
  TextRange range;
  ChunkEnd end = ChunkEnd::kText;  // of the last one that of the last passage
};

// How long a text takes to say, in characters of Latin script.
double spoken_weight(std::u32string_view text);

// Divides passages, which follow each other in `text`, into chunks within the limits: as few as
// possible, ending with paragraphs rather than sentences, and with sentences rather than clauses. A
// sentence that is too long is divided at ; : or a dash, else at a comma, else between words, near
// the middle of the fewest parts; inside parentheses, numbers and graphemes only where nothing else
// is left. Time in proportion to the text.
std::vector<PackedChunk> pack_chunks(std::u32string_view text, const std::vector<Passage>& passages,
                                     const ChunkLimits& limits);

}  // namespace echo
