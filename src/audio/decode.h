// Audio files to samples, with the FFmpeg libraries in this process. Files are never trusted.
#pragma once

#include <cstdint>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace echo {

struct DecodeOptions {
  int64_t max_bytes = int64_t{1} << 30;  // of the file; more is refused
  int max_channels = 8;                  // more are refused
  int min_rate = 4000;                   // Hz; other rates are refused
  int max_rate = 384000;
  double max_seconds = 300;  // decoding stops there and says so in a warning
  std::stop_token stop;      // requested: ends the work with kCancelled
};

// What a file says of itself, and what decoding found out.
struct AudioFacts {
  int sample_rate = 0;         // Hz
  int channels = 0;            // in the file
  double stated_seconds = -1;  // as the file itself says; negative: it does not
  std::string format;          // of the file, "Ogg"
  std::string codec;           // "opus"
  // What is wrong with it and yet leaves it usable, a sentence each, without the file's name.
  std::vector<std::string> warnings;
};

struct DecodedAudio : AudioFacts {
  std::vector<float> samples;  // mono: the mean of the channels; one of them where they cancel
};

// Takes the sound of a file while it is decoded, so that nobody has to hold all of it. What it
// throws ends the decoding.
class AudioSink {
 public:
  virtual ~AudioSink() = default;
  // Before the first samples, and once more when all begins anew: channels that cancelled each
  // other out are replaced by the loudest of them. There are no warnings yet.
  virtual void begin(const AudioFacts& facts) = 0;
  virtual void take(std::span<const float> samples) = 0;  // mono, at the rate of the facts
};

// Whether a name ends in .wav .mp3 .m4a .ogg .flac .webm .aac or .opus, in any case. Only lists of
// files ask this: decoding looks at the content.
bool has_audio_suffix(std::string_view name);

// Decodes the best audio stream of a file, or of a file's bytes in memory, under `name` in
// messages. A cut or partly damaged file gives what could be decoded, and a warning. Throws
// kNotFound when there is no such file; kInvalidArgument when it is no regular file, passes a
// limit, or holds video only or a codec not known here; kCorrupt when it is empty, not audio, or so
// damaged that nothing can be decoded, or when its samples are not finite numbers; kUnavailable
// when it cannot be read; kCancelled. Any thread.
DecodedAudio decode_audio_file(const std::string& path, const DecodeOptions& options = {});
DecodedAudio decode_audio_bytes(std::string_view bytes, const std::string& name,
                                const DecodeOptions& options = {});
// The same in bounded memory: a frame at a time, whatever the file's length. The descriptor is of a
// file that is open for reading.
AudioFacts decode_audio_file(int descriptor, const std::string& name, AudioSink& sink,
                             const DecodeOptions& options = {});
AudioFacts decode_audio_bytes(std::string_view bytes, const std::string& name, AudioSink& sink,
                              const DecodeOptions& options = {});

}  // namespace echo
