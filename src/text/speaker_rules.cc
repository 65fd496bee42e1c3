#include "text/characters.h"
#include "text/rules.h"

namespace echo {
namespace {

// "S1", "s 2", "Speaker 1", "speaker_2": the number, 1 to 9; 0 for what is no speaker.
int speaker_number(std::u32string_view name) {
  while (!name.empty() && name.front() == U' ') name.remove_prefix(1);
  while (!name.empty() && name.back() == U' ') name.remove_suffix(1);
  if (name.size() < 2 || name.size() > 10) return 0;
  const char32_t last = name.back();
  if (last < U'1' || last > U'9') return 0;
  std::u32string word = lower_case(name.substr(0, name.size() - 1));
  while (!word.empty() && (word.back() == U' ' || word.back() == U'_')) word.pop_back();
  return word == U"s" || word == U"speaker" ? static_cast<int>(last - U'0') : 0;
}

bool at_line_start(const Draft& draft, size_t at) {
  while (at > 0 && is_one_of(draft.at(at - 1), U" *>")) --at;
  return at == 0 || draft.at(at - 1) == U'\n' || is_break(draft.at(at - 1));
}

}  // namespace

void mark_speakers(Draft& draft, Warnings& warnings) {
  const std::u32string& text = draft.text();
  bool line_start = true;  // nothing but space since the line's beginning
  for (size_t at = 0; at < text.size(); ++at) {
    const bool bracket = text[at] == U'[';
    const bool name = (text[at] | 0x20) == U's' && line_start && at_line_start(draft, at);
    line_start = text[at] == U'\n' || (line_start && is_one_of(text[at], U" *>"));
    if (!bracket && !name) continue;
    const size_t begin = bracket ? at + 1 : at;
    size_t end = begin;
    while (end < text.size() && end - begin < 12 && !is_one_of(text[end], U"]:\n")) ++end;
    if (end >= text.size() || text[end] != (bracket ? U']' : U':')) continue;
    const int speaker = speaker_number(std::u32string_view(text).substr(begin, end - begin));
    if (speaker == 0) continue;
    if (speaker > 2) {
      warnings.add("[S" + std::to_string(speaker) +
                   "]: the model was trained on two speakers, [S1] and [S2]");
    }
    ++end;
    if (bracket && end < text.size() && text[end] == U':') ++end;
    draft.replace(at, end, std::u32string(1, kSpeakerMark + static_cast<char32_t>(speaker)),
                  Rule::kSpeaker);
    at = end - 1;
  }
  draft.commit();
}

}  // namespace echo
