// The judge that hears whether a take is speech of its text.
#pragma once

#include <string_view>

#include "audio/take_faults.h"
#include "engine/chunk_judge.h"

namespace echo {

// What a chunk's text lets expect of its take; `chars_per_second` is how fast the speaker speaks.
TakeExpectation expectation_of(std::string_view text, double chars_per_second);

// Whether a text ends in a sound, "(sighs)": its take does not end in silence.
bool ends_in_sound(std::string_view text);

// Judges by find_take_faults(): a take with faults is to be made again, and has its faults as
// reasons and warnings, should no other be better. Holds no state: any thread may call it, and
// takes may come in any order.
ChunkJudge make_quality_judge();

}  // namespace echo
