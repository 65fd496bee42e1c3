// Where the multiplexers write: a file in memory.
// For the files of this folder only.
#pragma once

#include <cstdint>
#include <string>

#include "audio/ffmpeg.h"

namespace echo {

class AudioOutput {
 public:
  // A seekable output keeps every byte, so that headers can be completed at the end.
  explicit AudioOutput(bool seekable);
  AudioOutput(const AudioOutput&) = delete;
  AudioOutput& operator=(const AudioOutput&) = delete;

  AVIOContext* io() { return io_.get(); }

  // All bytes written since the last call.
  std::string take();

 private:
  static int append(AudioOutput& self, const uint8_t* data, int size);
  static int64_t seek(void* self, int64_t offset, int whence);

  std::string bytes_;
  size_t position_ = 0;
  ffmpeg::Io io_;
};

}  // namespace echo
