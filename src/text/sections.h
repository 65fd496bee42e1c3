// What is between the pauses and the speakers of a text.
#pragma once

#include <string>
#include <vector>

#include "text/chunk_packing.h"
#include "text/draft.h"

namespace echo {

// A stretch of text that is spoken without a pause asked for.
struct Section {
  std::u32string body;         // without marks; a speaker who changes inside is a tag, "[S2]"
  std::vector<size_t> places;  // of the body's characters in the draft
  std::vector<Passage> passages;
  int speaker = 1;  // who speaks first
  ChunkEnd end = ChunkEnd::kText;
  double pause_seconds = 0;  // asked for after it
};

// The sections of a draft in order, each with at least one letter or digit. Pauses before the first
// are added to `leading_pause`. A speaker's change begins a section when enough has been said.
std::vector<Section> find_sections(const Draft& draft, double& leading_pause);

// Who speaks after the last tag of `text`; `speaker` when it has none.
int last_speaker(std::u32string_view text, int speaker);

}  // namespace echo
