#include "audio/decode.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <optional>
#include <utility>

#include "audio/demuxer.h"
#include "audio/ffmpeg.h"
#include "audio/input.h"
#include "audio/mix.h"
#include "audio/silence.h"
#include "audio/truncation.h"
#include "audio/wav_header.h"
#include "base/ascii.h"
#include "base/error.h"

namespace echo {
namespace {

// A file is not read to its end when this many packets in a row give nothing.
constexpr int kMaxFailures = 1000;
// Encoders state durations with or without their padding, which is shorter than this.
constexpr double kMissingSeconds = 0.1;

std::string seconds_text(double seconds) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f s", seconds);
  return text;
}

class Decoder {
 public:
  // only: the channel that is used alone.
  Decoder(AudioInput& input, const DecodeOptions& options, std::optional<size_t> only = {})
      : name_(input.name()),
        ends_early_(ends_early(input)),
        options_(options),
        only_(only),
        demuxer_(input, options.interrupted),
        codec_(demuxer_.open_decoder()) {
    result_.format = demuxer_.format_name();
    result_.codec = avcodec_get_name(codec_->codec_id);
    result_.stated_seconds = demuxer_.stated_seconds();
    const AVCodecParameters& parameters = *demuxer_.stream().codecpar;
    // Some containers leave these to the decoder: then they are 0 here and checked frame by frame.
    if (parameters.sample_rate != 0) check_rate(parameters.sample_rate);
    if (parameters.ch_layout.nb_channels != 0) check_channels(parameters.ch_layout.nb_channels);
  }

  DecodedAudio run() {
    int failures = 0;
    bool more = true;
    while (more) {
      check_interrupted();
      const int code = demuxer_.read(*packet_);
      check_interrupted();
      if (code < 0 && code != AVERROR_EOF) ++damaged_;
      // A null packet asks the decoder for what it still holds.
      const size_t before = result_.samples.size();
      if (avcodec_send_packet(codec_.get(), code < 0 ? nullptr : packet_.get()) < 0) ++damaged_;
      more = receive() && code >= 0;
      failures = result_.samples.size() > before ? 0 : failures + 1;
      if (failures >= kMaxFailures) break;
    }
    finish();
    return std::move(result_);
  }

  // Of all that was decoded.
  const MixEnergy& energy() const { return energy_; }

 private:
  void check_interrupted() const {
    if (options_.interrupted && options_.interrupted()) {
      throw Error(ErrorCode::kCancelled, name_ + ": decoding was cancelled");
    }
  }

  void check_rate(int rate) const {
    if (rate >= options_.min_rate && rate <= options_.max_rate) return;
    throw_invalid(name_ + ": its sample rate is " + std::to_string(rate) + " Hz, expected " +
                  std::to_string(options_.min_rate) + " to " + std::to_string(options_.max_rate));
  }

  void check_channels(int channels) const {
    if (channels >= 1 && channels <= options_.max_channels) return;
    throw_invalid(name_ + ": has " + std::to_string(channels) + " channels, expected 1 to " +
                  std::to_string(options_.max_channels));
  }

  size_t limit() const { return static_cast<size_t>(options_.max_seconds * result_.sample_rate); }

  // Takes the decoder's frames. False when nothing more is wanted.
  bool receive() {
    for (;;) {
      const int code = avcodec_receive_frame(codec_.get(), frame_.get());
      if (code == AVERROR(EAGAIN) || code == AVERROR_EOF) return true;
      if (code < 0) {
        ++damaged_;
        return true;
      }
      if (!take_frame()) return false;
    }
  }

  bool take_frame() {
    check_channels(frame_->ch_layout.nb_channels);
    if (result_.sample_rate == 0) {
      check_rate(frame_->sample_rate);
      result_.sample_rate = frame_->sample_rate;
      result_.channels = frame_->ch_layout.nb_channels;
    } else if (result_.sample_rate != frame_->sample_rate) {
      result_.warnings.push_back("its sample rate changes from " +
                                 std::to_string(result_.sample_rate) + " to " +
                                 std::to_string(frame_->sample_rate) + " Hz after " +
                                 seconds_text(decoded_seconds()) + "; the rest is left out");
      complete_ = false;
      return false;
    }
    if (!append_mono(*frame_, result_.samples, energy_, only_)) {
      throw_invalid(name_ + ": its sample format is not known here");
    }
    if (result_.samples.size() <= limit()) return true;
    result_.samples.resize(limit());
    result_.warnings.push_back("only its first " + seconds_text(options_.max_seconds) +
                               " are used");
    complete_ = false;
    return false;
  }

  double decoded_seconds() const {
    return static_cast<double>(result_.samples.size()) / std::max(1, result_.sample_rate);
  }

  void finish() {
    if (only_) {
      result_.warnings.push_back("its channels cancel each other out; channel " +
                                 std::to_string(*only_ + 1) + " alone is used");
    }
    if (result_.samples.empty()) {
      throw_corrupt(name_ + ": no sound could be decoded from its " + result_.codec +
                    " stream: damaged or cut");
    }
    const size_t bad = find_non_finite(result_.samples);
    if (bad < result_.samples.size()) {
      throw_corrupt(name_ + ": sample " + std::to_string(bad) + " is not a finite number");
    }
    if (damaged_ > 0) {
      result_.warnings.push_back(std::to_string(damaged_) + " damaged part" +
                                 (damaged_ > 1 ? "s were" : " was") + " left out");
    }
    if (!complete_) return;
    const double stated = result_.stated_seconds;
    if (stated - decoded_seconds() > kMissingSeconds) {
      result_.warnings.push_back("it is cut: it should be " + seconds_text(stated) +
                                 " long, only " + seconds_text(decoded_seconds()) +
                                 " could be decoded");
    } else if (ends_early_) {
      result_.warnings.push_back("it seems to be cut after " + seconds_text(decoded_seconds()));
    }
  }

  std::string name_;
  bool ends_early_;
  const DecodeOptions& options_;
  const std::optional<size_t> only_;
  Demuxer demuxer_;
  ffmpeg::Codec codec_;
  ffmpeg::Packet packet_ = ffmpeg::make_packet();
  ffmpeg::Frame frame_ = ffmpeg::make_frame();
  DecodedAudio result_;
  MixEnergy energy_;
  int damaged_ = 0;
  bool complete_ = true;  // nothing was left out on purpose
};

DecodedAudio decode(AudioInput input, const DecodeOptions& options) {
  ffmpeg::silence_log();
  mend_wav_header(input);
  std::optional<size_t> only;
  {
    Decoder decoder(input, options);
    DecodedAudio audio = decoder.run();
    if (!decoder.energy().cancels()) return audio;
    only = decoder.energy().loudest();
  }
  return Decoder(input, options, only).run();
}

}  // namespace

bool has_audio_suffix(std::string_view name) {
  static constexpr std::array<std::string_view, 8> kSuffixes = {".wav",  ".mp3",  ".m4a", ".ogg",
                                                                ".flac", ".webm", ".aac", ".opus"};
  const std::string lowered = lower(name);
  return std::any_of(kSuffixes.begin(), kSuffixes.end(), [&](std::string_view suffix) {
    return lowered.size() > suffix.size() && lowered.ends_with(suffix);
  });
}

DecodedAudio decode_audio_file(const std::string& path, const DecodeOptions& options) {
  return decode(AudioInput::open_file(path, options.max_bytes), options);
}

DecodedAudio decode_audio_bytes(std::string_view bytes, const std::string& name,
                                const DecodeOptions& options) {
  return decode(AudioInput::from_bytes(bytes, name, options.max_bytes), options);
}

}  // namespace echo
