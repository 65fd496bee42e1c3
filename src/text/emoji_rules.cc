#include <algorithm>

#include "base/utf8.h"
#include "text/characters.h"
#include "text/rules.h"
#include "text/tables.h"

namespace echo {
namespace {

constexpr size_t kLongestSmiley = 10;
// Before these a picture is part of the sentence: "my (dog) Max".
constexpr std::u32string_view kGoesOn =
    U" the a an my your his her our their to in on at of with and or for i we from is are "
    U"was were be this that by as but so ";

struct Range {
  char32_t first, last;
};

const std::vector<Range>& emoji_ranges() {
  static const std::vector<Range> ranges = [] {
    std::vector<Range> list;
    for (const auto& row : table_rows(table_emoji)) {
      const std::string line = ascii_of(row[0]);
      size_t end = 0;
      const auto first = static_cast<char32_t>(std::stoul(line, &end, 16));
      list.push_back({first, static_cast<char32_t>(std::stoul(line.substr(end), nullptr, 16))});
    }
    return list;
  }();
  return ranges;
}

bool is_emoji(char32_t c) {
  if (c < 0x203C || is_mark(c)) return false;
  const auto& ranges = emoji_ranges();
  const auto after =
      std::upper_bound(ranges.begin(), ranges.end(), c,
                       [](char32_t value, const Range& r) { return value < r.first; });
  return after != ranges.begin() && c <= std::prev(after)->last;
}

const WordSet& smileys() {
  static const WordSet set = table_words(table_smileys);
  return set;
}

class EmojiRemover {
 public:
  EmojiRemover(Draft& draft, EmojiStyle style)
      : draft_(draft), text_(draft.text()), style_(style) {}

  void remove() {
    for (size_t at = 0; at < text_.size(); ++at) {
      const size_t end = is_emoji(text_[at]) ? emoji_end(at) : smiley_end(at);
      if (end > at) at = remove_run(at, end) - 1;
    }
    draft_.commit();
  }

 private:
  bool at_line_start(size_t at) const {
    while (at > 0 && text_[at - 1] == U' ') --at;
    return at == 0 || text_[at - 1] == U'\n';
  }

  // Bullets and rules of a text are read with its lines.
  bool is_layout(size_t at) const {
    const char32_t c = text_[at];
    return c >= 0x2500 && c <= 0x25FF && at_line_start(at);
  }

  size_t emoji_end(size_t at) const {
    if (is_layout(at)) return at;
    // A keycap keeps its digit.
    size_t end = at;
    while (end < text_.size() && is_emoji(text_[end])) ++end;
    return end;
  }

  // A smiley stands between spaces, or before a mark that ends something.
  size_t smiley_end(size_t at) const {
    const char32_t c = text_[at];
    if (!is_one_of(c, U":;=<>^-TOoxXD\\\u00AF(\u0295")) return at;
    if (at > 0 && !is_white_space(text_[at - 1]) && !is_mark(text_[at - 1]) &&
        !is_one_of(text_[at - 1], U".!?,"))
      return at;
    // A word that begins as "T_T" and "xD" do.
    if (is_ascii_letter(c) && !is_one_of(draft_.at(at + 1), U"_.D:")) return at;
    for (size_t size = kLongestSmiley; size >= 2; --size) {
      if (at + size > text_.size()) continue;
      const char32_t after = draft_.at(at + size);
      const bool ends =
          after == 0 || is_white_space(after) || is_mark(after) ||
          (is_one_of(after, U".!?,)") && !is_word_character(draft_.at(at + size + 1)));
      if (ends && smileys().count(std::u32string_view(text_).substr(at, size))) return at + size;
    }
    return at;
  }

  std::u32string sound_of(size_t begin, size_t end) const {
    if (style_ != EmojiStyle::kSounds) return {};
    static const WordMap sounds = table_map(table_emoji_sounds);
    for (size_t at = begin; at < end; ++at) {
      const auto found = sounds.find(std::u32string_view(text_).substr(at, 1));
      if (found != sounds.end()) return found->second;
    }
    return {};
  }

  // A run of pictures with the spaces between and around them becomes a space, an end, or nothing.
  size_t remove_run(size_t begin, size_t end) {
    const size_t first = begin;
    while (true) {
      size_t next = end;
      while (next < text_.size() && text_[next] == U' ') ++next;
      if (next >= text_.size()) break;
      const size_t more = is_emoji(text_[next]) ? emoji_end(next) : smiley_end(next);
      if (more <= next) break;
      end = more;
    }
    const std::u32string sound = sound_of(first, end);
    if (const std::u32string_view mark = mark_of_cell(first, end); !mark.empty()) {
      draft_.replace(first, end, mark, Rule::kEmoji);
      return end;
    }
    const bool hearts = is_one_of(text_[first], U"\u2764\u2665\U0001F495\U0001F499\U0001F49A") ||
                        (text_[first] == U'<' && draft_.at(first + 1) == U'3');
    const bool line_start = at_line_start(first);
    while (begin > draft_.replaced_until() && text_[begin - 1] == U' ') --begin;
    while (end < text_.size() && text_[end] == U' ') ++end;
    const char32_t before = begin > 0 ? text_[begin - 1] : 0;
    const char32_t after = draft_.at(end);
    std::u32string by = U" ";
    if (!sound.empty()) {
      by = line_start ? sound + U" " : U" " + sound + U" ";
    } else if (line_start) {
      by = has_lines() ? U"\u2022 " : U"";
    } else if (hearts && says_who_loves(begin) && is_word_character(after)) {
      by = U" love ";
    } else if (after == 0 || is_white_space(after) || is_mark(after) ||
               is_one_of(after, U".,!?;:)") || (after == U'"' && text_[end - 1] != U' ')) {
      by = U"";
    } else if (ends_a_sentence(begin, before, after, end)) {
      by = U". ";
    }
    draft_.replace(begin, end, by, Rule::kEmoji);
    return std::max(end, first + 1);
  }

  // A check mark or a cross that is all of a table's cell says yes or no.
  std::u32string_view mark_of_cell(size_t begin, size_t end) const {
    const bool yes = is_one_of(text_[begin], U"\u2705\u2713\u2714\u2611");
    const bool no = is_one_of(text_[begin], U"\u274C\u2717\u2718\u2715\u2716");
    if ((!yes && !no) || end != begin + 1) return {};
    while (begin > 0 && text_[begin - 1] == U' ') --begin;
    while (draft_.at(end) == U' ') ++end;
    const bool cell = begin > 0 && text_[begin - 1] == U'|' &&
                      (draft_.at(end) == U'|' || draft_.at(end) == U'\n' || draft_.at(end) == 0);
    return !cell ? std::u32string_view() : yes ? U"yes" : U"no";
  }

  bool has_lines() const { return text_.find(U'\n') != text_.npos; }

  std::u32string word_before(size_t end) const {
    size_t begin = end;
    while (begin > 0 && is_letter(text_[begin - 1]) && end - begin < 20) --begin;
    return lower_case(std::u32string_view(text_).substr(begin, end - begin));
  }

  bool says_who_loves(size_t end) const {
    const std::u32string word = word_before(end);
    return word == U"i" || word == U"we" || word == U"you" || word == U"they";
  }

  // Many write a picture where others write a full stop.
  bool ends_a_sentence(size_t begin, char32_t before, char32_t after, size_t next) const {
    if (!is_word_character(before) || !is_upper(after)) return false;
    if (after == U'I' && !is_word_character(draft_.at(next + 1))) return true;
    return kGoesOn.find(U" " + word_before(begin) + U" ") == kGoesOn.npos;
  }

  Draft& draft_;
  const std::u32string& text_;
  EmojiStyle style_;
};

}  // namespace

void remove_emoji(Draft& draft, const TextOptions& options) {
  EmojiRemover(draft, options.emoji).remove();
}

}  // namespace echo
