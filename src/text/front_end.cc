#include "text/front_end.h"

#include <utility>

#include "base/error.h"
#include "text/rules.h"

namespace echo {
namespace {

// What one pass leaves for another, nested markup for instance, is done by then.
constexpr int kMaxPasses = 6;
// A text of nothing but figures grows most.
constexpr size_t kMaxGrowth = 4;
constexpr size_t kFreeGrowth = 1000;  // code points

constexpr unsigned kLongestPauses = 60000;  // milliseconds, of a text

void check_pauses(const Draft& draft) {
  unsigned long sum = 0;
  for (const char32_t c : draft.text()) {
    if (is_pause(c)) sum += c - kPauseMark;
  }
  if (sum > kLongestPauses) {
    throw_invalid("text: found pauses of " + std::to_string(sum / 1000) +
                  " s in all, expected at most " + std::to_string(kLongestPauses / 1000) + " s");
  }
}

void run_once(Draft& draft, const TextOptions& options, Warnings& warnings) {
  unify_characters(draft);
  read_code(draft, options);
  mark_pauses(draft, warnings);
  remove_tags(draft);
  mark_speakers(draft, warnings);
  remove_emoji(draft, options);
  read_blocks(draft);
  read_math(draft);
  read_keys(draft);
  read_emphasis(draft, options);
  spell_addresses(draft);
  expand_abbreviations(draft);
  if (options.numbers != NumberStyle::kDigits) {
    read_verses(draft);
    read_calendar(draft);
    read_lone_units(draft);
    read_roman_numerals(draft);
    read_numbers(draft, options);
  }
  read_parentheses(draft, options);
  read_sign_names(draft);
  read_dashes(draft);
  read_symbols(draft);
  read_capitals(draft);
  tidy_spacing(draft);
  close_passages(draft);
}

// Marks become the text that they are written as, so that the next pass reads what a caller would
// give again.
void write_marks(Draft& draft) {
  for (size_t at = 0; at < draft.size(); ++at) {
    if (is_mark(draft.at(at))) {
      draft.replace(at, at + 1, written_mark(draft.at(at)), Rule::kSpacing);
    }
  }
  draft.commit();
}

}  // namespace

void Warnings::add(const std::string& sentence) {
  for (const std::string& told : list_) {
    if (told == sentence) return;
  }
  list_.push_back(sentence);
}

void run_front_end(Draft& draft, const TextOptions& options, std::vector<std::string>& warnings) {
  const size_t before = draft.size();
  Warnings told(warnings);
  std::u32string read = draft.written();
  for (int pass = 0; pass < kMaxPasses; ++pass) {
    if (pass > 0) write_marks(draft);
    run_once(draft, options, told);
    if (draft.size() > kMaxGrowth * before + kFreeGrowth) {
      throw_invalid("text: found " + std::to_string(before) +
                    " characters that would be read as more than " +
                    std::to_string(kMaxGrowth * before + kFreeGrowth) +
                    ", expected a text that is read as at most four times its length");
    }
    std::u32string written = draft.written();
    if (written == read) break;
    read = std::move(written);
  }
  check_pauses(draft);
}

}  // namespace echo
