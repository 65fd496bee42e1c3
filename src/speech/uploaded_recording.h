// A recording that somebody sent: whether it is a voice, and how it is to be stored. It is decoded
// a frame at a time, so that nothing but the file itself is held.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace echo {

struct UploadedRecording {
  std::string suffix;      // of its file
  bool converted = false;  // to FLAC, by convert_recording(); else the file is stored as it came
  float gain = 1;          // of the conversion
  uint64_t converted_bytes = 0;       // that it takes at most
  std::vector<std::string> warnings;  // a sentence each
};

// Throws kInvalidArgument or kCorrupt, naming the field audio_sample, for what is no voice: no
// audio, silent, less than a second of sound, more than an hour stated; kCancelled when `stop` is
// requested.
UploadedRecording examine_recording(std::string_view bytes, const std::stop_token& stop);

// Writes the recording as FLAC at kModelRate from one file into another, as AudioEncoder wants it.
// Both are open. Throws kUnavailable when the system takes no more; kCancelled.
void convert_recording(int from, const UploadedRecording& recording, int to,
                       const std::stop_token& stop);

// Seconds of sound in a file, as far as a voice is made of it. Errors as decode_audio_bytes().
double recording_seconds(std::string_view bytes);

}  // namespace echo
