// Where sentences end.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace echo {

// Characters [begin, end) of a text, without white space at the ends.
struct TextRange {
  size_t begin = 0, end = 0;
  size_t size() const { return end - begin; }
};

// The sentences of a text, in order; together they are the text but for white space between them. A
// sentence ends at . ? ! ... or a full stop of another script, with the quotes and brackets that
// close there, before a capital, a digit, a quote, a letter without case, a line's end; not inside
// parentheses, after titles, initials and abbreviations, nor in decimals, versions and addresses.
std::vector<TextRange> find_sentences(std::u32string_view text);

// The same for UTF-8, as strings. Throws kInvalidArgument when it is none.
std::vector<std::string> split_sentences(std::string_view text);

// For every character the index of the bracket that closes the innermost ( [ { around it, or 0. A
// bracket without a partner, or one that is further than `reach` from it, is none.
std::vector<size_t> closing_brackets(std::u32string_view text, size_t reach);

}  // namespace echo
