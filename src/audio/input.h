// The bytes of an audio file, wherever they are, as the demultiplexers want to read them.
// For the files of this folder only.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "audio/ffmpeg.h"
#include "base/descriptor.h"

namespace echo {

// Read-only bytes with a name for messages. Holds at most one open file.
class AudioInput {
 public:
  // Opens a regular file of 1 to max_bytes bytes. Throws kNotFound when nothing is there,
  // kInvalidArgument when it is something else than such a file, kCorrupt when it has no content,
  // kUnavailable when it cannot be read.
  static AudioInput open_file(const std::string& path, int64_t max_bytes);

  // The same of a file that is open for reading, under `name` in messages. It stays the caller's.
  static AudioInput from_descriptor(int descriptor, const std::string& name, int64_t max_bytes);

  // The bytes must live as long as the input.
  static AudioInput from_bytes(std::string_view bytes, const std::string& name, int64_t max_bytes);

  AudioInput(AudioInput&&) noexcept = default;
  AudioInput& operator=(AudioInput&&) = delete;

  const std::string& name() const { return name_; }
  int64_t size() const { return size_; }

  // Bytes read at an offset: fewer than wanted at the end only. Throws kUnavailable.
  size_t read_at(int64_t offset, char* buffer, size_t wanted) const;

  // From now on these bytes are read in place of those that lie there, within the first ones of the
  // file.
  void overlay(int64_t offset, std::string bytes);

  // Throws kUnavailable when a read of the stream below failed: the libraries mix that up with
  // damaged content.
  void check_readable() const;

  // A stream over these bytes, which must outlive it and stay where they are.
  ffmpeg::Io make_io();

 private:
  explicit AudioInput(const std::string& name) : name_(name) {}
  void check_file(int64_t max_bytes);
  void check_content(int64_t max_bytes) const;
  size_t read_bytes(int64_t offset, char* buffer, size_t wanted) const;
  static int read(void* self, uint8_t* buffer, int wanted);
  static int64_t seek(void* self, int64_t offset, int whence);

  std::string name_;
  Descriptor file_;  // or none: then the bytes
  std::string_view bytes_;
  std::map<int64_t, std::string> overlays_;  // by offset
  int64_t size_ = 0;
  int64_t position_ = 0;
  std::string read_error_;
};

}  // namespace echo
