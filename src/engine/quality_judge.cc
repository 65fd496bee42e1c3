#include "engine/quality_judge.h"

#include <algorithm>
#include <string>

#include "audio/voice.h"
#include "base/utf8.h"
#include "text/chunk.h"

namespace echo {
namespace {

constexpr double kIdeographsPerSecond = 5;
constexpr double kUncertainShare = 0.3;  // of a text whose length nobody can foretell

bool is_ideograph(char32_t c) {
  return (c >= 0x2e80 && c <= 0x9fff) || (c >= 0xac00 && c <= 0xd7af) ||
         (c >= 0xf900 && c <= 0xfaff) || (c >= 0x20000 && c <= 0x3ffff);
}

// Letters of scripts whose pace is known, Latin, Greek and Cyrillic among them, digits and signs.
bool is_known(char32_t c) { return c < 0x530 || (c >= 0x1e00 && c < 0x2100); }

// Removes "[S1] " and the like.
std::string_view without_tag(std::string_view text) {
  if (text.size() > 4 && text.substr(0, 2) == "[S" && text[3] == ']') {
    text.remove_prefix(4);
    while (!text.empty() && text[0] == ' ') text.remove_prefix(1);
  }
  return text;
}

bool has_pause(std::string_view text) {
  for (const std::string_view mark : {"...", "\u2026", "\u2014", "\u2013", " - ", "--", "\n"}) {
    if (text.find(mark) != std::string_view::npos) return true;
  }
  return false;
}

}  // namespace

bool ends_in_sound(std::string_view text) {
  const size_t last = text.find_last_not_of(" .!?,\n");
  return last != std::string_view::npos && text[last] == ')';
}

TakeExpectation expectation_of(std::string_view text, double chars_per_second) {
  text = without_tag(text);
  TakeExpectation expectation;
  size_t ideographs = 0, known = 0, inside = 0, others = 0;
  int depth = 0;
  for (const char32_t c : decode_utf8(text)) {
    ++expectation.text_chars;
    if (c == U'(') ++depth;
    if (depth > 0) {
      ++inside;
    } else if (is_ideograph(c)) {
      ++ideographs;
    } else if (is_known(c)) {
      ++known;
    } else {
      ++others;
    }
    if (c == U')') depth = std::max(0, depth - 1);
  }
  expectation.may_pause = inside > 0 || has_pause(text);
  const auto uncertain = static_cast<double>(inside + others);
  if (uncertain <= kUncertainShare * static_cast<double>(expectation.text_chars)) {
    expectation.speech_seconds = static_cast<double>(known) / chars_per_second +
                                 static_cast<double>(ideographs) / kIdeographsPerSecond;
  }
  return expectation;
}

ChunkJudge make_quality_judge() {
  return [](const ChunkTake& take) {
    TakeExpectation expectation = expectation_of(take.text, take.chars_per_second);
    expectation.ended = take.ended || !take.complete;
    expectation.complete = take.complete;
    expectation.voice = take.voice;
    std::vector<TakeFault> faults = find_take_faults(take.samples, kModelRate, expectation);
    if (take.goes_on_from && take.complete) {
      for (TakeFault& fault :
           find_continuation_faults(*take.goes_on_from, take.samples, kModelRate)) {
        faults.push_back(std::move(fault));
      }
    }
    ChunkVerdict verdict;
    for (TakeFault& fault : faults) {
      verdict.action = ChunkVerdict::Action::kRetake;
      verdict.score += fault.score;
      verdict.reasons.emplace_back(fault.reason);
      verdict.warnings.push_back(std::move(fault.warning));
    }
    return verdict;
  };
}

}  // namespace echo
