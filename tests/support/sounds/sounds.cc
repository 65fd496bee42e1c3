#include "support/sounds/sounds.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
}

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <functional>
#include <numbers>
#include <stdexcept>

namespace echo {
namespace {

void require(bool condition, const std::string& what) {
  if (!condition) throw std::runtime_error("test sound: " + what);
}

void put_u32(std::string& bytes, uint32_t value) {
  for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<char>(value >> (8 * i) & 0xFF));
}

void put_u16(std::string& bytes, uint32_t value) {
  bytes.push_back(static_cast<char>(value & 0xFF));
  bytes.push_back(static_cast<char>(value >> 8 & 0xFF));
}

// Opens a codec, lets `next` fill frames until it returns false, writes all packets.
std::string mux(const std::string& container, AVCodecContext* codec, const AVCodec* encoder,
                const std::string& options, const std::function<bool(AVFrame*)>& next) {
  AVFormatContext* muxer = nullptr;
  require(avformat_alloc_output_context2(&muxer, nullptr, container.c_str(), nullptr) >= 0,
          container);
  if ((muxer->oformat->flags & AVFMT_GLOBALHEADER) != 0) {
    codec->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  }
  require(avcodec_open2(codec, encoder, nullptr) >= 0, encoder->name);
  const std::string path = std::filesystem::temp_directory_path() /
                           ("echo_mux_" + std::to_string(::getpid()) + "." + container);
  muxer->url = av_strdup(path.c_str());  // some multiplexers read their own file again
  require(avio_open(&muxer->pb, path.c_str(), AVIO_FLAG_WRITE) >= 0, path);
  AVStream* stream = avformat_new_stream(muxer, nullptr);
  stream->time_base = codec->time_base;
  avcodec_parameters_from_context(stream->codecpar, codec);
  AVDictionary* settings = nullptr;
  if (!options.empty()) av_dict_parse_string(&settings, options.c_str(), "=", ",", 0);
  require(avformat_write_header(muxer, &settings) >= 0, container + " header");
  av_dict_free(&settings);
  AVFrame* frame = av_frame_alloc();
  AVPacket* packet = av_packet_alloc();
  bool more = true;
  while (more) {
    more = next(frame);
    require(avcodec_send_frame(codec, more ? frame : nullptr) >= 0, "encoding");
    av_frame_unref(frame);
    while (avcodec_receive_packet(codec, packet) >= 0) {
      av_packet_rescale_ts(packet, codec->time_base, stream->time_base);
      packet->stream_index = 0;
      require(av_interleaved_write_frame(muxer, packet) >= 0, "writing");
    }
  }
  av_write_trailer(muxer);
  avio_closep(&muxer->pb);
  avformat_free_context(muxer);
  av_frame_free(&frame);
  av_packet_free(&packet);
  avcodec_free_context(&codec);
  std::ifstream file(path, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::filesystem::remove(path);
  return bytes;
}

AVSampleFormat sample_format_of(const std::string& encoder) {
  if (encoder == "aac" || encoder == "libvorbis") return AV_SAMPLE_FMT_FLTP;
  if (encoder == "libopus" || encoder == "pcm_f32le") return AV_SAMPLE_FMT_FLT;
  if (encoder == "alac") return AV_SAMPLE_FMT_S16P;
  if (encoder == "pcm_u8") return AV_SAMPLE_FMT_U8;
  if (encoder == "pcm_s16le") return AV_SAMPLE_FMT_S16;
  if (encoder == "pcm_s24le" || encoder == "pcm_s32le") return AV_SAMPLE_FMT_S32;
  require(encoder == "pcm_f64le", "no sample format known for " + encoder);
  return AV_SAMPLE_FMT_DBL;
}

}  // namespace

std::vector<float> make_sound(size_t samples, int rate, double pitch) {
  std::vector<float> sound(samples);
  for (size_t i = 0; i < samples; ++i) {
    const double t = 2 * std::numbers::pi * static_cast<double>(i) / rate;
    const double swell = 0.7 + 0.3 * std::sin(1.7 * t);
    const double bend = pitch * t + 3 * std::sin(2.3 * t);
    sound[i] = static_cast<float>(
        0.12 * swell *
        (std::sin(bend) + 0.6 * std::sin(3.01 * bend + 1) + 0.4 * std::sin(7.3 * bend + 2)));
  }
  return sound;
}

Alignment align(std::span<const float> a, std::span<const float> b, int reach) {
  Alignment best{-2, 0};
  for (int shift = -reach; shift <= reach; ++shift) {
    double ab = 0;
    double aa = 1e-30;
    double bb = 1e-30;
    for (size_t i = 0; i < a.size(); ++i) {
      const auto j = static_cast<ptrdiff_t>(i) + shift;
      if (j < 0 || j >= static_cast<ptrdiff_t>(b.size())) continue;
      const double x = a[i];
      const double y = b[static_cast<size_t>(j)];
      ab += x * y, aa += x * x, bb += y * y;
    }
    const double correlation = ab / std::sqrt(aa * bb);
    if (correlation > best.correlation) best = {correlation, shift};
  }
  return best;
}

std::string float_wav(std::span<const float> planar, int channels, int rate) {
  const auto count = static_cast<uint32_t>(channels);
  const size_t length = planar.size() / count;
  std::string bytes = "RIFF";
  put_u32(bytes, static_cast<uint32_t>(36 + planar.size() * 4));
  bytes += "WAVEfmt ";
  put_u32(bytes, 16);
  put_u16(bytes, 3);  // IEEE float
  put_u16(bytes, count);
  put_u32(bytes, static_cast<uint32_t>(rate));
  put_u32(bytes, static_cast<uint32_t>(rate) * count * 4);
  put_u16(bytes, count * 4);
  put_u16(bytes, 32);
  bytes += "data";
  put_u32(bytes, static_cast<uint32_t>(planar.size() * 4));
  for (size_t i = 0; i < length; ++i) {
    for (size_t c = 0; c < count; ++c) {
      uint32_t bits = 0;
      std::memcpy(&bits, &planar[c * length + i], 4);
      put_u32(bytes, bits);
    }
  }
  return bytes;
}

std::string mux_sound(const std::string& container, const std::string& encoder_name,
                      std::span<const float> mono, int rate, const std::string& options) {
  const AVCodec* encoder = avcodec_find_encoder_by_name(encoder_name.c_str());
  require(encoder != nullptr, "no encoder " + encoder_name);
  AVCodecContext* codec = avcodec_alloc_context3(encoder);
  codec->sample_rate = rate;
  codec->time_base = {1, rate};
  codec->bit_rate = 96000;
  codec->sample_fmt = sample_format_of(encoder_name);
  av_channel_layout_default(&codec->ch_layout, 1);
  size_t done = 0;
  return mux(container, codec, encoder, options, [&](AVFrame* frame) {
    if (done == mono.size()) return false;
    const size_t whole = codec->frame_size > 0 ? static_cast<size_t>(codec->frame_size) : 1024;
    const size_t count = std::min(whole, mono.size() - done);
    frame->nb_samples = static_cast<int>(count);
    frame->format = codec->sample_fmt;
    frame->sample_rate = rate;
    av_channel_layout_copy(&frame->ch_layout, &codec->ch_layout);
    require(av_frame_get_buffer(frame, 0) >= 0, "frame");
    const AVSampleFormat packed = av_get_packed_sample_fmt(codec->sample_fmt);
    for (size_t i = 0; i < count; ++i) {
      const float x = mono[done + i];
      if (packed == AV_SAMPLE_FMT_FLT) {
        reinterpret_cast<float*>(frame->data[0])[i] = x;
      } else if (packed == AV_SAMPLE_FMT_S16) {
        reinterpret_cast<int16_t*>(frame->data[0])[i] =
            static_cast<int16_t>(std::lrint(x * 32767.0F));
      } else if (packed == AV_SAMPLE_FMT_S32) {
        reinterpret_cast<int32_t*>(frame->data[0])[i] =
            static_cast<int32_t>(std::lrint(static_cast<double>(x) * 2147483647.0));
      } else if (packed == AV_SAMPLE_FMT_DBL) {
        reinterpret_cast<double*>(frame->data[0])[i] = static_cast<double>(x);
      } else {
        reinterpret_cast<uint8_t*>(frame->data[0])[i] =
            static_cast<uint8_t>(std::lrint(128 + x * 127.0F));
      }
    }
    frame->pts = static_cast<int64_t>(done);
    done += count;
    return true;
  });
}

std::string mux_video(const std::string& container) {
  const AVCodec* encoder = avcodec_find_encoder(AV_CODEC_ID_MPEG4);
  require(encoder != nullptr, "no video encoder");
  AVCodecContext* codec = avcodec_alloc_context3(encoder);
  codec->width = 64;
  codec->height = 64;
  codec->pix_fmt = AV_PIX_FMT_YUV420P;
  codec->time_base = {1, 25};
  int done = 0;
  return mux(container, codec, encoder, "", [&](AVFrame* frame) {
    if (done == 10) return false;
    frame->width = 64;
    frame->height = 64;
    frame->format = AV_PIX_FMT_YUV420P;
    require(av_frame_get_buffer(frame, 0) >= 0, "picture");
    std::memset(frame->data[0], 16 * done, static_cast<size_t>(frame->linesize[0]) * 64);
    std::memset(frame->data[1], 128, static_cast<size_t>(frame->linesize[1]) * 32);
    std::memset(frame->data[2], 128, static_cast<size_t>(frame->linesize[2]) * 32);
    frame->pts = done++;
    return true;
  });
}

void write_sound_file(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary);
  file << bytes;
  require(file.good(), "cannot write a file");
}

}  // namespace echo
