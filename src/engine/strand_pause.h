// The pause between two chunks of a strand, where the model made it too long or too short. For the
// files of this folder only.
#pragma once

#include <cstdint>

#include "text/planned_text.h"

namespace echo {

// How many frames of the silence before a chunk's speech are left out, from the third on.
// `tail_seconds`: silence at the end of the chunk before it, which ends with `end`; `lead_seconds`:
// silence before its own speech. A pause of more than 2 s at a paragraph, 1.2 s at a sentence or
// 0.6 s within one becomes three quarters of that; two frames stay at each side.
int64_t frames_to_leave_out(double tail_seconds, double lead_seconds, ChunkEnd end,
                            double frame_seconds);

// How much silence is added to a pause of so many seconds after a chunk that ends with `end`:
// sentences that are less than 0.08 s apart become 0.15 s apart.
double pause_to_add(double pause_seconds, ChunkEnd end);

}  // namespace echo
