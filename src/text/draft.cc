#include "text/draft.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/error.h"
#include "base/utf8.h"
#include "text/characters.h"
#include "text/tables.h"

namespace echo {
namespace {

constexpr std::array<std::string_view, 14> kRuleNames = {
    "unicode", "emoji",        "markup", "pause",    "paragraph", "address", "sound",
    "number",  "abbreviation", "symbol", "capitals", "speaker",   "ending",  "spacing"};

std::string rule_names(uint32_t rules) {
  std::string names;
  for (size_t i = 0; i < kRuleNames.size(); ++i) {
    if (rules >> i & 1) names += (names.empty() ? "" : "+") + std::string(kRuleNames[i]);
  }
  return names;
}

}  // namespace

std::u32string written_mark(char32_t c) {
  if (!is_mark(c)) return std::u32string(1, c);
  if (c == kParagraphMark) return U"\n\n";
  if (c == kLineMark) return U"\n";
  if (is_speaker(c)) return U"[S" + wide(std::to_string(c - kSpeakerMark)) + U"]";
  const unsigned milliseconds = c - kPauseMark;
  std::string seconds = std::to_string(milliseconds / 1000);
  if (milliseconds % 1000 != 0) {
    std::string decimals = std::to_string(1000 + milliseconds % 1000).substr(1);
    while (decimals.back() == '0') decimals.pop_back();
    seconds += '.' + decimals;
  }
  return U"[pause:" + wide(seconds) + U"s]";
}

Draft::Draft(std::u32string source) : source_(source), text_(std::move(source)) {
  origins_.reserve(text_.size());
  for (uint32_t i = 0; i < text_.size(); ++i) origins_.push_back({i, i + 1, 0});
}

void Draft::replace(size_t begin, size_t end, std::u32string_view by, Rule rule) {
  if (begin < replaced_until() || end < begin || end > text_.size()) {
    throw_internal("text: a rule of the front end went backwards");
  }
  if (std::u32string_view(text_).substr(begin, end - begin) == by) return;
  edits_.push_back({begin, end, std::u32string(by), rule});
}

void Draft::say(size_t begin, size_t end, std::u32string_view words, Rule rule) {
  size_t before = begin;
  while (before > 0 && is_one_of(text_[before - 1], U" \"'(")) --before;
  const bool starts =
      before == 0 || is_mark(text_[before - 1]) ||
      (before < begin && is_one_of(text_[before - 1], U".?!\n") && !is_abbreviation(before)) ||
      text_[before - 1] == U'\n';
  std::u32string by(words);
  if (starts && !by.empty()) by[0] = upper_case(by[0]);
  replace(begin, end, by, rule);
}

bool Draft::is_abbreviation(size_t end) const {
  static const WordSet known = [] {
    WordSet set;
    for (const auto& row : table_rows(table_abbreviations)) set.insert(row[0]);
    return set;
  }();
  size_t begin = end;
  while (begin > 0 && end - begin < 10 && !is_white_space(text_[begin - 1]) &&
         !is_mark(text_[begin - 1]) && !is_one_of(text_[begin - 1], U"(\"'")) {
    --begin;
  }
  return known.count(std::u32string_view(text_).substr(begin, end - begin)) > 0;
}

Draft::Origin Draft::origin_of(size_t begin, size_t end) const {
  if (begin == end) {
    // Behind what stands before it.
    const uint32_t place = begin > 0 ? origins_[begin - 1].end : 0;
    return {place, place, 0};
  }
  Origin origin = origins_[begin];
  for (size_t i = begin; i < end; ++i) {
    origin.begin = std::min(origin.begin, origins_[i].begin);
    origin.end = std::max(origin.end, origins_[i].end);
    origin.rules |= origins_[i].rules;
  }
  return origin;
}

void Draft::commit() {
  if (edits_.empty()) return;
  next_text_.clear();
  next_origins_.clear();
  size_t at = 0;
  const auto keep_until = [&](size_t end) {
    next_text_.append(text_, at, end - at);
    next_origins_.insert(next_origins_.end(), origins_.begin() + static_cast<ptrdiff_t>(at),
                         origins_.begin() + static_cast<ptrdiff_t>(end));
    at = end;
  };
  for (const Edit& edit : edits_) {
    keep_until(edit.begin);
    Origin origin = origin_of(edit.begin, edit.end);
    origin.rules |= 1U << static_cast<unsigned>(edit.rule);
    if (edit.by.empty()) removed_.push_back(origin);
    next_text_ += edit.by;
    next_origins_.insert(next_origins_.end(), edit.by.size(), origin);
    at = edit.end;
  }
  keep_until(text_.size());
  text_.swap(next_text_);
  origins_.swap(next_origins_);
  edits_.clear();
}

std::u32string Draft::written() const {
  std::u32string result;
  result.reserve(text_.size());
  for (size_t at = 0; at < text_.size();) {
    size_t end = at;
    while (end < text_.size() && !is_mark(text_[end])) ++end;
    result.append(text_, at, end - at);
    if (end < text_.size()) result += written_mark(text_[end]);
    at = end + 1;
  }
  return result;
}

std::pair<size_t, size_t> Draft::source_range(size_t begin, size_t end) const {
  const Origin origin = origin_of(begin, end);
  return {origin.begin, origin.end};
}

std::vector<TextChange> Draft::changes() const {
  struct Pending {
    uint32_t begin, end, rules;
    std::u32string to;
  };
  std::vector<Origin> removed = removed_;
  std::stable_sort(removed.begin(), removed.end(),
                   [](const Origin& a, const Origin& b) { return a.begin < b.begin; });
  std::vector<TextChange> changes;
  std::optional<Pending> pending;
  const auto finish = [&] {
    if (!pending) return;
    const std::u32string_view from =
        std::u32string_view(source_).substr(pending->begin, pending->end - pending->begin);
    if (from != pending->to) {
      changes.push_back({pending->begin, pending->end, encode_utf8(from), encode_utf8(pending->to),
                         rule_names(pending->rules)});
    }
    pending.reset();
  };
  const auto add = [&](const Origin& origin, const std::u32string& to) {
    if (pending && origin.begin > pending->end) finish();
    if (!pending) pending = Pending{origin.begin, origin.end, 0, {}};
    pending->begin = std::min(pending->begin, origin.begin);
    pending->end = std::max(pending->end, origin.end);
    pending->rules |= origin.rules;
    pending->to += to;
  };
  size_t next_removed = 0;
  for (size_t i = 0; i < text_.size(); ++i) {
    const Origin& origin = origins_[i];
    const auto add_removed_before = [&](uint32_t place) {
      while (next_removed < removed.size() && removed[next_removed].begin < place) {
        add(removed[next_removed++], {});
      }
    };
    add_removed_before(origin.begin);
    // What was removed inside of what replaced it belongs to the same change.
    if (origin.rules != 0) add(origin, {});
    add_removed_before(origin.end);
    if (origin.rules != 0) {
      add(origin, written_mark(text_[i]));
    } else {
      finish();
    }
  }
  while (next_removed < removed.size()) add(removed[next_removed++], {});
  finish();
  return changes;
}

}  // namespace echo
