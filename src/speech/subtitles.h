// Subtitles of spoken text: SubRip and WebVTT.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "engine/speech_request.h"

namespace echo {

enum class SubtitleFormat { kSrt, kVtt };

// "srt" or "vtt". Throws kInvalidArgument, naming `field`, for another name.
SubtitleFormat parse_subtitle_format(std::string_view name, std::string_view field = "subtitles");

// Returns a whole file. Each chunk's text is shown while it is spoken, in cues of at most two lines
// of 42 characters; where a chunk needs several, they share its time by their length.
std::string subtitles_of(std::span<const SpokenChunk> chunks, SubtitleFormat format);

}  // namespace echo
