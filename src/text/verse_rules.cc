#include <algorithm>
#include <map>
#include <optional>

#include "text/characters.h"
#include "text/neighbors.h"
#include "text/number_readers.h"
#include "text/number_words.h"
#include "text/rules.h"
#include "text/tables.h"

namespace echo {
namespace {

constexpr int kMostChapters = 150, kMostVerses = 176;

struct Book {
  std::u32string name;
  bool several = false;  // First, Second ...
};

const std::map<std::u32string, Book, std::less<>>& bible_books() {
  static const auto map = [] {
    std::map<std::u32string, Book, std::less<>> all;
    for (const auto& row : table_rows(table_bible_books)) all[row[0]] = {row[1], row.size() > 2};
    return all;
  }();
  return map;
}

class VerseReader {
 public:
  explicit VerseReader(Draft& draft) : draft_(draft), text_{draft.text()} {}

  void read() {
    const std::u32string_view text = text_.text;
    for (size_t colon = text.find(U':'); colon != text.npos;) {
      const size_t end = read_at(colon);
      colon = text.find(U':', std::max(end, colon + 1));
    }
    draft_.commit();
  }

 private:
  // A chapter or a verse; nothing for what none can be.
  std::optional<Literal> number_at(size_t at, int most) const {
    Literal number{at, {}, {}, false};
    while (is_digit(text_.at(number.end)) && number.end - at < 4) {
      number.whole += text_.at(number.end++);
    }
    const int value = number.whole.empty() || number.whole[0] == U'0' ? 0 : number.small_value();
    return value >= 1 && value <= most ? std::optional(number) : std::nullopt;
  }

  // Where the verses end whose chapter ends at `colon`; 0 when there are none.
  size_t read_at(size_t colon) {
    size_t chapter_begin = colon;
    while (chapter_begin > 0 && colon - chapter_begin < 4 && is_digit(text_.at(chapter_begin - 1)))
      --chapter_begin;
    const auto chapter = number_at(chapter_begin, kMostChapters);
    const auto verse = chapter ? number_at(colon + 1, kMostVerses) : std::nullopt;
    if (!verse || chapter_begin < 3 || text_.at(chapter_begin - 1) != U' ') return 0;
    const size_t book_end = chapter_begin - 1;
    const bool point = text_.at(book_end - 1) == U'.';
    const std::u32string_view letters = letters_until(text_.text, book_end - (point ? 1 : 0));
    size_t begin = book_end - (point ? 1 : 0) - letters.size();
    const auto book = bible_books().find(text_.text.substr(begin, book_end - begin));
    if (book == bible_books().end() || begin < draft_.replaced_until()) return 0;

    std::u32string words = cardinal_words(chapter->whole) + U" " + cardinal_words(verse->whole);
    size_t end = verse->end;
    if (is_one_of(text_.at(end), U"-\u2013")) {
      if (const auto last = number_at(end + 1, kMostVerses)) {
        words += U" to " + cardinal_words(last->whole);
        end = last->end;
        // 1:1-2:3
        const auto next = text_.at(end) == U':' ? number_at(end + 1, kMostVerses) : std::nullopt;
        if (next) {
          words += U" " + cardinal_words(next->whole);
          end = next->end;
        }
      }
    }
    if (!text_.ends_at(end) || goes_on_as_time(end)) return 0;
    const std::u32string_view which = book->second.several ? ordinal_before(begin) : U"";
    const bool renamed = !which.empty() || point;
    if (!which.empty()) {
      words = std::u32string(which) + U" " + book->second.name + U" " + words;
      begin = count_begin_;
    } else if (point) {
      words = book->second.name + U" " + words;
    }
    draft_.replace(renamed ? begin : chapter_begin, end, words, Rule::kNumber);
    return end;
  }

  // "3:16 pm", "3:16:20"
  bool goes_on_as_time(size_t end) const {
    if (text_.at(end) == U':') return is_digit(text_.at(end + 1));
    const size_t half = text_.at(end) == U' ' ? end + 1 : end;
    const bool letter = is_one_of(text_.at(half) | 0x20, U"ap");
    const size_t next = is_one_of(text_.at(half + 1), U" .") ? half + 2 : half + 1;
    return letter && (text_.at(next) | 0x20) == U'm' && text_.ends_at(next + 1);
  }

  // "First" of the "1 " or "I " before a book that begins at `at`.
  std::u32string_view ordinal_before(size_t at) {
    size_t end = at;
    if (end == 0 || text_.at(end - 1) != U' ') return {};
    --end;
    size_t begin = end;
    while (begin > 0 && is_one_of(text_.at(begin - 1), U"I123") && end - begin < 4) --begin;
    const bool whole = begin == 0 || !(is_word_character(text_.at(begin - 1)) ||
                                       is_one_of(text_.at(begin - 1), U".,-'/$:"));
    if (!whole || begin < draft_.replaced_until()) return {};
    count_begin_ = begin;
    const std::u32string_view count = text_.text.substr(begin, end - begin);
    if (count == U"1" || count == U"I") return U"First";
    if (count == U"2" || count == U"II") return U"Second";
    if (count == U"3" || count == U"III") return U"Third";
    return {};
  }

  Draft& draft_;
  NumberText text_;
  size_t count_begin_ = 0;
};

}  // namespace

void read_verses(Draft& draft) { VerseReader(draft).read(); }

}  // namespace echo
