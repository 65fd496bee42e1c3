// Samples to audio files in memory, with the FFmpeg libraries in this process.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "audio/format.h"

namespace echo {

// Encodes mono audio that arrives piece by piece. After an exception the object is of no more use.
// One thread at a time.
class AudioEncoder {
 public:
  enum class Mode {
    kWhole,  // one file, complete in all its headers; its bytes come after finish()
    kStream  // bytes are final as soon as they can be taken; headers state no length. Ogg's come
             // with the first tenth of a second of sound
  };

  // Validates the options as validate() does. Input is at `input_rate` Hz. Throws kUnavailable when
  // this FFmpeg was built without the encoder.
  explicit AudioEncoder(const EncodeOptions& options, Mode mode = Mode::kWhole,
                        int input_rate = 44100);
  ~AudioEncoder();
  AudioEncoder(AudioEncoder&&) noexcept;
  AudioEncoder& operator=(AudioEncoder&&) noexcept;

  // Adds samples; what is beyond [-1, 1] is clipped. Throws kInvalidArgument for a sample that is
  // not a finite number.
  void push(std::span<const float> samples);

  // Ends the file. Throws kInvalidArgument when no sample was pushed.
  void finish();

  // Bytes made since the last call.
  std::string take_bytes();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// A whole file of mono samples. What it decodes to is as long as what was put in, within one frame
// of the codec. The same input gives the same bytes, and files of different sound may be joined to
// one of Ogg by putting them one after the other. Errors as AudioEncoder.
std::string encode_audio(std::span<const float> samples, const EncodeOptions& options = {},
                         int input_rate = 44100);

}  // namespace echo
