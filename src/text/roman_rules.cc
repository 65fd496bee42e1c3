#include <array>
#include <optional>

#include "text/characters.h"
#include "text/number_words.h"
#include "text/rules.h"
#include "text/tables.h"

namespace echo {
namespace {

constexpr int kMax = 60;

// 1 to kMax in the one way that they are written in; 0 for anything else.
int roman_value(std::u32string_view text) {
  static const std::map<std::u32string, int, std::less<>> values = [] {
    constexpr std::array<std::u32string_view, 10> ones = {U"",  U"I",  U"II",  U"III",  U"IV",
                                                          U"V", U"VI", U"VII", U"VIII", U"IX"};
    constexpr std::array<std::u32string_view, 7> tens = {U"",   U"X", U"XX", U"XXX",
                                                         U"XL", U"L", U"LX"};
    std::map<std::u32string, int, std::less<>> map;
    for (int value = 1; value <= kMax; ++value) {
      map[std::u32string(tens[static_cast<size_t>(value) / 10]) +
          std::u32string(ones[static_cast<size_t>(value) % 10])] = value;
    }
    return map;
  }();
  const auto found = values.find(text);
  return found == values.end() ? 0 : found->second;
}

bool is_roman(char32_t c) { return is_one_of(c, U"IVXL"); }

}  // namespace

void read_roman_numerals(Draft& draft) {
  static const WordSet numbered = table_words(table_numbered_nouns);
  static const WordSet starters = table_words(table_sentence_starters);
  static const WordSet regnal = table_words(table_regnal_names);
  const std::u32string& text = draft.text();
  size_t word_begin = 0, word_end = 0;  // the last word
  for (size_t at = 0; at < text.size();) {
    if (!is_word_character(text[at])) {
      ++at;
      continue;
    }
    size_t end = at;
    while (end < text.size() && is_word_character(text[end])) ++end;
    const std::u32string_view before =
        std::u32string_view(text).substr(word_begin, word_end - word_begin);
    const bool follows = word_end > 0 && word_end + 1 == at && text[word_end] == U' ';
    const int value = is_roman(text[at]) && end - at <= 7
                          ? roman_value(std::u32string_view(text).substr(at, end - at))
                          : 0;
    const bool owns = draft.at(end) == U'\'' && draft.at(end + 1) == U's' &&
                      !is_word_character(draft.at(end + 2));
    if (value > 0 && follows && draft.at(end) != U'.' && (draft.at(end) != U'\'' || owns)) {
      const std::u32string digits = wide(std::to_string(value));
      if (numbered.count(before)) {
        draft.replace(at, end, cardinal_words(digits), Rule::kNumber);
      } else if (regnal.count(before) && text[at] != U'I') {
        draft.replace(at, end, U"the " + ordinal_words(digits), Rule::kNumber);
      } else if (regnal.count(before) && value > 1) {
        draft.replace(at, end, U"the " + ordinal_words(digits), Rule::kNumber);
      } else if (end - at >= 2 && value > 1 && is_upper(before[0]) && before.size() > 2 &&
                 !starters.count(before)) {
        draft.replace(at, end, cardinal_words(digits), Rule::kNumber);
      }
    } else if (value > 0 && follows && draft.at(end) == U'.' &&
               (numbered.count(before) || regnal.count(before)) &&
               !is_word_character(draft.at(end + 1))) {
      // At a sentence's end; "I." would be an initial elsewhere.
      const std::u32string digits = wide(std::to_string(value));
      const bool ranks = regnal.count(before) > 0;
      draft.replace(at, end, ranks ? U"the " + ordinal_words(digits) : cardinal_words(digits),
                    Rule::kNumber);
    }
    word_begin = at;
    word_end = end;
    at = end;
  }
  draft.commit();
}

}  // namespace echo
