// The audio formats that can be written, and the options of each.
#pragma once

#include <string>
#include <string_view>

namespace echo {

// kAac is AAC-LC in an ADTS stream; kPcm is 16-bit little-endian samples without a header.
enum class AudioFormat { kOggOpus, kWav, kFlac, kMp3, kAac, kPcm };

// 0 stands for the format's default.
struct EncodeOptions {
  AudioFormat format = AudioFormat::kOggOpus;
  int sample_rate = 0;  // Hz: 48,000 for Ogg/Opus, the model's 44,100 for the others
  int bitrate = 0;      // bits a second, for Ogg/Opus (variable, on average), MP3, AAC: 128,000
};

// By name: "ogg" or "opus", "wav", "flac", "mp3", "aac", "pcm", in any case. Throws
// kInvalidArgument with the list.
AudioFormat parse_audio_format(std::string_view name);

std::string_view format_name(AudioFormat format);  // "ogg", also the file suffix without a dot
std::string_view mime_type(AudioFormat format);    // "audio/ogg; codecs=opus"

// Options with defaults filled in; a bit rate of 0 then means that the format has none. Throws
// kInvalidArgument naming field, value and range.
EncodeOptions validate(const EncodeOptions& options);

}  // namespace echo
