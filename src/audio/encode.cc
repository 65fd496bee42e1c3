#include "audio/encode.h"

extern "C" {
#include <libavutil/opt.h>
}

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "audio/ffmpeg.h"
#include "audio/ogg_serial.h"
#include "audio/output.h"
#include "audio/resample.h"
#include "audio/silence.h"
#include "base/error.h"
#include "base/file_io.h"
#include "base/kind_error.h"

namespace echo {
namespace {

constexpr int kPcmFrame = 4096;  // samples, for codecs that take any number
// Microseconds of sound in one page of a streamed Ogg file; a whole file has pages of a second.
constexpr int kStreamPage = 100'000;
// A stream's number stands on its first page, so it is made of this part of a second: of what the
// first page with sound has to wait for anyway.
constexpr int kStreamSerialPart = 10;

struct Writer {
  const char* encoder;
  const char* container;
  AVSampleFormat sample_format;
};

Writer writer_of(AudioFormat format) {
  switch (format) {
    case AudioFormat::kOggOpus:
      return {"libopus", "ogg", AV_SAMPLE_FMT_FLT};
    case AudioFormat::kWav:
      return {"pcm_s16le", "wav", AV_SAMPLE_FMT_S16};
    case AudioFormat::kFlac:
      return {"flac", "flac", AV_SAMPLE_FMT_S16};
    case AudioFormat::kMp3:
      return {"libmp3lame", "mp3", AV_SAMPLE_FMT_FLTP};
    case AudioFormat::kAac:
      return {"aac", "adts", AV_SAMPLE_FMT_FLTP};
    case AudioFormat::kPcm:
      return {"pcm_s16le", "s16le", AV_SAMPLE_FMT_S16};
  }
  throw_internal("audio format: no such value");
}

int16_t to_int16(float x) {
  return static_cast<int16_t>(std::clamp(std::lrint(x * 32768.0F), -32768L, 32767L));
}

struct MuxerDeleter {
  void operator()(AVFormatContext* context) const { avformat_free_context(context); }
};

}  // namespace

class AudioEncoder::Impl {
 public:
  Impl(const EncodeOptions& options, Mode mode, int input_rate)
      : Impl(options, mode, input_rate, -1, mode == Mode::kWhole) {}
  Impl(const EncodeOptions& options, int descriptor, int input_rate)
      : Impl(options, Mode::kWhole, input_rate, descriptor, descriptor) {}

  void push(std::span<const float> samples) {
    const size_t bad = find_non_finite(samples);
    if (bad < samples.size()) {
      throw_invalid("audio: sample " + std::to_string(pushed_ + bad) +
                    " is not a finite number, nothing is written");
    }
    serial_.push(samples.first(
        std::min(samples.size(), serial_samples_ - std::min(pushed_, serial_samples_))));
    pushed_ += samples.size();
    resampler_.push(samples, pending_);
    if (!begun_ && pushed_ < serial_samples_) return;
    if (!begun_) write_header();
    encode_pending(mode_ == Mode::kStream && any_frame_size_);
    if (is_ogg_stream()) flush_page();
  }

  void finish() {
    if (pushed_ == 0) throw_invalid("audio: there are no samples to write");
    resampler_.finish(pending_);
    if (!begun_) write_header();
    encode_pending(true);
    send(nullptr);
    check(av_write_trailer(muxer_.get()));
    finished_ = true;
    if (descriptor_ < 0) return;
    file_bytes_ = output_.flush();
    if (output_.error() != 0) check(AVERROR(output_.error()));
    if (options_.format == AudioFormat::kOggOpus) set_ogg_serial(descriptor_, serial_.finish());
  }

  std::string take_bytes() {
    if (mode_ == Mode::kStream) {
      // A header by itself is of no use, and some readers want it together with sound.
      return packets_ == 0 ? std::string() : output_.take();
    }
    if (!finished_ || descriptor_ >= 0) return {};
    std::string bytes = output_.take();
    if (options_.format == AudioFormat::kOggOpus) set_ogg_serial(bytes, serial_.finish());
    return bytes;
  }

  uint64_t file_bytes() const { return file_bytes_; }

 private:
  template <class Where>
  Impl(const EncodeOptions& options, Mode mode, int input_rate, int descriptor, Where where)
      : options_(validate(options)),
        mode_(mode),
        descriptor_(descriptor),
        resampler_(input_rate, options_.sample_rate),
        output_(where),
        serial_(options_, input_rate),
        serial_samples_(mode == Mode::kStream ? static_cast<size_t>(input_rate / kStreamSerialPart)
                                              : SIZE_MAX) {
    ffmpeg::silence_log();
    open_encoder();
    open_muxer();
    if (!is_ogg_stream()) write_header();
  }

  void check(int code) const {
    const std::string what = "writing " + std::string(format_name(options_.format));
    if (code < 0 && output_.error() != 0) {
      // Not the encoder's fault: where the bytes go takes no more of them.
      throw KindError("storage_unavailable", ErrorCode::kUnavailable,
                      what + ": " + system_reason(output_.error()));
    }
    ffmpeg::check(code, ErrorCode::kInternal, what);
  }

  void open_encoder() {
    const Writer writer = writer_of(options_.format);
    const AVCodec* encoder = avcodec_find_encoder_by_name(writer.encoder);
    if (encoder == nullptr) {
      throw_unavailable("writing " + std::string(format_name(options_.format)) +
                        ": this FFmpeg has no encoder " + writer.encoder);
    }
    codec_.reset(ffmpeg::check_allocated(avcodec_alloc_context3(encoder)));
    codec_->sample_fmt = writer.sample_format;
    codec_->sample_rate = options_.sample_rate;
    codec_->time_base = {1, options_.sample_rate};
    codec_->bit_rate = options_.bitrate;
    codec_->thread_count = 1;
    codec_->flags |= AV_CODEC_FLAG_BITEXACT;
    av_channel_layout_default(&codec_->ch_layout, 1);
    const AVOutputFormat* container = av_guess_format(writer.container, nullptr, nullptr);
    if (container == nullptr) {
      throw_unavailable(std::string("audio: this FFmpeg cannot write ") + writer.container);
    }
    if ((container->flags & AVFMT_GLOBALHEADER) != 0) codec_->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    if (options_.format == AudioFormat::kOggOpus) {
      check(av_opt_set(codec_->priv_data, "vbr", "on", 0));
      check(av_opt_set(codec_->priv_data, "application", "audio", 0));
    }
    if (options_.format == AudioFormat::kMp3 && mode_ == Mode::kStream) {
      // Frames that borrow bits of later ones would be 50 ms later, and useless to who joins late.
      check(av_opt_set_int(codec_->priv_data, "reservoir", 0, 0));
    }
    check(avcodec_open2(codec_.get(), encoder, nullptr));
    any_frame_size_ = codec_->frame_size == 0;
    frame_samples_ = any_frame_size_ ? kPcmFrame : codec_->frame_size;

    frame_->format = writer.sample_format;
    frame_->sample_rate = options_.sample_rate;
    check(av_channel_layout_copy(&frame_->ch_layout, &codec_->ch_layout));
    muxer_.reset(ffmpeg::check_allocated(avformat_alloc_context()));
    muxer_->oformat = container;
  }

  void open_muxer() {
    muxer_->pb = output_.io();
    // Without it, files would name the library's version, and Ogg streams get random numbers.
    muxer_->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_BITEXACT;
    stream_ = ffmpeg::check_allocated(avformat_new_stream(muxer_.get(), nullptr));
    stream_->time_base = codec_->time_base;
    check(avcodec_parameters_from_context(stream_->codecpar, codec_.get()));
  }

  bool is_ogg_stream() const {
    return options_.format == AudioFormat::kOggOpus && mode_ == Mode::kStream;
  }

  void write_header() {
    begun_ = true;
    AVDictionary* settings = nullptr;
    const auto set = [&](const char* name, int64_t value) {
      av_dict_set_int(&settings, name, value, 0);
    };
    if (mode_ == Mode::kStream) {
      switch (options_.format) {
        case AudioFormat::kOggOpus:
          set("page_duration", kStreamPage);
          set("serial_offset", serial_.finish());
          break;
        case AudioFormat::kMp3:
          // A Xing frame would state a length that is not known, and some players believe it.
          set("write_xing", 0);
          set("id3v2_version", 0);
          break;
        case AudioFormat::kFlac:
          muxer_->metadata_header_padding = 0;  // room for tags that nobody will write
          break;
        default:
          break;
      }
    }
    const int code = avformat_write_header(muxer_.get(), &settings);
    av_dict_free(&settings);
    check(code);
  }

  // The Ogg multiplexer keeps a page until the next one is begun. Not to be called between the last
  // packet and the trailer: the page that ends the stream must hold a packet.
  void flush_page() { check(av_write_frame(muxer_.get(), nullptr)); }

  // Encodes all whole frames that wait, with `last` also the part of one.
  void encode_pending(bool last) {
    const auto whole = static_cast<size_t>(frame_samples_);
    size_t done = 0;
    while (pending_.size() - done >= whole || (last && done < pending_.size())) {
      const size_t count = std::min(whole, pending_.size() - done);
      fill_frame({pending_.data() + done, count});
      send(frame_.get());
      done += count;
    }
    pending_.erase(pending_.begin(), pending_.begin() + static_cast<ptrdiff_t>(done));
  }

  void fill_frame(std::span<const float> samples) {
    // The encoder may still hold the frame's old buffer, so each frame gets its own.
    av_buffer_unref(&frame_->buf[0]);
    frame_->nb_samples = static_cast<int>(samples.size());
    check(av_frame_get_buffer(frame_.get(), 0));
    frame_->pts = encoded_;
    encoded_ += frame_->nb_samples;
    if (frame_->format == AV_SAMPLE_FMT_S16) {
      auto* out = reinterpret_cast<int16_t*>(frame_->data[0]);
      std::transform(samples.begin(), samples.end(), out, to_int16);
    } else {
      auto* out = reinterpret_cast<float*>(frame_->data[0]);
      std::transform(samples.begin(), samples.end(), out,
                     [](float x) { return std::clamp(x, -1.0F, 1.0F); });
    }
  }

  // Gives the encoder a frame, or null at the end, and writes the packets that come out.
  void send(const AVFrame* frame) {
    check(avcodec_send_frame(codec_.get(), frame));
    for (;;) {
      const int code = avcodec_receive_packet(codec_.get(), packet_.get());
      if (code == AVERROR(EAGAIN) || code == AVERROR_EOF) return;
      check(code);
      // The multiplexer may have chosen another unit of time: Ogg counts Opus at 48 kHz.
      av_packet_rescale_ts(packet_.get(), codec_->time_base, stream_->time_base);
      packet_->stream_index = stream_->index;
      check(av_write_frame(muxer_.get(), packet_.get()));
      ++packets_;
      av_packet_unref(packet_.get());
    }
  }

  EncodeOptions options_;
  Mode mode_;
  int descriptor_;  // of the file; -1: in memory
  Resampler resampler_;
  AudioOutput output_;
  OggSerial serial_;
  const size_t serial_samples_;  // at the input's rate: what the serial is made of
  ffmpeg::Codec codec_;
  std::unique_ptr<AVFormatContext, MuxerDeleter> muxer_;
  AVStream* stream_ = nullptr;  // of muxer_
  ffmpeg::Frame frame_ = ffmpeg::make_frame();
  ffmpeg::Packet packet_ = ffmpeg::make_packet();
  std::vector<float> pending_;  // resampled, not yet encoded
  int frame_samples_ = 0;
  bool any_frame_size_ = false;  // the codec takes any number of samples at a time
  int64_t packets_ = 0;
  size_t pushed_ = 0;    // at the input's rate
  int64_t encoded_ = 0;  // at the output's rate
  uint64_t file_bytes_ = 0;
  bool begun_ = false, finished_ = false;
};

AudioEncoder::AudioEncoder(const EncodeOptions& options, Mode mode, int input_rate)
    : impl_(std::make_unique<Impl>(options, mode, input_rate)) {}
AudioEncoder::AudioEncoder(const EncodeOptions& options, int descriptor, int input_rate)
    : impl_(std::make_unique<Impl>(options, descriptor, input_rate)) {}
AudioEncoder::~AudioEncoder() = default;
AudioEncoder::AudioEncoder(AudioEncoder&&) noexcept = default;
AudioEncoder& AudioEncoder::operator=(AudioEncoder&&) noexcept = default;

void AudioEncoder::push(std::span<const float> samples) { impl_->push(samples); }
void AudioEncoder::finish() { impl_->finish(); }
std::string AudioEncoder::take_bytes() { return impl_->take_bytes(); }
uint64_t AudioEncoder::file_bytes() const { return impl_->file_bytes(); }

std::string encode_audio(std::span<const float> samples, const EncodeOptions& options,
                         int input_rate) {
  AudioEncoder encoder(options, AudioEncoder::Mode::kWhole, input_rate);
  encoder.push(samples);
  encoder.finish();
  return encoder.take_bytes();
}

}  // namespace echo
