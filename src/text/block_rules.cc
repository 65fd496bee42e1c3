#include <algorithm>
#include <optional>

#include "base/utf8.h"
#include "text/characters.h"
#include "text/rules.h"

namespace echo {
namespace {

constexpr std::u32string_view kBullets =
    U"-*+\u2022\u2023\u25E6\u25CF\u25CB\u25AA\u25A0\u2013\u2014\u2219";
// Lines above this may have been broken by a program, and their breaks mean nothing.
constexpr size_t kWrappedLine = 50;
constexpr size_t kLongestName = 24;  // of "Name: text"
constexpr size_t kIndent = 2;

enum class LineKind { kBlank, kText, kHeading, kItem, kTable, kTableRule, kRule };

struct Line {
  size_t begin = 0, end = 0;  // without the newline
  size_t text_begin = 0, text_end = 0;
  LineKind kind = LineKind::kText;
  size_t indent = 0;
  bool quoted = false;
};

bool ends_sentence(char32_t c) { return is_one_of(c, U".?!:\u3002\uFF1F\uFF01\u0964\u061F"); }

class BlockReader {
 public:
  explicit BlockReader(Draft& draft) : draft_(draft), text_(draft.text()) {}

  void read() {
    split_lines();
    measure_blocks();
    for (size_t i = 0; i < lines_.size(); ++i) read_line(i);
    draft_.commit();
  }

 private:
  void split_lines() {
    size_t begin = 0;
    for (size_t at = 0; at <= text_.size(); ++at) {
      if (at < text_.size() && text_[at] != U'\n') continue;
      lines_.push_back(classified(begin, at));
      begin = at + 1;
    }
    // A line of === or --- under text makes it a heading; |---| belongs to a table.
    for (size_t i = 0; i < lines_.size(); ++i) {
      if (lines_[i].kind != LineKind::kText && lines_[i].kind != LineKind::kRule) continue;
      if (i > 0 && is_underline(lines_[i]) && lines_[i - 1].kind == LineKind::kText) {
        lines_[i - 1].kind = LineKind::kHeading;
        lines_[i].kind = LineKind::kRule;
      }
    }
    mark_tables();
  }

  Line classified(size_t begin, size_t end) const {
    Line line;
    line.begin = begin;
    line.end = end;
    size_t at = begin;
    while (at < end && is_white_space(text_[at])) ++at;
    line.indent = at - begin;
    // Quotations, also of quotations.
    while (at < end && text_[at] == U'>') {
      line.quoted = true;
      ++at;
      while (at < end && text_[at] == U' ') ++at;
    }
    while (end > at && is_white_space(text_[end - 1])) --end;
    line.text_begin = at;
    line.text_end = end;
    if (at == end) {
      line.kind = LineKind::kBlank;
      return line;
    }
    if (is_rule(at, end)) {
      line.kind = LineKind::kRule;
    } else if (const size_t heading = heading_begin(at, end)) {
      line.kind = LineKind::kHeading;
      line.text_begin = heading;
      while (line.text_end > heading && is_one_of(text_[line.text_end - 1], U"# ")) {
        --line.text_end;
      }
    } else if (const size_t item = item_begin(at, end)) {
      line.kind = LineKind::kItem;
      line.text_begin = item;
    }
    return line;
  }

  // ---, ***, * * *, ═══: three or more of one character and nothing else.
  bool is_rule(size_t at, size_t end) const {
    if (!is_one_of(text_[at], U"-*_=~#\u2014\u2013\u2500\u2501\u2550.")) return false;
    size_t count = 0;
    for (size_t i = at; i < end; ++i) {
      if (text_[i] == text_[at]) {
        ++count;
      } else if (text_[i] != U' ') {
        return false;
      }
    }
    return count >= (text_[at] == U'.' ? 4 : 3);
  }

  bool is_underline(const Line& line) const {
    const char32_t c = text_[line.text_begin];
    if (line.text_end - line.text_begin < 2 || (c != U'=' && c != U'-')) return false;
    return std::all_of(text_.begin() + static_cast<ptrdiff_t>(line.text_begin),
                       text_.begin() + static_cast<ptrdiff_t>(line.text_end),
                       [c](char32_t other) { return other == c; });
  }

  // Where the text of "## text" begins; 0 for what is no heading.
  size_t heading_begin(size_t at, size_t end) const {
    size_t marks = at;
    while (marks < end && text_[marks] == U'#') ++marks;
    if (marks == at || marks - at > 6 || marks == end || text_[marks] != U' ') return 0;
    return skip_space(marks, end);
  }

  // Where the text of "- text" or "1. text" begins; 0 for what is no item.
  size_t item_begin(size_t at, size_t end) const {
    size_t mark = at;
    if (is_one_of(text_[at], kBullets)) {
      mark = at + 1;
    } else {
      while (mark < end && is_digit(text_[mark]) && mark - at < 3) ++mark;
      if (mark == at && is_ascii_letter(text_[at])) ++mark;
      const bool letter = mark > at && is_ascii_letter(text_[at]);
      if (mark == at || mark >= end) return 0;
      if (text_[mark] != U')' && (letter || text_[mark] != U'.')) return 0;
      ++mark;
    }
    if (mark >= end || text_[mark] != U' ') return 0;
    mark = skip_space(mark, end);
    if (mark == end) return 0;
    // "- 5" on a line of its own may be a number; "- [x] done" has a box.
    if (end - mark > 4 && text_[mark] == U'[' && text_[mark + 2] == U']' &&
        is_one_of(text_[mark + 1], U" xX")) {
      mark = skip_space(mark + 3, end);
    }
    return mark;
  }

  size_t skip_space(size_t at, size_t end) const {
    while (at < end && is_white_space(text_[at])) ++at;
    return at;
  }

  size_t count_bars(const Line& line) const {
    return static_cast<size_t>(std::count(text_.begin() + static_cast<ptrdiff_t>(line.text_begin),
                                          text_.begin() + static_cast<ptrdiff_t>(line.text_end),
                                          U'|'));
  }

  bool is_table_rule(const Line& line) const {
    bool dash = false;
    for (size_t i = line.text_begin; i < line.text_end; ++i) {
      if (!is_one_of(text_[i], U"|-: +")) return false;
      dash = dash || text_[i] == U'-';
    }
    return dash && count_bars(line) > 0;
  }

  void mark_tables() {
    for (size_t i = 0; i < lines_.size(); ++i) {
      Line& line = lines_[i];
      if (line.kind == LineKind::kBlank) continue;
      if (is_table_rule(line)) {
        line.kind = LineKind::kTableRule;
        if (i > 0 && count_bars(lines_[i - 1]) > 0) lines_[i - 1].kind = LineKind::kTable;
      } else if (count_bars(line) >= 2 && text_[line.text_begin] == U'|') {
        line.kind = LineKind::kTable;
      } else if (i > 0 && count_bars(line) > 0 &&
                 (lines_[i - 1].kind == LineKind::kTable ||
                  lines_[i - 1].kind == LineKind::kTableRule)) {
        line.kind = LineKind::kTable;
      }
    }
  }

  // The longest line of every block between blank lines.
  void measure_blocks() {
    longest_.assign(lines_.size(), 0);
    for (size_t begin = 0; begin < lines_.size();) {
      size_t end = begin;
      size_t longest = 0;
      while (end < lines_.size() && lines_[end].kind != LineKind::kBlank) {
        longest = std::max(longest, lines_[end].text_end - lines_[end].text_begin);
        ++end;
      }
      std::fill(longest_.begin() + static_cast<ptrdiff_t>(begin),
                longest_.begin() + static_cast<ptrdiff_t>(end), longest);
      begin = end + 1;
    }
  }

  void read_line(size_t i) {
    const Line& line = lines_[i];
    if (line.kind == LineKind::kBlank) return;
    if (line.kind == LineKind::kRule || line.kind == LineKind::kTableRule) {
      // The rule itself, whatever comes before and after it: breaks do the rest.
      put(line.begin, line.end, U"", Rule::kMarkup);
      if (line.kind == LineKind::kRule) pending_paragraph_ = true;
      return;
    }
    separate(i);
    if (line.text_begin > line.begin) {
      const bool space = line.kind == LineKind::kText && !line.quoted;
      put(line.begin, line.text_begin, U"", space ? Rule::kSpacing : Rule::kMarkup);
    }
    if (line.kind == LineKind::kTable) read_cells(line);
    if (line.kind == LineKind::kItem) read_further_items(line);
    if (line.text_end < line.end) {
      put(line.text_end, line.end, U"",
          line.kind == LineKind::kHeading ? Rule::kMarkup : Rule::kSpacing);
    }
    last_text_ = i;
  }

  // Replaces what is between the last line with text and this one by what it means.
  void separate(size_t i) {
    if (!last_text_) {
      // Nothing stands before a text.
      if (lines_[i].begin > 0 && draft_.replaced_until() <= 0) {
        put(0, lines_[i].begin, U"", Rule::kSpacing);
      }
      pending_paragraph_ = false;
      return;
    }
    const Line& before = lines_[*last_text_];
    const size_t gap_begin = before.end, gap_end = lines_[i].begin;
    std::u32string by = separator(i);
    // Rules between the lines were replaced already: only the last newline is left to say it.
    put(std::max(gap_begin, draft_.replaced_until()), gap_end, by, Rule::kParagraph);
    pending_paragraph_ = false;
  }

  std::u32string separator(size_t i) const {
    const Line& before = lines_[*last_text_];
    const Line& line = lines_[i];
    const std::u32string paragraph(1, kParagraphMark), new_line(1, kLineMark);
    bool blank = pending_paragraph_;
    for (size_t k = *last_text_ + 1; k < i; ++k)
      blank = blank || lines_[k].kind == LineKind::kBlank;
    if (line.kind == LineKind::kHeading || before.kind == LineKind::kHeading) return paragraph;
    const bool same_list = line.kind == LineKind::kItem && before.kind == LineKind::kItem;
    if (blank) return same_list ? new_line : paragraph;
    if (same_list) return new_line;
    if (line.kind == LineKind::kItem) return paragraph;
    if (line.kind == LineKind::kTable) {
      return before.kind == LineKind::kTable ? new_line : paragraph;
    }
    if (before.kind == LineKind::kTable || line.quoted != before.quoted) return paragraph;
    char32_t last = before.text_end > before.text_begin ? text_[before.text_end - 1] : U' ';
    if (is_one_of(last, U"\"')*_") && before.text_end - before.text_begin >= 2) {
      last = text_[before.text_end - 2];
    }
    if (is_mark(last)) return new_line;
    // An item goes on in an indented line.
    if (before.kind == LineKind::kItem) {
      return line.indent >= kIndent && !ends_sentence(last) ? U" " : new_line;
    }
    if (ends_sentence(last)) return line.indent >= kIndent ? paragraph : new_line;
    if (is_named(line) || is_named(before)) return new_line;
    if (is_mark(text_[line.text_begin])) return new_line;
    // Lines of a poem or an address: nobody broke them to fit a width.
    const bool written = longest_[i] <= kWrappedLine;
    const char32_t first = text_[line.text_begin];
    if (written && (is_upper(first) || is_digit(first)) && is_word_character(last)) return U", ";
    return U" ";
  }

  // "Name: text"
  bool is_named(const Line& line) const {
    if (line.text_begin >= line.text_end || !is_upper(text_[line.text_begin])) return false;
    for (size_t at = line.text_begin; at + 1 < line.text_end; ++at) {
      if (at - line.text_begin > kLongestName) return false;
      if (text_[at] == U':') return text_[at + 1] == U' ';
      if (!is_word_character(text_[at]) && !is_one_of(text_[at], U" .'-")) return false;
    }
    return false;
  }

  // The end of bars and spaces, and of cells that have a dash and nothing else.
  size_t empty_cells_end(size_t at, size_t end) const {
    while (true) {
      while (at < end && is_one_of(text_[at], U"| ")) ++at;
      size_t dash = at;
      while (dash < end && is_one_of(text_[dash], U"-\u2013\u2014")) ++dash;
      size_t next = dash;
      while (next < end && text_[next] == U' ') ++next;
      if (dash == at || (next < end && text_[next] != U'|')) return at;
      at = next;
    }
  }

  // "1) Open it 2) Tap on it": what is numbered in a line of its own list is a line each.
  void read_further_items(const Line& line) {
    const std::u32string_view mark =
        std::u32string_view(text_).substr(line.begin, line.text_begin - line.begin);
    if (mark.find(U"1)") == mark.npos) return;
    char32_t number = U'2';
    for (size_t at = line.text_begin; at + 3 < line.text_end && number <= U'9'; ++at) {
      if (text_[at] != U' ' || text_[at + 1] != number || text_[at + 2] != U')' ||
          text_[at + 3] != U' ') {
        continue;
      }
      size_t begin = at;
      while (begin > line.text_begin && is_one_of(text_[begin - 1], U" ,;")) --begin;
      put(begin, at + 4, std::u32string(1, kLineMark), Rule::kMarkup);
      ++number;
    }
  }

  // A cell that is one word with a point, which ends at `end`.
  bool is_short_form(size_t end) const {
    if (end <= draft_.replaced_until() + 1 || text_[end - 1] != U'.') return false;
    size_t begin = end - 1;
    while (begin > draft_.replaced_until() && is_letter(text_[begin - 1])) --begin;
    return begin < end - 1 && end - begin <= 6 &&
           (begin == draft_.replaced_until() || is_one_of(text_[begin - 1], U"| "));
  }

  // Cells become a sentence, with a comma between them.
  void read_cells(const Line& line) {
    bool said = false;
    for (size_t at = line.text_begin; at < line.text_end;) {
      if (text_[at] != U'|' || (at > line.text_begin && text_[at - 1] == U'\\')) {
        said = true;
        ++at;
        continue;
      }
      size_t end = at;
      end = empty_cells_end(end, line.text_end);
      size_t begin = at;
      while (begin > line.text_begin && text_[begin - 1] == U' ') --begin;
      begin = std::max(begin, draft_.replaced_until());
      // "Dep." of a column's head: with a comma behind it the point would be the stronger.
      if (end < line.text_end && is_short_form(begin)) --begin;
      put(begin, end, said && end < line.text_end ? U", " : U"", Rule::kMarkup);
      at = end;
    }
  }

  void put(size_t begin, size_t end, std::u32string_view by, Rule rule) {
    if (begin < end || !by.empty()) draft_.replace(begin, end, by, rule);
  }

  Draft& draft_;
  const std::u32string& text_;
  std::vector<Line> lines_;
  std::vector<size_t> longest_;
  std::optional<size_t> last_text_;
  bool pending_paragraph_ = false;
};

}  // namespace

void read_blocks(Draft& draft) { BlockReader(draft).read(); }

}  // namespace echo
