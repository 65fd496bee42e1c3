#include "text/sign_reader.h"

#include "base/utf8.h"
#include "text/characters.h"

namespace echo {

size_t SignReader::between(size_t begin, size_t end, std::u32string_view words) {
  std::u32string by(words);
  const char32_t previous = before(begin), next = draft_.at(end);
  if (previous != 0 && !is_white_space(previous) && !is_one_of(previous, U"(\"'")) by = U" " + by;
  if (next != 0 && !is_white_space(next) && !is_one_of(next, U".,;:!?)\"'")) by += U" ";
  draft_.say(begin, end, by, Rule::kSymbol);
  return end;
}

}  // namespace echo
