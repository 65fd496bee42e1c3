// Samples to audio files, in memory or on the disk, with the FFmpeg libraries in this process.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "audio/format.h"

namespace echo {

// Encodes mono audio that arrives piece by piece. After an exception the object is of no more use.
// One thread at a time.
//
//   AudioEncoder encoder({AudioFormat::kOggOpus}, AudioEncoder::Mode::kStream);
//   while (more) {
//     encoder.push(samples);
//     send(encoder.take_bytes());
//   }
//   encoder.finish();
//   send(encoder.take_bytes());
class AudioEncoder {
 public:
  enum class Mode {
    kWhole,  // one file, complete in all its headers; its bytes come after finish()
    // Everything that was pushed can be taken at once, but for what the codec itself holds back
    // (Opus 27 ms, MP3 52 ms, AAC 47 ms, FLAC 104 ms). Headers state no length, no byte that was
    // taken is revised, and the first bytes come with the first sound: of Ogg, with the first tenth
    // of a second. Where the pieces end shows in Ogg's pages and nowhere else.
    kStream
  };

  // Takes input at `input_rate` Hz. Throws kInvalidArgument for options that validate() refuses,
  // kUnavailable when this FFmpeg was built without the encoder.
  explicit AudioEncoder(const EncodeOptions& options, Mode mode = Mode::kWhole,
                        int input_rate = 44100);
  // Writes the whole file into a descriptor that may be read, written and sought, and stays the
  // caller's: the same bytes as kWhole, of which none are held. push() and finish() throw
  // kUnavailable when the system takes no more, such as on a full disk.
  AudioEncoder(const EncodeOptions& options, int descriptor, int input_rate);
  ~AudioEncoder();
  AudioEncoder(AudioEncoder&&) noexcept;
  AudioEncoder& operator=(AudioEncoder&&) noexcept;

  // Adds samples; what is beyond [-1, 1] is clipped. Throws kInvalidArgument for a sample that is
  // not a finite number.
  void push(std::span<const float> samples);

  // Ends the file. Throws kInvalidArgument when no sample was pushed.
  void finish();

  // Returns the bytes made since the last call; none of what goes into a descriptor.
  std::string take_bytes();
  // Returns the size of the file in the descriptor, once finished.
  uint64_t file_bytes() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// Returns a whole file of mono samples. It decodes to as many samples as were put in, but for AAC,
// which adds a frame at the beginning and up to one at the end. The same input gives the same
// bytes, and Ogg files of different sound may be joined by putting them one after the other. Throws
// what AudioEncoder throws. Any thread.
std::string encode_audio(std::span<const float> samples, const EncodeOptions& options = {},
                         int input_rate = 44100);

}  // namespace echo
