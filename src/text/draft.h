// A text that is being rewritten, and remembers where every character came from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/planned_text.h"

namespace echo {

// Who changed a character. The names are those of TextChange::rule.
enum class Rule : uint8_t {
  kUnicode,
  kEmoji,
  kMarkup,
  kPause,
  kParagraph,
  kAddress,
  kSound,
  kNumber,
  kAbbreviation,
  kSymbol,
  kCapitals,
  kSpeaker,
  kEnding,
  kSpacing,
};

// Beside characters, a draft has marks that no text can have, so that no rule takes them for words.
inline constexpr char32_t kParagraphMark = 0x110000;
inline constexpr char32_t kLineMark = 0x110001;     // a sentence ends with this line
inline constexpr char32_t kPauseMark = 0x120000;    // and the milliseconds
inline constexpr char32_t kSpeakerMark = 0x130000;  // and the speaker's number
inline bool is_mark(char32_t c) { return c > 0x10FFFF; }
inline bool is_pause(char32_t c) { return c >= kPauseMark && c < kSpeakerMark; }
inline bool is_speaker(char32_t c) { return c >= kSpeakerMark; }
inline bool is_break(char32_t c) { return c == kParagraphMark || c == kLineMark; }

// A rule reads text() from left to right, calls replace() for what it changes, in order, and
// commit() at its end. Each takes time in proportion to the text.
class Draft {
 public:
  explicit Draft(std::u32string source);

  const std::u32string& text() const { return text_; }
  size_t size() const { return text_.size(); }
  // The character at `at`; 0 beyond both ends, so that rules may look around.
  char32_t at(size_t at) const { return at < text_.size() ? text_[at] : 0; }

  // Replaces [begin, end), which must not begin before the last replacement's end.
  void replace(size_t begin, size_t end, std::u32string_view by, Rule rule);
  // The same for words that were a sign or a number: the first letter is a capital where a sentence
  // begins.
  void say(size_t begin, size_t end, std::u32string_view words, Rule rule);
  // Where the last replacement since commit() ended; 0 when there was none.
  size_t replaced_until() const { return edits_.empty() ? 0 : edits_.back().end; }
  void commit();

  // Marks as the text that they are written as.
  std::u32string written() const;
  // The first and the last character of the source that [begin, end) of the draft stands for.
  std::pair<size_t, size_t> source_range(size_t begin, size_t end) const;
  // What was done, with positions in code points of the source.
  std::vector<TextChange> changes() const;

 private:
  struct Origin {
    uint32_t begin, end;
    uint32_t rules;  // a bit each; 0: not changed
  };
  struct Edit {
    size_t begin, end;
    std::u32string by;
    Rule rule;
  };

  Origin origin_of(size_t begin, size_t end) const;
  // Whether a word with a point that is no full stop ends at `end`.
  bool is_abbreviation(size_t end) const;

  std::u32string source_;
  std::u32string text_;
  std::vector<Origin> origins_;
  std::vector<Origin> removed_;
  std::vector<Edit> edits_;
  // What commit() writes into, kept so that every rule need not ask for as much memory again.
  std::u32string next_text_;
  std::vector<Origin> next_origins_;
};

// As it is written: "[pause:1.5s]", "[S2]", line breaks, or the character itself.
std::u32string written_mark(char32_t c);

}  // namespace echo
