#include "text/characters.h"
#include "text/neighbors.h"
#include "text/rules.h"
#include "text/tables.h"

namespace echo {
namespace {

constexpr size_t kMostKeys = 6;

// * and # that are keys of a telephone or signs that a text is about: "press *", "the # key".
class KeyReader {
 public:
  explicit KeyReader(Draft& draft) : draft_(draft), text_(draft.text()) {}

  void read() {
    for (size_t at = 0; at < text_.size(); ++at) {
      if (!is_one_of(text_[at], U"*#")) continue;
      const std::u32string_view name = text_[at] == U'*' ? U"star" : U"pound";
      if (text_[at] == U'*' && ranks(at)) {
        draft_.replace(at, at + 1, U" star", Rule::kSymbol);
      } else if (const size_t end = code_end(at)) {
        at = read_code(at, end) - 1;
      } else if (is_alone(at) && (follows_press(at) || precedes_key(at)) && !is_told(at)) {
        draft_.say(at, at + 1, name, Rule::kSymbol);
      }
    }
    draft_.commit();
  }

 private:
  bool opens(size_t at) const { return at == 0 || is_one_of(text_[at - 1], U" \"'("); }
  static bool closes(char32_t c) { return c == 0 || is_mark(c) || is_one_of(c, U" .,;:!?)\"'\n"); }
  bool is_alone(size_t at) const { return opens(at) && closes(draft_.at(at + 1)); }

  std::u32string word_before_quote(size_t at) const {
    while (at > 0 && is_one_of(text_[at - 1], U" \"'(")) --at;
    return lower_case(letters_until(text_, at));
  }

  // "a 5* hotel"
  bool ranks(size_t at) const {
    if (at == 0 || !is_one_of(text_[at - 1], U"12345") || draft_.at(at + 1) != U' ') return false;
    static const WordSet nouns = {U"hotel", U"hotels", U"resort", U"rating", U"review", U"reviews"};
    return (at == 1 || !is_word_character(text_[at - 2])) &&
           nouns.count(letters_from(text_, at + 2)) > 0;
  }

  bool follows_press(size_t at) const {
    static const WordSet verbs = {U"press", U"pressing", U"dial", U"dialing", U"hit", U"enter"};
    return verbs.count(word_before_quote(at)) > 0;
  }

  bool precedes_key(size_t at) const {
    size_t next = at + 1;
    while (is_one_of(draft_.at(next), U" \"')")) ++next;
    static const WordSet names = {U"key", U"sign", U"symbol", U"button"};
    return next > at + 1 && names.count(lower_case(letters_from(text_, next))) > 0;
  }

  // "# (pound)" tells the name itself.
  bool is_told(size_t at) const {
    if (draft_.at(at + 1) != U' ' || draft_.at(at + 2) != U'(') return false;
    static const WordSet names = {U"pound", U"hash", U"star", U"asterisk", U"number", U"the"};
    return names.count(lower_case(letters_from(text_, at + 3))) > 0;
  }

  // "dial *69", "*#06#": where keys end that are pressed one after the other; 0 for others.
  size_t code_end(size_t at) const {
    if (text_[at] != U'*' || !opens(at) || !follows_press(at)) return 0;
    size_t end = at, digits = 0;
    while (is_digit(draft_.at(end)) || is_one_of(draft_.at(end), U"*#")) {
      digits += is_digit(text_[end]) ? 1 : 0;
      ++end;
    }
    return digits > 0 && end - at <= kMostKeys && closes(draft_.at(end)) ? end : 0;
  }

  size_t read_code(size_t at, size_t end) {
    std::u32string words;
    for (size_t i = at; i < end; ++i) {
      const bool digits = i > at && is_digit(text_[i]) && is_digit(text_[i - 1]);
      if (i > at && !digits) words += U' ';
      if (is_digit(text_[i])) {
        words += text_[i];
      } else {
        words += text_[i] == U'*' ? U"star" : U"pound";
      }
    }
    draft_.say(at, end, words, Rule::kSymbol);
    return end;
  }

  Draft& draft_;
  const std::u32string& text_;
};

}  // namespace

void read_keys(Draft& draft) { KeyReader(draft).read(); }

}  // namespace echo
