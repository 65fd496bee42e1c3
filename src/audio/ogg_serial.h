// The serial numbers of Ogg streams: files that are joined must differ in them, and equal input
// must give equal files, so they are made of what is in the file.
// For the files of this folder only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "audio/format.h"

struct AVMurMur3;

namespace echo {

// Sums up options and samples; how they are cut into pieces makes no difference.
class OggSerial {
 public:
  OggSerial(const EncodeOptions& options, int input_rate);
  ~OggSerial();
  OggSerial(const OggSerial&) = delete;
  OggSerial& operator=(const OggSerial&) = delete;

  void push(std::span<const float> samples);

  // 1 to 2^31 - 1: what FFmpeg's multiplexer takes, but for 0, which is everybody's. The last call.
  uint32_t finish();

 private:
  AVMurMur3* sum_;
};

// Gives every page of a complete Ogg file of one stream that serial, and its checksum anew.
// kInternal when the bytes are not pages.
void set_ogg_serial(std::string& file, uint32_t serial);
// The same to a file that may be read and written, a page at a time. Also kUnavailable when the
// system fails to.
void set_ogg_serial(int descriptor, uint32_t serial);

}  // namespace echo
