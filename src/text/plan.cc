#include "text/plan.h"

#include <cstdint>
#include <cstdio>

#include "base/error.h"
#include "base/utf8.h"
#include "text/chunk.h"
#include "text/normalize.h"
#include "text/tokens.h"

namespace echo {
namespace {

bool is_control(char32_t c) { return (c < 0x20 || (c >= 0x7F && c < 0xA0)) && !is_white_space(c); }

std::string code_point_name(char32_t c) {
  char name[16];
  std::snprintf(name, sizeof name, "U+%04X", static_cast<unsigned>(c));
  return name;
}

// Appends a chunk, halved as often as the model's limit asks for. Each half has fewer characters,
// and one character always fits.
void append_fitting(std::vector<TextChunk>& chunks, const std::string& text) {
  std::string normalised = normalize_text(text);
  if (count_tokens(normalised) <= kMaxTextTokens) {
    chunks.push_back({text, std::move(normalised)});
    return;
  }
  for (const std::string& half : chunk_text(text, (count_code_points(text) + 1) / 2)) {
    append_fitting(chunks, half);
  }
}

}  // namespace

void check_text(std::string_view text) {
  const std::u32string code_points = decode_utf8(text);
  bool blank = true;
  for (size_t i = 0; i < code_points.size(); ++i) {
    if (is_control(code_points[i])) {
      throw_invalid("text: character " + std::to_string(i + 1) + " is the control character " +
                    code_point_name(code_points[i]) + ", which cannot be spoken");
    }
    blank = blank && is_white_space(code_points[i]);
  }
  if (blank) throw_invalid("text: it is empty, expected something to say");
}

std::vector<TextChunk> plan_chunks(std::string_view text, const ChunkOptions& options) {
  check_text(text);
  std::vector<TextChunk> chunks;
  if (options.max_chars > 0) {
    for (const std::string& chunk :
         chunk_text_for_audio(text, options.max_chars, options.target_duration_seconds)) {
      append_fitting(chunks, chunk);
    }
    return chunks;
  }
  std::string normalised = normalize_text(text);
  if (count_tokens(normalised) > kMaxTextTokens) {
    throw_invalid("text: it takes " + std::to_string(count_tokens(normalised)) +
                  " tokens (its normalised UTF-8 bytes and one), the model reads at most " +
                  std::to_string(kMaxTextTokens) + ": turn chunking on or shorten it");
  }
  chunks.push_back({std::string(text), std::move(normalised)});
  return chunks;
}

}  // namespace echo
