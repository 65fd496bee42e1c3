// What readers of single signs share: the characters around a place, and words put there.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "text/draft.h"

namespace echo {

class SignReader {
 protected:
  explicit SignReader(Draft& draft) : draft_(draft), text_(draft.text()) {}

  // The character before `at`; 0 at the beginning.
  char32_t before(size_t at) const { return at > 0 ? text_[at - 1] : 0; }
  // The last character that is no space before `at`, and the first from `at` on; 0 where there is
  // none.
  char32_t left(size_t at) const {
    while (at > 0 && text_[at - 1] == U' ') --at;
    return before(at);
  }
  char32_t right(size_t at) const {
    while (at < text_.size() && text_[at] == U' ') ++at;
    return draft_.at(at);
  }

  // Puts `by` in place of [begin, end), as it is or with a space on each side where words are.
  // Both return `end`.
  size_t put(size_t begin, size_t end, std::u32string_view by) {
    draft_.replace(begin, end, by, Rule::kSymbol);
    return end;
  }
  size_t between(size_t begin, size_t end, std::u32string_view words);

  Draft& draft_;
  const std::u32string& text_;
};

}  // namespace echo
