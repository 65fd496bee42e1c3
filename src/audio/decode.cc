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
  Decoder(AudioInput& input, AudioSink& sink, const DecodeOptions& options,
          std::optional<size_t> only = {})
      : name_(input.name()),
        ends_early_(ends_early(input)),
        sink_(sink),
        options_(options),
        only_(only),
        demuxer_(input, options.stop),
        codec_(demuxer_.open_decoder()) {
    facts_.format = demuxer_.format_name();
    facts_.codec = avcodec_get_name(codec_->codec_id);
    facts_.stated_seconds = demuxer_.stated_seconds();
    const AVCodecParameters& parameters = *demuxer_.stream().codecpar;
    // Some containers leave these to the decoder: then they are 0 here and checked frame by frame.
    if (parameters.sample_rate != 0) check_rate(parameters.sample_rate);
    if (parameters.ch_layout.nb_channels != 0) check_channels(parameters.ch_layout.nb_channels);
  }

  AudioFacts run() {
    int failures = 0;
    bool more = true;
    while (more) {
      check_cancelled();
      const int code = demuxer_.read(*packet_);
      check_cancelled();
      if (code < 0 && code != AVERROR_EOF) ++damaged_;
      // A null packet asks the decoder for what it still holds.
      const size_t before = decoded_;
      if (avcodec_send_packet(codec_.get(), code < 0 ? nullptr : packet_.get()) < 0) ++damaged_;
      more = receive() && code >= 0;
      failures = decoded_ > before ? 0 : failures + 1;
      if (failures >= kMaxFailures) break;
    }
    finish();
    return std::move(facts_);
  }

  // Of all that was decoded.
  const MixEnergy& energy() const { return energy_; }

 private:
  void check_cancelled() const {
    if (options_.stop.stop_requested()) {
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

  size_t limit() const { return static_cast<size_t>(options_.max_seconds * facts_.sample_rate); }

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
    if (facts_.sample_rate == 0) {
      check_rate(frame_->sample_rate);
      facts_.sample_rate = frame_->sample_rate;
      facts_.channels = frame_->ch_layout.nb_channels;
    } else if (facts_.sample_rate != frame_->sample_rate) {
      facts_.warnings.push_back("its sample rate changes from " +
                                std::to_string(facts_.sample_rate) + " to " +
                                std::to_string(frame_->sample_rate) + " Hz after " +
                                seconds_text(decoded_seconds()) + "; the rest is left out");
      complete_ = false;
      return false;
    }
    piece_.clear();
    if (!append_mono(*frame_, piece_, energy_, only_)) {
      throw_invalid(name_ + ": its sample format is not known here");
    }
    const size_t wanted = std::min(piece_.size(), limit() - decoded_);
    hand_over(std::span(piece_).first(wanted));
    if (wanted == piece_.size()) return true;
    facts_.warnings.push_back("only its first " + seconds_text(options_.max_seconds) + " are used");
    complete_ = false;
    return false;
  }

  void hand_over(std::span<const float> samples) {
    const size_t bad = find_non_finite(samples);
    if (bad < samples.size()) {
      throw_corrupt(name_ + ": sample " + std::to_string(decoded_ + bad) +
                    " is not a finite number");
    }
    if (samples.empty()) return;
    if (decoded_ == 0) sink_.begin(facts_);
    sink_.take(samples);
    decoded_ += samples.size();
  }

  double decoded_seconds() const {
    return static_cast<double>(decoded_) / std::max(1, facts_.sample_rate);
  }

  void finish() {
    if (only_) {
      facts_.warnings.push_back("its channels cancel each other out; channel " +
                                std::to_string(*only_ + 1) + " alone is used");
    }
    if (decoded_ == 0) {
      throw_corrupt(name_ + ": no sound could be decoded from its " + facts_.codec +
                    " stream: damaged or cut");
    }
    if (damaged_ > 0) {
      facts_.warnings.push_back(std::to_string(damaged_) + " damaged part" +
                                (damaged_ > 1 ? "s were" : " was") + " left out");
    }
    if (!complete_) return;
    const double stated = facts_.stated_seconds;
    if (stated - decoded_seconds() > kMissingSeconds) {
      facts_.warnings.push_back("it is cut: it should be " + seconds_text(stated) + " long, only " +
                                seconds_text(decoded_seconds()) + " could be decoded");
    } else if (ends_early_) {
      facts_.warnings.push_back("it seems to be cut after " + seconds_text(decoded_seconds()));
    }
  }

  std::string name_;
  bool ends_early_;
  AudioSink& sink_;
  const DecodeOptions& options_;
  const std::optional<size_t> only_;
  Demuxer demuxer_;
  ffmpeg::Codec codec_;
  ffmpeg::Packet packet_ = ffmpeg::make_packet();
  ffmpeg::Frame frame_ = ffmpeg::make_frame();
  AudioFacts facts_;
  std::vector<float> piece_;  // of one frame
  size_t decoded_ = 0;        // samples that the sink has
  MixEnergy energy_;
  int damaged_ = 0;
  bool complete_ = true;  // nothing was left out on purpose
};

AudioFacts decode(AudioInput input, AudioSink& sink, const DecodeOptions& options) {
  ffmpeg::silence_log();
  mend_wav_header(input);
  std::optional<size_t> only;
  {
    Decoder decoder(input, sink, options);
    AudioFacts facts = decoder.run();
    if (!decoder.energy().cancels()) return facts;
    only = decoder.energy().loudest();
  }
  return Decoder(input, sink, options, only).run();
}

class Collector final : public AudioSink {
 public:
  void begin(const AudioFacts&) override { audio_.samples.clear(); }
  void take(std::span<const float> samples) override {
    audio_.samples.insert(audio_.samples.end(), samples.begin(), samples.end());
  }
  DecodedAudio finish(AudioFacts facts) {
    static_cast<AudioFacts&>(audio_) = std::move(facts);
    return std::move(audio_);
  }

 private:
  DecodedAudio audio_;
};

DecodedAudio decode_whole(AudioInput input, const DecodeOptions& options) {
  Collector all;
  return all.finish(decode(std::move(input), all, options));
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
  return decode_whole(AudioInput::open_file(path, options.max_bytes), options);
}

DecodedAudio decode_audio_bytes(std::string_view bytes, const std::string& name,
                                const DecodeOptions& options) {
  return decode_whole(AudioInput::from_bytes(bytes, name, options.max_bytes), options);
}

AudioFacts decode_audio_file(int descriptor, const std::string& name, AudioSink& sink,
                             const DecodeOptions& options) {
  return decode(AudioInput::from_descriptor(descriptor, name, options.max_bytes), sink, options);
}

AudioFacts decode_audio_bytes(std::string_view bytes, const std::string& name, AudioSink& sink,
                              const DecodeOptions& options) {
  return decode(AudioInput::from_bytes(bytes, name, options.max_bytes), sink, options);
}

}  // namespace echo
