#include <algorithm>

#include "base/utf8.h"
#include "text/characters.h"
#include "text/rules.h"
#include "text/sentences.h"
#include "text/tables.h"

namespace echo {
namespace {

constexpr size_t kShoutedWords = 4;
constexpr double kShoutedShare = 0.6;
constexpr size_t kLongestInitialism = 5;

const WordSet& initialisms() {
  static const WordSet set = table_words(table_initialisms);
  return set;
}

const WordSet& word_acronyms() {
  static const WordSet set = table_words(table_word_acronyms);
  return set;
}

struct Word {
  size_t begin, end;
};

bool is_capital_word(std::u32string_view word) {
  return word.size() >= 2 && std::all_of(word.begin(), word.end(), is_upper);
}

class CapitalReader {
 public:
  explicit CapitalReader(Draft& draft) : draft_(draft), text_(draft.text()) {}

  void read() {
    for (const TextRange& sentence : sentences()) {
      const std::vector<Word> words = words_of(sentence);
      const bool shouted = is_shouted(words);
      bool first = true;
      for (const Word& word : words) {
        read_word(word, shouted, first);
        first = false;
      }
    }
    draft_.commit();
  }

 private:
  // Marks end sentences here, since what is shouted is a matter of a line. Lines without a word of
  // capitals have nothing to read.
  std::vector<TextRange> sentences() const {
    const std::u32string_view text = text_;
    std::vector<TextRange> result;
    size_t begin = 0;
    bool capitals = false;  // two of them together, in the line
    for (size_t at = 0; at <= text.size(); ++at) {
      if (at < text.size() && text[at] != U'\n' && !is_mark(text[at])) {
        capitals = capitals || (is_upper(text[at]) && at > begin && is_upper(text[at - 1]));
        continue;
      }
      if (capitals) {
        for (const TextRange& range : find_sentences(text.substr(begin, at - begin))) {
          result.push_back({range.begin + begin, range.end + begin});
        }
      }
      capitals = false;
      begin = at + 1;
    }
    return result;
  }

  // Runs of letters and apostrophes. Those that touch digits are names: MP3, B2B.
  std::vector<Word> words_of(const TextRange& sentence) const {
    std::vector<Word> words;
    for (size_t at = sentence.begin; at < sentence.end;) {
      if (!is_word_character(text_[at])) {
        ++at;
        continue;
      }
      size_t end = at;
      bool letters = true;
      while (end < sentence.end && (is_word_character(text_[end]) || is_combining(text_[end]))) {
        letters = letters && !is_digit(text_[end]);
        ++end;
      }
      if (letters) words.push_back({at, end});
      at = end;
    }
    return words;
  }

  std::u32string_view view(const Word& word) const {
    return std::u32string_view(text_).substr(word.begin, word.end - word.begin);
  }

  bool is_shouted(const std::vector<Word>& words) const {
    size_t letters = 0, capitals = 0, long_words = 0, plain_words = 0;
    for (const Word& word : words) {
      letters += word.end - word.begin;
      for (const char32_t c : view(word)) capitals += is_upper(c);
      if (word.end - word.begin >= 2) ++long_words;
      // Names of letters alone are no shouting: "the FBI, CIA, NSA and DEA".
      if (is_capital_word(view(word)) && !is_spelled(view(word))) ++plain_words;
    }
    return long_words >= kShoutedWords && plain_words * 2 >= long_words &&
           static_cast<double>(capitals) > kShoutedShare * static_cast<double>(letters);
  }

  // Capitals that are said letter by letter.
  static bool is_spelled(std::u32string_view word) {
    if (!is_capital_word(word) || word.size() < 3 || word_acronyms().count(word)) return false;
    if (initialisms().count(word)) return true;
    if (word.size() > kLongestInitialism) return false;
    // BRRR is a sound.
    const size_t size = word.size();
    if (size > 3 && word[size - 1] == word[size - 2]) return false;
    return std::none_of(word.begin(), word.end(),
                        [](char32_t c) { return is_one_of(c, U"AEIOUY") || c >= 128; });
  }

  void read_word(const Word& word, bool shouted, bool first) {
    std::u32string_view letters = view(word);
    // GPUs
    const bool plural = letters.size() >= 4 && letters.back() == U's' &&
                        is_spelled(letters.substr(0, letters.size() - 1));
    if (plural) letters.remove_suffix(1);
    if (is_spelled(letters)) {
      std::u32string spelled;
      for (const char32_t c : letters) {
        if (!spelled.empty()) spelled += U' ';
        spelled += c;
      }
      if (plural) spelled += U"'s";
      draft_.replace(word.begin, word.end, spelled, Rule::kCapitals);
      return;
    }
    const bool after_apostrophe = word.begin > 0 && text_[word.begin - 1] == U'\'';
    const bool single =
        letters.size() == 1 && is_upper(letters[0]) && (letters != U"I" || after_apostrophe);
    if (!shouted || word_acronyms().count(letters)) return;
    if (!single && !is_capital_word(letters)) return;
    std::u32string lower = lower_case(letters);
    if (first) lower[0] = upper_case(lower[0]);
    draft_.replace(word.begin, word.end, lower, Rule::kCapitals);
  }

  Draft& draft_;
  const std::u32string& text_;
};

}  // namespace

void read_capitals(Draft& draft) { CapitalReader(draft).read(); }

}  // namespace echo
