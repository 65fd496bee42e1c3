#include "audio/demuxer.h"

extern "C" {
#include <libavutil/avstring.h>
}

#include <utility>

namespace echo {
namespace {

// The demultiplexers of wav, mp3, m4a, ogg, flac, webm, aac and opus files. No playlist is among
// them, nor anything else that would open further files.
constexpr const char* kFormats = "wav,mp3,mov,ogg,flac,matroska,aac";
// The decoders of what such files hold.
constexpr const char* kDecoders =
    "mp3float,mp3,mp2float,mp2,mp1float,mp1,aac,aac_fixed,alac,flac,opus,libopus,vorbis,libvorbis,"
    "pcm_u8,pcm_s8,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,pcm_s64le,"
    "pcm_f32le,pcm_f32be,pcm_f64le,pcm_f64be,pcm_alaw,pcm_mulaw,adpcm_ms,adpcm_ima_wav";
constexpr int64_t kProbeBytes = 5'000'000;

int refuse_other_files(AVFormatContext*, AVIOContext**, const char*, int, AVDictionary**) {
  return AVERROR(EPERM);
}

int is_stopped(void* stop) {
  return static_cast<const std::stop_token*>(stop)->stop_requested() ? 1 : 0;
}

}  // namespace

Demuxer::Demuxer(AudioInput& input, std::stop_token stop)
    : input_(input), stop_(std::move(stop)), io_(input.make_io()) {
  const AVInputFormat* kind = nullptr;
  av_probe_input_buffer2(io_.get(), &kind, "", nullptr, 0, 0);
  input.check_readable();
  if (kind == nullptr || av_match_list(kind->name, kFormats, ',') == 0) {
    throw_corrupt(input.name() + ": is not audio: found " +
                  (kind == nullptr ? "no known format" : std::string(kind->long_name)) +
                  ", expected wav, mp3, m4a, ogg, flac, webm, aac or opus");
  }
  const std::string recognised = input.name() + ": looks like " + kind->long_name + " but ";
  format_ = ffmpeg::check_allocated(avformat_alloc_context());
  format_->pb = io_.get();
  format_->flags |= AVFMT_FLAG_CUSTOM_IO;
  format_->io_open = refuse_other_files;
  format_->format_whitelist = av_strdup(kFormats);
  format_->codec_whitelist = av_strdup(kDecoders);
  format_->probesize = kProbeBytes;
  format_->interrupt_callback = {is_stopped, &stop_};
  // On failure this frees the context and sets the pointer to null.
  int code = avformat_open_input(&format_, "", kind, nullptr);
  input.check_readable();
  ffmpeg::check(code, ErrorCode::kCorrupt, recognised + "is damaged or cut");
  try {
    code = avformat_find_stream_info(format_, nullptr);
    input.check_readable();
    ffmpeg::check(code, ErrorCode::kCorrupt, recognised + "is damaged or cut");
    stream_ = av_find_best_stream(format_, AVMEDIA_TYPE_AUDIO, -1, -1, nullptr, 0);
    if (stream_ < 0) {
      const bool video = av_find_best_stream(format_, AVMEDIA_TYPE_VIDEO, -1, -1, nullptr, 0) >= 0;
      throw_invalid(recognised + (video ? "holds video without sound" : "holds no audio stream"));
    }
  } catch (...) {
    avformat_close_input(&format_);
    throw;
  }
  for (unsigned i = 0; i < format_->nb_streams; ++i) {
    if (static_cast<int>(i) != stream_) format_->streams[i]->discard = AVDISCARD_ALL;
  }
}

Demuxer::~Demuxer() { avformat_close_input(&format_); }

ffmpeg::Codec Demuxer::open_decoder() const {
  const AVCodecParameters& parameters = *stream().codecpar;
  const AVCodec* decoder = avcodec_find_decoder(parameters.codec_id);
  if (decoder == nullptr || av_match_list(decoder->name, kDecoders, ',') == 0) {
    throw_invalid(input_.name() + ": its sound is coded as " +
                  avcodec_get_name(parameters.codec_id) +
                  ", expected PCM, MP3, AAC, ALAC, FLAC, Vorbis or Opus");
  }
  ffmpeg::Codec codec(ffmpeg::check_allocated(avcodec_alloc_context3(decoder)));
  const std::string what = input_.name() + ": its " + decoder->name + " stream cannot be decoded";
  int code = avcodec_parameters_to_context(codec.get(), &parameters);
  ffmpeg::check(code, ErrorCode::kCorrupt, what);
  codec->pkt_timebase = stream().time_base;
  codec->thread_count = 1;
  code = avcodec_open2(codec.get(), decoder, nullptr);
  ffmpeg::check(code, ErrorCode::kCorrupt, what);
  return codec;
}

int Demuxer::read(AVPacket& packet) {
  for (;;) {
    av_packet_unref(&packet);
    const int code = av_read_frame(format_, &packet);
    if (code < 0) input_.check_readable();
    if (code < 0 || packet.stream_index == stream_) return code;
  }
}

double Demuxer::stated_seconds() const {
  // A duration guessed from the bit rate says nothing about what is missing.
  if (format_->duration_estimation_method == AVFMT_DURATION_FROM_BITRATE) return -1;
  const AVStream& s = stream();
  if (s.duration != AV_NOPTS_VALUE) return static_cast<double>(s.duration) * av_q2d(s.time_base);
  if (format_->duration == AV_NOPTS_VALUE) return -1;
  return static_cast<double>(format_->duration) / AV_TIME_BASE;
}

}  // namespace echo
