// Where the multiplexers write: into memory, or into a file.
// For the files of this folder only.
#pragma once

#include <cstdint>
#include <string>

#include "audio/ffmpeg.h"

namespace echo {

class AudioOutput {
 public:
  // In memory. A seekable output keeps every byte, so that headers can be completed at the end.
  explicit AudioOutput(bool seekable);
  // From the beginning of a file that may be read, written and sought, and stays the caller's.
  explicit AudioOutput(int descriptor);
  AudioOutput(const AudioOutput&) = delete;
  AudioOutput& operator=(const AudioOutput&) = delete;

  AVIOContext* io() { return io_.get(); }

  // All bytes written into memory since the last call.
  std::string take();
  // Hands the file what is still held back. Returns its size.
  uint64_t flush();
  // What the system said of a write into the file that failed; 0: none has.
  int error() const { return error_; }

 private:
  void open(bool seekable);
  static int append(AudioOutput& self, const uint8_t* data, int size);
  int write_file(const uint8_t* data, int size);
  static int64_t seek(void* self, int64_t offset, int whence);

  const int descriptor_ = -1;
  int error_ = 0;
  std::string bytes_;
  uint64_t size_ = 0;
  uint64_t position_ = 0;
  ffmpeg::Io io_;
};

}  // namespace echo
