#include <algorithm>
#include <map>
#include <string>

#include "base/utf8.h"
#include "text/characters.h"
#include "text/rules.h"
#include "text/tables.h"

namespace echo {
namespace {

constexpr size_t kLongestFormula = 300;
constexpr int kDeepest = 6;  // braces in braces

// Words of several letters are a language's, not a formula's: "$5 for you, and $".
constexpr size_t kLongestVariable = 3;

const WordMap& math_words() {
  static const WordMap map = [] {
    WordMap all;
    for (const auto& row : table_rows(table_math_words)) {
      all[row[0]] = row.size() > 1 ? row[1] : std::u32string();
    }
    return all;
  }();
  return map;
}

// A formula of LaTeX in words, but for numbers, names and powers of one character, "x^2", which
// later rules read.
class FormulaReader {
 public:
  explicit FormulaReader(std::u32string_view text) : text_(text) {}

  std::u32string read() {
    read_until(text_.size(), 0);
    while (!said_.empty() && said_.back() == U' ') said_.pop_back();
    return said_;
  }

  // The one command that begins the text; `end` is where it ends.
  std::u32string read_command_alone(size_t& end) {
    read_command(0);
    end = at_;
    while (!said_.empty() && said_.back() == U' ') said_.pop_back();
    return said_;
  }

 private:
  char32_t at(size_t place) const { return place < text_.size() ? text_[place] : 0; }

  void say(std::u32string_view words) {
    if (words.empty()) return;
    space();
    said_ += words;
    said_ += U' ';
  }
  void space() {
    if (!said_.empty() && !is_one_of(said_.back(), U" (^")) said_ += U' ';
  }

  // Empty for what is no operator, or may be more.
  static std::u32string_view operator_words(char32_t c) {
    switch (c) {
      case U'=':
        return U"equals";
      case U'<':
        return U"is less than";
      case U'>':
        return U"is greater than";
      case U'+':
        return U"plus";
      case U'-':
      case U'\u2212':
        return U"minus";
      case U'*':
        return U"times";
      default:
        return {};
    }
  }

  void read_until(size_t end, int depth) {
    while (at_ < end) {
      const char32_t c = text_[at_];
      if (c == U'\\') {
        read_command(depth);
        continue;
      }
      ++at_;
      if (const std::u32string_view words = operator_words(c); !words.empty()) {
        say(words);
        continue;
      }
      switch (c) {
        case U'/':
          read_slash();
          break;
        case U'^':
          read_power(depth);
          break;
        case U'_':
          say(U"sub");
          read_group(depth);
          break;
        case U'{':
        case U'}':
          break;
        case U'&':
        case U'~':
        case U'|':
        case U' ':
          space();
          break;
        default:
          said_ += c;
          break;
      }
    }
  }

  // 1/2 stays a fraction of numbers.
  void read_slash() {
    const bool numbers = !said_.empty() && is_digit(said_.back()) && is_digit(at(at_));
    if (numbers) {
      said_ += U'/';
    } else {
      say(U"over");
    }
  }

  void read_power(int depth) {
    const std::u32string_view power = group();
    if (power == U"\\circ") {
      said_ += U'\u00B0';
    } else if (power.size() == 1) {
      said_ += U'^';
      said_ += power;
      // "r^2h" is r squared, and h.
      if (is_word_character(at(at_))) said_ += U' ';
    } else {
      say(U"to the power of");
      say(read_inside(power, depth));
    }
  }

  // What braces hold, a command, or the one character at the place; moves behind it.
  std::u32string_view group() {
    while (at(at_) == U' ') ++at_;
    const size_t begin = at_;
    if (at(at_) == U'\\') {
      ++at_;
      while (is_ascii_letter(at(at_))) ++at_;
      return text_.substr(begin, at_ - begin);
    }
    if (at(at_) != U'{') {
      if (at_ < text_.size()) ++at_;
      return text_.substr(begin, at_ - begin);
    }
    int open = 0;
    for (; at_ < text_.size(); ++at_) {
      if (text_[at_] == U'{') ++open;
      if (text_[at_] == U'}' && --open == 0) {
        ++at_;
        return text_.substr(begin + 1, at_ - begin - 2);
      }
    }
    return text_.substr(begin + 1);
  }

  static std::u32string read_inside(std::u32string_view text, int depth) {
    if (depth >= kDeepest) return std::u32string();
    FormulaReader inner(text);
    inner.read_until(text.size(), depth + 1);
    std::u32string said = inner.said_;
    while (!said.empty() && said.back() == U' ') said.pop_back();
    return said;
  }

  void read_group(int depth) { say(read_inside(group(), depth)); }

  void read_command(int depth) {
    const size_t begin = ++at_;
    while (is_ascii_letter(at(at_))) ++at_;
    const std::u32string_view name = text_.substr(begin, at_ - begin);
    if (name.empty()) {
      // "\," is a space, "\\" a line's end, "\%" the sign itself.
      const char32_t sign = at(at_);
      if (at_ < text_.size()) ++at_;
      if (is_one_of(sign, U"%#&$")) {
        said_ += sign;
      } else if (sign == U'\\') {
        said_ += U", ";
      } else {
        space();
      }
      return;
    }
    if (name == U"frac" || name == U"dfrac" || name == U"tfrac") return read_fraction(depth);
    if (name == U"sqrt") return read_root(depth);
    const auto known = math_words().find(name);
    if (known == math_words().end()) {
      say(name);
    } else if (name == U"begin" || name == U"end") {
      group();
    } else if (name.starts_with(U"text") || name == U"operatorname") {
      say(group());
    } else if (name == U"int" || name == U"sum" || name == U"prod" || name == U"lim") {
      read_with_limits(known->second, depth);
    } else {
      say(known->second);
    }
  }

  // "\sum_{i=1}^n" is the sum from i equals 1 to n of what follows.
  void read_with_limits(std::u32string_view words, int depth) {
    std::u32string lower, upper;
    for (int limits = 0; limits < 2 && is_one_of(at(at_), U"_^"); ++limits) {
      std::u32string& limit = at(at_) == U'_' ? lower : upper;
      ++at_;
      limit = read_inside(group(), depth);
    }
    const bool ends_with_of = words.ends_with(U" of");
    say(words.substr(0, words.size() - (ends_with_of ? 3 : 0)));
    if (!ends_with_of) {
      if (!lower.empty()) say(U"as " + lower + U" of");
      return;
    }
    if (!lower.empty()) say((upper.empty() ? U"over " : U"from ") + lower);
    if (!upper.empty()) say(U"to " + upper);
    say(U"of");
  }

  void read_fraction(int depth) {
    const std::u32string_view top = group();
    const std::u32string_view bottom = group();
    const auto is_number = [](std::u32string_view text) {
      return !text.empty() && text.size() <= 4 && std::all_of(text.begin(), text.end(), is_digit);
    };
    if (is_number(top) && is_number(bottom)) {
      say(std::u32string(top) + U"/" + std::u32string(bottom));
      return;
    }
    say(read_inside(top, depth));
    say(U"over");
    say(read_inside(bottom, depth));
  }

  void read_root(int depth) {
    std::u32string_view root;
    if (at(at_) == U'[') {
      const size_t close = text_.find(U']', at_);
      if (close != text_.npos) {
        root = text_.substr(at_ + 1, close - at_ - 1);
        at_ = close + 1;
      }
    }
    if (root.empty() || root == U"2") {
      say(U"the square root of");
    } else if (root == U"3") {
      say(U"the cube root of");
    } else {
      say(U"the root of order " + read_inside(root, depth) + U" of");
    }
    read_group(depth);
  }

  std::u32string_view text_;
  std::u32string said_;
  size_t at_ = 0;
};

class MathReader {
 public:
  explicit MathReader(Draft& draft) : draft_(draft), text_(draft.text()) {}

  void read() {
    if (text_.find_first_of(U"$\\") == text_.npos) return;
    for (size_t at = 0; at < text_.size(); ++at) {
      size_t end = 0;
      if (text_[at] == U'$') end = read_dollars(at);
      if (text_[at] == U'\\') end = read_backslash(at);
      if (end > at) at = end - 1;
    }
    draft_.commit();
  }

 private:
  size_t put(size_t begin, size_t end, const std::u32string& words) {
    const bool joined = begin > 0 && is_word_character(text_[begin - 1]);
    const bool joins = is_word_character(draft_.at(end));
    draft_.replace(begin, end, (joined ? U" " : U"") + words + (joins ? U" " : U""), Rule::kSymbol);
    return end;
  }

  size_t read_formula(size_t begin, size_t end, size_t mark) {
    const std::u32string_view inside =
        std::u32string_view(text_).substr(begin + mark, end - begin - 2 * mark);
    return put(begin, end, FormulaReader(inside).read());
  }

  // $x = 1$ and $$x = 1$$; where it ends, 0 for what is none.
  size_t read_dollars(size_t at) {
    const size_t mark = draft_.at(at + 1) == U'$' ? 2 : 1;
    const size_t begin = at + mark;
    if (at > 0 && is_word_character(text_[at - 1])) return 0;
    size_t close = begin;
    while (close < text_.size() && text_[close] != U'$' && !is_mark(text_[close]) &&
           text_[close] != U'\n' && close - begin < kLongestFormula) {
      ++close;
    }
    if (close == begin || draft_.at(close) != U'$') return 0;
    if (mark == 2 && draft_.at(close + 1) != U'$') return 0;
    // A price's $ stands before its figure: "$5 and $6".
    const size_t end = close + mark;
    const bool apart = !is_word_character(draft_.at(end)) && !is_white_space(text_[begin]) &&
                       !is_white_space(text_[close - 1]);
    if (mark == 1 && !apart) return 0;
    return is_formula(begin, close) ? read_formula(at, end, mark) : 0;
  }

  // Whether [begin, end) has a variable or a sign of mathematics, and no words.
  bool is_formula(size_t begin, size_t end) const {
    bool sign = end - begin == 1 && is_ascii_letter(text_[begin]);
    for (size_t at = begin; at < end; ++at) {
      const char32_t c = text_[at];
      if (c == U'\\') return true;
      sign = sign || is_one_of(c, U"=^_<>+*");
      if (!is_ascii_letter(c)) continue;
      size_t last = at;
      while (last < end && is_ascii_letter(text_[last])) ++last;
      if (last - at > kLongestVariable) return false;
      at = last - 1;
    }
    return sign;
  }

  // \(x\), \[x\], and a command that stands without them.
  size_t read_backslash(size_t at) {
    const char32_t next = draft_.at(at + 1);
    if (next == U'(' || next == U'[') {
      const size_t close = closer(at + 2, next == U'(' ? U')' : U']');
      const bool formula =
          close != text_.npos && close - at < kLongestFormula && is_formula(at + 2, close);
      return formula ? read_formula(at, close + 2, 2) : 0;
    }
    if (!is_ascii_letter(next)) return 0;
    const char32_t before = at > 0 ? text_[at - 1] : U' ';
    const bool begins = is_white_space(before) || is_mark(before) || is_digit(before) ||
                        is_one_of(before, U"([{}+-=*/^_,");
    const std::u32string_view command =
        std::u32string_view(text_).substr(at, std::min(kLongestFormula, text_.size() - at));
    size_t name_end = 1;
    while (name_end < command.size() && is_ascii_letter(command[name_end])) ++name_end;
    const std::u32string_view name = command.substr(1, name_end - 1);
    const bool group = name == U"frac" || name == U"dfrac" || name == U"tfrac" || name == U"sqrt";
    // What looks like a path, "\to\file", is none.
    const bool known = group ? is_one_of(draft_.at(at + name_end), U"{[")
                             : math_words().count(name) && draft_.at(at + name_end) != U'\\' &&
                                   draft_.at(at + name_end) != U'.';
    if (!begins || !known) return 0;
    size_t end = 0;
    const std::u32string said = FormulaReader(command).read_command_alone(end);
    return put(at, at + end, said);
  }

  // The next "\)" or "\]" from `at` on; looked for once, not for every opener.
  size_t closer(size_t at, char32_t bracket) {
    size_t& next = bracket == U')' ? round_ : square_;
    if (next != text_.npos && next < at) next = text_.find(std::u32string{U'\\', bracket}, at);
    return next;
  }

  Draft& draft_;
  const std::u32string& text_;
  size_t round_ = 0, square_ = 0;
};

}  // namespace

void read_math(Draft& draft) { MathReader(draft).read(); }

}  // namespace echo
