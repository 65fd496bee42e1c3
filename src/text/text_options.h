// How a text is read: which parts of the front end act, and how long a chunk may be.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace echo {

enum class Splitter {
  kSentences,  // whole sentences and paragraphs, no scraps
  kPublished,  // the published pipeline's, byte for byte
};
enum class NumberStyle {
  kAuto,    // whole numbers of up to four digits stay, as in the model's training text
  kWords,   // every number in words
  kDigits,  // numbers stay as they are
};
enum class ParenthesesStyle {
  kCommas,  // (like this) becomes , like this,
  kKeep,    // the model hears a sound in it
  kDrop,
};
enum class EmojiStyle { kDrop, kSounds };
enum class CodeStyle { kDrop, kRead };
enum class DateOrder { kMonthFirst, kDayFirst };

inline constexpr size_t kNaturalMaxChars = 240;
inline constexpr double kNaturalChunkSeconds = 20;
inline constexpr double kCharsPerSecond = 12;  // how fast the model speaks, roughly

struct TextOptions {
  // The whole front end: off, the text goes to the splitter as it is.
  bool processing = true;
  Splitter splitter = Splitter::kSentences;
  size_t max_chars = kNaturalMaxChars;  // code points of a chunk; 0: one chunk
  double target_seconds = kNaturalChunkSeconds;
  double chars_per_second = kCharsPerSecond;  // of the speaker; the published splitter has its own
  size_t first_max_chars =
      0;  // of the first chunk, where it should be ready early; 0: as the others
  // Every sentence is a chunk of its own, however short; joined() makes longer ones of them.
  bool sentences_apart = false;
  double paragraph_pause = 0.6;  // seconds, 0 to 3
  NumberStyle numbers = NumberStyle::kAuto;
  ParenthesesStyle parentheses = ParenthesesStyle::kCommas;
  EmojiStyle emoji = EmojiStyle::kDrop;
  CodeStyle code = CodeStyle::kDrop;
  DateOrder date_order = DateOrder::kMonthFirst;
  // Words that in parentheses are sounds, beside the known ones.
  std::vector<std::string> sound_events;
};

// The options of the published pipeline: nothing is changed but by its own normaliser.
inline TextOptions published_text_options(size_t max_chars = 300, double target_seconds = 10) {
  TextOptions options;
  options.processing = false;
  options.splitter = Splitter::kPublished;
  options.max_chars = max_chars;
  options.target_seconds = target_seconds;
  return options;
}

}  // namespace echo
