#include "text/sections.h"

#include <algorithm>

#include "base/utf8.h"
#include "text/characters.h"

namespace echo {
namespace {

constexpr size_t kShortestTurn = 40;  // characters; a shorter turn shares a chunk with the next

class SectionFinder {
 public:
  SectionFinder(const Draft& draft, double& leading_pause)
      : draft_(draft), leading_pause_(leading_pause) {}

  std::vector<Section> find() {
    for (size_t at = 0; at < draft_.size(); ++at) {
      const char32_t c = draft_.text()[at];
      if (is_speaker(c)) {
        change_speaker(static_cast<int>(c - kSpeakerMark), at);
      } else if (is_pause(c)) {
        end_section(c - kPauseMark);
      } else if (is_break(c)) {
        end_passage(c == kParagraphMark ? ChunkEnd::kParagraph : ChunkEnd::kSentence);
      } else {
        add(c, at);
      }
    }
    end_section(0);
    if (!sections_.empty()) sections_.back().end = ChunkEnd::kText;
    return std::move(sections_);
  }

 private:
  void add(char32_t c, size_t place) {
    const bool space = is_white_space(c);
    if (space && (section_.body.empty() || section_.body.back() == U' ')) return;
    section_.body.push_back(space ? U' ' : c);
    section_.places.push_back(place);
    has_words_ = has_words_ || is_word_character(c);
  }

  void change_speaker(int speaker, size_t place) {
    if (speaker == speaker_) return;
    speaker_ = speaker;
    if (!has_words_) {
      section_.speaker = speaker;
      return;
    }
    if (section_.body.size() >= kShortestTurn) {
      end_section(0);
      return;
    }
    add(U' ', place);
    for (const char32_t c : written_mark(kSpeakerMark + static_cast<char32_t>(speaker))) {
      add(c, place);
    }
    add(U' ', place);
  }

  void end_passage(ChunkEnd end) {
    size_t last = section_.body.size();
    while (last > passage_ && section_.body[last - 1] == U' ') --last;
    if (last == passage_) {
      // A mark after a mark: the greater one counts.
      if (!section_.passages.empty() && end == ChunkEnd::kParagraph) {
        section_.passages.back().end = end;
      } else if (section_.body.empty() && !sections_.empty() && end == ChunkEnd::kParagraph) {
        sections_.back().end = end;
      }
      return;
    }
    section_.passages.push_back({{passage_, last}, end});
    add(U' ', section_.places.back());
    passage_ = section_.body.size();
  }

  void end_section(unsigned pause_milliseconds) {
    const double pause = pause_milliseconds / 1000.0;
    size_t last = section_.body.size();
    while (last > 0 && section_.body[last - 1] == U' ') --last;
    const bool sentence = last > 0 && is_one_of(section_.body[last - 1], U".?!\u2026)\"\u3002");
    end_passage(sentence ? ChunkEnd::kSentence : ChunkEnd::kClause);
    if (has_words_) {
      section_.end = section_.passages.back().end;
      section_.pause_seconds = pause;
      sections_.push_back(std::move(section_));
    } else if (sections_.empty()) {
      leading_pause_ += pause;
    } else {
      sections_.back().pause_seconds += pause;
    }
    section_ = {};
    section_.speaker = speaker_;
    passage_ = 0;
    has_words_ = false;
  }

  const Draft& draft_;
  double& leading_pause_;
  std::vector<Section> sections_;
  Section section_;
  size_t passage_ = 0;  // where the passage begins that is being collected
  int speaker_ = 1;
  bool has_words_ = false;
};

}  // namespace

std::vector<Section> find_sections(const Draft& draft, double& leading_pause) {
  return SectionFinder(draft, leading_pause).find();
}

int last_speaker(std::u32string_view text, int speaker) {
  for (size_t at = 0; at + 3 < text.size(); ++at) {
    if (text[at] == U'[' && text[at + 1] == U'S' && is_digit(text[at + 2]) &&
        text[at + 3] == U']') {
      speaker = static_cast<int>(text[at + 2] - U'0');
    }
  }
  return speaker;
}

}  // namespace echo
