#include <algorithm>

#include "base/utf8.h"
#include "text/characters.h"
#include "text/rules.h"
#include "text/sentences.h"
#include "text/tables.h"

namespace echo {
namespace {

constexpr size_t kLongestSound = 40;
constexpr size_t kReach = 1000;

std::u32string normalised(std::u32string_view text) {
  std::u32string result;
  for (const char32_t c : text) {
    if (is_white_space(c) || c == U'-') {
      if (!result.empty() && result.back() != U' ') result += U' ';
    } else {
      result += lower_case(c);
    }
  }
  while (!result.empty() && is_one_of(result.back(), U" .!")) result.pop_back();
  return result;
}

class ParenthesisReader {
 public:
  ParenthesisReader(Draft& draft, const TextOptions& options)
      : draft_(draft), text_(draft.text()), options_(options) {}

  void read() {
    if (text_.find_first_of(U"()[]{}") == text_.npos) return;
    find_partners();
    for (size_t at = 0; at < text_.size(); ++at) {
      const char32_t c = text_[at];
      if (is_one_of(c, U"([{")) {
        at = open(at);
      } else if (is_one_of(c, U")]}")) {
        close(at);
      }
    }
    draft_.commit();
  }

 private:
  // partner_[i]: the bracket that belongs to the one at i; i itself where there is none.
  void find_partners() {
    partner_.resize(text_.size());
    std::vector<size_t> open;
    for (size_t i = 0; i < text_.size(); ++i) {
      partner_[i] = i;
      if (is_break(text_[i])) open.clear();
      if (is_one_of(text_[i], U"([{")) open.push_back(i);
      if (!is_one_of(text_[i], U")]}") || open.empty()) continue;
      const char32_t wanted = text_[i] == U')' ? U'(' : text_[i] == U']' ? U'[' : U'{';
      if (text_[open.back()] != wanted) continue;
      partner_[i] = open.back();
      partner_[open.back()] = i;
      open.pop_back();
    }
  }

  bool at_sentence_start(size_t at) const {
    while (at > 0 && text_[at - 1] == U' ') --at;
    return at == 0 || is_mark(text_[at - 1]) || is_one_of(text_[at - 1], U".?!\n");
  }

  // '"Yes!" (He nods.)'
  bool follows_quoted_sentence(size_t at) const {
    size_t end = at;
    while (end > 0 && text_[end - 1] == U' ') --end;
    return end < at && end > 1 && text_[end - 1] == U'"' && is_one_of(text_[end - 2], U".?!");
  }

  // Returns the last character that was dealt with.
  size_t open(size_t at) {
    const size_t partner = partner_[at];
    if (partner == at) {
      // Brackets that never close.
      size_t end = at + 1;
      while (end < text_.size() && is_one_of(text_[end], U"([{") && partner_[end] == end) ++end;
      replace(at, end, at_sentence_start(at) ? U"" : U", ");
      return end - 1;
    }
    const std::u32string_view inside = std::u32string_view(text_).substr(at + 1, partner - at - 1);
    if (text_[at] != U'{' && inside.size() <= kLongestSound && is_sound(inside, options_)) {
      if (text_[at] == U'[') {
        draft_.replace(at, at + 1, U"(", Rule::kSound);
        draft_.replace(partner, partner + 1, U")", Rule::kSound);
      }
      return partner;
    }
    const bool empty = std::none_of(inside.begin(), inside.end(), is_word_character);
    if (empty && inside.size() <= kReach) {
      replace(at, partner + 1, U"");
      return partner;
    }
    if (options_.parentheses == ParenthesesStyle::kKeep && text_[at] == U'(') {
      kept_ = std::max(kept_, partner);
      return at;
    }
    if (options_.parentheses == ParenthesesStyle::kDrop) {
      size_t begin = at;
      while (begin > draft_.replaced_until() && text_[begin - 1] == U' ') --begin;
      replace(begin, partner + 1, U"");
      return partner;
    }
    // "word(s)" is one word, "f(x)" is said as it comes.
    const bool joined = at > 0 && is_word_character(text_[at - 1]);
    if (joined && (inside == U"s" || inside == U"es" || inside == U"S")) {
      replace(at, at + 1, U"");
      return at;
    }
    const bool starts =
        at_sentence_start(at) || (follows_quoted_sentence(at) && is_upper(draft_.at(at + 1)));
    replace(at, at + 1, starts || is_blank_to_fill(at) ? U"" : joined ? U" " : U", ");
    return at;
  }

  // {topic} and [Name] of a letter that is to be filled in are words of its sentence.
  bool is_blank_to_fill(size_t at) const {
    if (text_[at] == U'{') return true;
    const size_t close = partner_[at];
    if (text_[at] != U'[' || !is_upper(draft_.at(at + 1)) || close - at > 20) return false;
    return std::all_of(text_.begin() + static_cast<ptrdiff_t>(at + 1),
                       text_.begin() + static_cast<ptrdiff_t>(close),
                       [](char32_t c) { return is_letter(c) || c == U' '; });
  }

  // Something done, "[points at the sky]", that stands between two sentences is one.
  bool is_sentence(size_t open, size_t close, size_t after) const {
    return after > close + 1 && at_sentence_start(open) && is_lower(draft_.at(open + 1)) &&
           is_upper(draft_.at(after)) &&
           std::find(text_.begin() + static_cast<ptrdiff_t>(open),
                     text_.begin() + static_cast<ptrdiff_t>(close),
                     U' ') != text_.begin() + static_cast<ptrdiff_t>(close);
  }

  void close(size_t at) {
    if (at <= kept_ && text_[at] == U')' && partner_[at] != at) return;
    const size_t partner = partner_[at];
    const char32_t next = draft_.at(at + 1);
    if (partner == at) {
      // "a) first": the letter is a mark of its own.
      replace(at, at + 1, at + 1 < text_.size() && next == U' ' ? U"," : U"");
      return;
    }
    const bool joined = partner > 0 && is_word_character(text_[partner - 1]);
    const bool sentence = at > 0 && is_one_of(text_[at - 1], U".?!");
    if (joined || sentence || is_word_character(next)) {
      replace(at, at + 1, sentence && is_word_character(next) ? U" " : U"");
      return;
    }
    size_t after = at + 1;
    while (is_white_space(draft_.at(after))) ++after;  // a table's rule leaves a line's end
    const bool last = after >= text_.size() || is_break(text_[after]);
    const bool blank = is_blank_to_fill(partner);
    replace(at, at + 1, last || blank ? U"" : is_sentence(partner, at, after) ? U"." : U",");
  }

  void replace(size_t begin, size_t end, std::u32string_view by) {
    draft_.replace(begin, end, by, Rule::kSound);
  }

  Draft& draft_;
  const std::u32string& text_;
  const TextOptions& options_;
  std::vector<size_t> partner_;
  size_t kept_ = 0;
};

}  // namespace

bool is_sound(std::u32string_view text, const TextOptions& options) {
  static const WordSet sounds = [] {
    WordSet set;
    for (const auto& row : table_rows(table_sounds)) set.insert(row[0]);
    return set;
  }();
  if (text.empty() || text.size() > kLongestSound) return false;
  const std::u32string name = normalised(text);
  if (sounds.count(name)) return true;
  return std::any_of(
      options.sound_events.begin(), options.sound_events.end(),
      [&](const std::string& event) { return normalised(decode_utf8(event)) == name; });
}

void read_parentheses(Draft& draft, const TextOptions& options) {
  ParenthesisReader(draft, options).read();
}

}  // namespace echo
