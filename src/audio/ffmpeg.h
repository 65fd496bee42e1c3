// What the FFmpeg libraries need around every use of them: owners, error texts, silence on stderr.
// For the files of this folder only.
#pragma once

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
}

#include <memory>
#include <string>

#include "base/error.h"

namespace echo::ffmpeg {

// Turns off the libraries' own messages: what matters comes back as an Error or a warning. Called
// by everything that uses them.
void silence_log();

// "Invalid data found when processing input", ...
std::string error_text(int code);

// Throws `otherwise` unless `code` says success; an interruption is kCancelled whatever is asked
// for, and running out of memory kUnavailable unless kCorrupt is.
void check(int code, ErrorCode otherwise, const std::string& what);

// As check() for functions that return null when memory ran out.
template <typename T>
T* check_allocated(T* pointer) {
  if (pointer == nullptr) throw_unavailable("audio: out of memory");
  return pointer;
}

struct Deleter {
  void operator()(AVFrame* frame) const { av_frame_free(&frame); }
  void operator()(AVPacket* packet) const { av_packet_free(&packet); }
  void operator()(AVCodecContext* context) const { avcodec_free_context(&context); }
  // The buffer may have been replaced by the library, so it is freed through the context.
  void operator()(AVIOContext* io) const {
    av_freep(&io->buffer);
    avio_context_free(&io);
  }
};

using Frame = std::unique_ptr<AVFrame, Deleter>;
using Packet = std::unique_ptr<AVPacket, Deleter>;
using Codec = std::unique_ptr<AVCodecContext, Deleter>;
using Io = std::unique_ptr<AVIOContext, Deleter>;

inline Frame make_frame() { return Frame(check_allocated(av_frame_alloc())); }
inline Packet make_packet() { return Packet(check_allocated(av_packet_alloc())); }

}  // namespace echo::ffmpeg
