// Reads recordings for comparisons with recorded runs.
#pragma once

#include <string>
#include <vector>

#include "audio/voice.h"

namespace echo::apps {

// As parity::RecordingReader.
inline std::vector<float> read_recording(const std::string& bytes, double max_seconds) {
  DecodeOptions options;
  options.max_seconds = max_seconds;
  return prepare_voice(decode_audio_bytes(bytes, "recording", options)).samples;
}

}  // namespace echo::apps
