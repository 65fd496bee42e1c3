// The container of an audio file: which stream to decode, and its packets.
// For the files of this folder only.
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "audio/ffmpeg.h"
#include "audio/input.h"

namespace echo {

class Demuxer {
 public:
  // Finds the format from the content, and its best audio stream. Throws kCorrupt or
  // kInvalidArgument as decode.h says, kCancelled when `stop` is requested, as read() returns
  // AVERROR_EXIT then. The input must outlive this object and stay where it is.
  Demuxer(AudioInput& input, std::stop_token stop);
  ~Demuxer();
  Demuxer(const Demuxer&) = delete;
  Demuxer& operator=(const Demuxer&) = delete;

  const AVStream& stream() const { return *format_->streams[stream_]; }
  std::string format_name() const { return format_->iformat->long_name; }

  // An opened decoder of the stream. Throws kInvalidArgument for codecs not known here.
  ffmpeg::Codec open_decoder() const;

  // The next packet of the stream. Returns 0, AVERROR_EOF or another error of the library: then the
  // file is damaged here. Throws kUnavailable when it could not be read.
  int read(AVPacket& packet);

  // Seconds of the stream as the file itself states them; negative when it does not.
  double stated_seconds() const;

 private:
  AudioInput& input_;
  std::stop_token stop_;
  ffmpeg::Io io_;
  AVFormatContext* format_ = nullptr;
  int stream_ = -1;
};

}  // namespace echo
