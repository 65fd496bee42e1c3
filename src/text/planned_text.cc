#include "text/planned_text.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "base/utf8.h"
#include "text/characters.h"
#include "text/chunk.h"
#include "text/chunk_packing.h"
#include "text/front_end.h"
#include "text/normalize.h"
#include "text/plan.h"
#include "text/sections.h"
#include "text/tokens.h"

namespace echo {
namespace {

constexpr double kSentencePause = 0.35;
constexpr double kClausePause = 0.15;
constexpr double kWordPause = 0.05;
constexpr double kLongestParagraphPause = 3;
constexpr size_t kTagBytes = 5;  // "[S1] "
// A text of which more is in a script that the model does not read is told to the caller.
constexpr double kForeignShare = 0.3;

double join_seconds(ChunkEnd end, const TextOptions& options) {
  switch (end) {
    case ChunkEnd::kText:
      return 0;
    case ChunkEnd::kParagraph:
      return options.paragraph_pause;
    case ChunkEnd::kSentence:
      return kSentencePause;
    case ChunkEnd::kClause:
      return kClausePause;
    case ChunkEnd::kWord:
      return kWordPause;
  }
  return 0;
}

void check_options(const TextOptions& options) {
  if (!std::isfinite(options.target_seconds) || options.target_seconds <= 0) {
    throw_invalid("target_duration_seconds: expected a number above 0");
  }
  if (!std::isfinite(options.chars_per_second) || options.chars_per_second <= 0) {
    throw_invalid("chars_per_second: expected a number above 0");
  }
  if (!(options.paragraph_pause >= 0 && options.paragraph_pause <= kLongestParagraphPause)) {
    throw_invalid("paragraph_pause: found " + std::to_string(options.paragraph_pause) +
                  ", expected a number from 0 to 3");
  }
}

// Byte offsets of all code points of a text, and its end.
std::vector<size_t> byte_offsets(const std::u32string& text) {
  std::vector<size_t> offsets(text.size() + 1, 0);
  for (size_t i = 0; i < text.size(); ++i) {
    const char32_t c = text[i];
    offsets[i + 1] = offsets[i] + (c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4);
  }
  return offsets;
}

// Empty lines part paragraphs, also of a text that nothing else is done to.
void mark_paragraphs(Draft& draft) {
  for (size_t at = 0; at < draft.size(); ++at) {
    if (draft.at(at) != U'\n') continue;
    size_t end = at;
    while (end < draft.size() && is_white_space(draft.at(end))) ++end;
    const auto begin = draft.text().begin();
    if (std::count(begin + static_cast<ptrdiff_t>(at), begin + static_cast<ptrdiff_t>(end), U'\n') >
        1) {
      draft.replace(at, end, std::u32string(1, kParagraphMark), Rule::kParagraph);
    }
    at = end - 1;
  }
  draft.commit();
}

bool is_foreign(const std::u32string& text) {
  size_t letters = 0, foreign = 0;
  for (const char32_t c : text) {
    if (is_mark(c) || !is_letter(c)) continue;
    ++letters;
    foreign += c >= 0x250;
  }
  return static_cast<double>(foreign) > kForeignShare * static_cast<double>(letters);
}

bool has_words(std::u32string_view text) {
  return std::any_of(text.begin(), text.end(), is_word_character);
}

class Planner {
 public:
  Planner(std::string_view text, const TextOptions& options)
      : options_(options), source_(decode_utf8(text)), draft_(source_) {}

  // Nothing for a text without words.
  std::optional<PlannedText> plan() {
    check_options(options_);
    if (options_.processing) {
      run_front_end(draft_, options_, plan_.warnings);
    } else {
      mark_paragraphs(draft_);
    }
    const std::vector<Section> sections = find_sections(draft_, plan_.leading_pause_seconds);
    if (sections.empty()) return std::nullopt;
    for (const Section& section : sections) add_section(section);
    finish();
    return std::move(plan_);
  }

 private:
  void add_section(const Section& section) {
    if (options_.splitter == Splitter::kPublished) return add_published(section);
    ChunkLimits limits;
    limits.weight = std::floor(options_.chars_per_second * options_.target_seconds);
    if (options_.max_chars > 0) {
      limits.weight = std::min(limits.weight, static_cast<double>(options_.max_chars));
    }
    limits.weight = std::max(1.0, limits.weight);
    limits.bytes = kMaxTextTokens - 1 - kTagBytes;
    limits.packs = !options_.sentences_apart;
    if (plan_.chunks.empty() && options_.first_max_chars > 0) {
      limits.first_weight = std::min(limits.weight, static_cast<double>(options_.first_max_chars));
    }
    if (options_.max_chars == 0) limits = whole(section, limits.bytes);
    int speaker = section.speaker;
    for (const PackedChunk& packed : pack_chunks(section.body, section.passages, limits)) {
      const std::u32string_view text =
          std::u32string_view(section.body).substr(packed.range.begin, packed.range.size());
      add_chunk(section, packed, text, speaker);
      speaker = last_speaker(text, speaker);
    }
    close_section(section);
  }

  // Limits that hold a section in one chunk.
  ChunkLimits whole(const Section& section, size_t bytes) const {
    const size_t needed = encode_utf8(section.body).size();
    if (needed > bytes) {
      throw_invalid(
          "text: it takes " + std::to_string(needed + kTagBytes + 1) +
          " tokens (its UTF-8 bytes, the speaker's tag and one), the model reads at most " +
          std::to_string(kMaxTextTokens) + ": turn chunking on or shorten it");
    }
    ChunkLimits limits;
    limits.weight = 3.0 * kMaxTextTokens;
    limits.bytes = bytes;
    return limits;
  }

  void add_chunk(const Section& section, const PackedChunk& packed, std::u32string_view text,
                 int speaker) {
    // A chunk that begins with a tag speaks with it.
    size_t begin = packed.range.begin;
    const bool tagged = text.size() >= 4 && text[0] == U'[' && text[1] == U'S' &&
                        is_digit(text[2]) && text[3] == U']';
    if (tagged && options_.processing) {
      speaker = static_cast<int>(text[2] - U'0');
      text.remove_prefix(std::min<size_t>(text.size(), 5));
      begin += 5;
    }
    if (!has_words(text)) return;
    PlannedChunk chunk;
    chunk.text = encode_utf8(text);
    chunk.speaker = options_.processing ? speaker : 0;
    chunk.model_text = normalize_text(
        options_.processing ? "[S" + std::to_string(speaker) + "] " + chunk.text : chunk.text);
    chunk.end = packed.end;
    chunk.estimated_seconds = spoken_weight(text) / options_.chars_per_second;
    const auto [first, last] =
        draft_.source_range(section.places[begin], section.places[packed.range.end - 1] + 1);
    chunk.source_begin = first;
    chunk.source_end = last;
    plan_.chunks.push_back(std::move(chunk));
  }

  // The published chunker on what the front end left.
  void add_published(const Section& section) {
    const ChunkOptions chunking{options_.max_chars, options_.target_seconds};
    size_t at = 0;  // in the body, whose white space the chunker collapses as we do
    for (const TextChunk& piece : plan_chunks(encode_utf8(section.body), chunking)) {
      const size_t size = count_code_points(piece.text);
      const size_t begin = std::min(at, section.places.size() - 1);
      const size_t end = std::min(at + size, section.places.size());
      PackedChunk packed{{begin, std::max(end, begin + 1)}, ChunkEnd::kSentence};
      add_chunk(section, packed, std::u32string_view(section.body).substr(begin, end - begin),
                last_speaker(std::u32string_view(section.body).substr(0, begin), section.speaker));
      at += size;
      while (at < section.body.size() && section.body[at] == U' ') ++at;
    }
    close_section(section);
  }

  void close_section(const Section& section) {
    plan_.chunks.back().end = section.end;
    plan_.chunks.back().pause_seconds = section.pause_seconds;
  }

  void finish() {
    const std::vector<size_t> bytes = byte_offsets(source_);
    for (PlannedChunk& chunk : plan_.chunks) {
      chunk.source_begin = bytes[chunk.source_begin];
      chunk.source_end = bytes[chunk.source_end];
      const bool paused = chunk.pause_seconds > 0 || &chunk == &plan_.chunks.back();
      chunk.join_seconds = paused || options_.splitter == Splitter::kPublished
                               ? 0
                               : join_seconds(chunk.end, options_);
    }
    plan_.changes = draft_.changes();
    for (TextChange& change : plan_.changes) {
      change.source_begin = bytes[change.source_begin];
      change.source_end = bytes[change.source_end];
    }
    plan_.spoken = encode_utf8(draft_.written());
    std::set<char32_t> speakers;
    for (const char32_t c : draft_.text()) {
      if (is_speaker(c)) speakers.insert(c);
    }
    plan_.speakers = std::max(1, static_cast<int>(speakers.size()));
    if (is_foreign(draft_.text())) {
      plan_.warnings.push_back(
          "language: much of the text is in a script that the model was not trained on, English is "
          "what it speaks");
    }
  }

  const TextOptions& options_;
  std::u32string source_;
  Draft draft_;
  PlannedText plan_;
};

// The published pipeline as it is: not a byte is touched before its own chunker.
PlannedText plan_published(std::string_view text, const TextOptions& options) {
  PlannedText plan;
  size_t at = 0;
  for (TextChunk& piece : plan_chunks(text, {options.max_chars, options.target_seconds})) {
    PlannedChunk chunk;
    chunk.speaker = 0;
    chunk.estimated_seconds = spoken_weight(decode_utf8(piece.text)) / options.chars_per_second;
    chunk.end = ChunkEnd::kSentence;
    chunk.text = std::move(piece.text);
    chunk.model_text = std::move(piece.normalised);
    // White space was collapsed: the chunk's other characters follow each other in the source.
    const auto skip_space = [&] {
      while (at < text.size()) {
        const std::string_view rest = text.substr(at, 4);
        const auto lead = static_cast<unsigned char>(rest[0]);
        const size_t size = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
        if (!is_white_space(decode_utf8(rest.substr(0, size))[0])) break;
        at += size;
      }
    };
    skip_space();
    chunk.source_begin = at;
    size_t position = 0;
    while (position < chunk.text.size()) {
      if (chunk.text[position] == ' ') {
        ++position;
        skip_space();
      } else {
        ++position;
        ++at;
      }
    }
    chunk.source_end = std::min(at, text.size());
    plan.chunks.push_back(std::move(chunk));
  }
  plan.chunks.back().end = ChunkEnd::kText;
  plan.spoken = std::string(text);
  return plan;
}

}  // namespace

std::string_view chunk_end_name(ChunkEnd end) {
  switch (end) {
    case ChunkEnd::kText:
      return "text";
    case ChunkEnd::kParagraph:
      return "paragraph";
    case ChunkEnd::kSentence:
      return "sentence";
    case ChunkEnd::kClause:
      return "clause";
    case ChunkEnd::kWord:
      return "word";
  }
  return "text";
}

PlannedText plan_text(std::string_view text, const TextOptions& options) {
  if (!options.processing && options.splitter == Splitter::kPublished) {
    return plan_published(text, options);
  }
  if (auto plan = plan_words(text, options)) return std::move(*plan);
  throw_invalid("text: found nothing to speak in it, expected at least one letter or digit");
}

std::optional<PlannedText> plan_words(std::string_view text, const TextOptions& options) {
  if (!options.processing && options.splitter == Splitter::kPublished) {
    return has_words(decode_utf8(text)) ? std::optional(plan_published(text, options))
                                        : std::nullopt;
  }
  if (!options.processing && has_words(decode_utf8(text))) check_text(text);
  return Planner(text, options).plan();
}

PlannedChunk joined(const PlannedChunk& first, const PlannedChunk& second) {
  PlannedChunk both = second;
  both.text = first.text + " " + second.text;
  both.speaker = first.speaker;
  both.source_begin = first.source_begin;
  both.estimated_seconds += first.estimated_seconds;
  // A tag stands only where the speaker changes.
  std::string added = second.model_text;
  const bool tagged = added.size() > kTagBytes && added.substr(0, 2) == "[S" && added[3] == ']';
  if (tagged && last_speaker(decode_utf8(first.model_text), 0) == added[2] - '0') {
    added.erase(0, kTagBytes);
  }
  both.model_text = first.model_text + " " + added;
  return both;
}

std::string apply_changes(std::string_view source, const std::vector<TextChange>& changes) {
  std::string result;
  size_t at = 0;
  for (const TextChange& change : changes) {
    result += source.substr(at, change.source_begin - at);
    result += change.to;
    at = change.source_end;
  }
  return result.append(source.substr(at));
}

}  // namespace echo
