#include "speech/uploaded_recording.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <optional>

#include "audio/decode.h"
#include "audio/encode.h"
#include "audio/resample.h"
#include "audio/silence.h"
#include "audio/voice.h"
#include "audio/voice_survey.h"
#include "base/error.h"

namespace echo {
namespace {

constexpr const char* kName = "audio_sample";
constexpr double kLongestStated = 3600;      // seconds
constexpr double kLeastSound = 1;            // seconds
constexpr uint64_t kSampleBytes = 2;         // FLAC takes no more than its samples do,
constexpr uint64_t kHeaderBytes = 64 << 10;  // but for what says how they are written

std::string length_text(double seconds) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f s", seconds);
  return text;
}

// The suffix under which a file is stored as it is; empty: it is stored as FLAC.
std::string_view suffix_of(const std::string& format, std::string_view bytes) {
  if (format.starts_with("WAV")) return ".wav";
  if (format == "Ogg") return ".ogg";
  if (format == "raw FLAC") return ".flac";
  if (format.starts_with("MP2/3")) return ".mp3";
  // Of the family of MP4 only what says itself that it is sound alone.
  const bool m4a = bytes.size() >= 12 && bytes.substr(4, 4) == "ftyp" &&
                   (bytes.substr(8, 4) == "M4A " || bytes.substr(8, 4) == "M4B ");
  return m4a ? ".m4a" : "";
}

class Examination final : public AudioSink {
 public:
  explicit Examination(std::string_view bytes) : bytes_(bytes) {}

  void begin(const AudioFacts& facts) override {
    if (facts.stated_seconds > kLongestStated) {
      throw_invalid(std::string(kName) + ": it is more than an hour long");
    }
    survey_.emplace(facts.sample_rate);
    peak_ = 0;
    resampler_.reset();
    suffix_ = suffix_of(facts.format, bytes_);
    // The change of rate may make it louder than the file is.
    if (suffix_.empty()) resampler_.emplace(facts.sample_rate, kModelRate);
  }

  void take(std::span<const float> samples) override {
    survey_->push(samples);
    if (!resampler_) return;
    resampler_->push(samples, resampled_);
    measure();
  }

  UploadedRecording finish(const AudioFacts& facts) {
    const double sound = survey_->sound_seconds();
    if (sound == 0) throw_invalid(std::string(kName) + ": it is silent");
    if (sound < kLeastSound) {
      throw_invalid(std::string(kName) + ": found " + length_text(sound) +
                    " of sound, expected at least " + length_text(kLeastSound));
    }
    UploadedRecording recording;
    recording.suffix = suffix_;
    recording.warnings = facts.warnings;
    survey_->add_warnings(recording.warnings);
    if (!resampler_) return recording;
    resampler_->finish(resampled_);
    measure();
    recording.suffix = ".flac";
    recording.converted = true;
    if (peak_ > 1) recording.gain = 1 / peak_;
    recording.converted_bytes =
        static_cast<uint64_t>(survey_->seconds() * kModelRate) * kSampleBytes + kHeaderBytes;
    return recording;
  }

 private:
  void measure() {
    peak_ = std::max(peak_, find_peak(resampled_));
    resampled_.clear();
  }

  const std::string_view bytes_;
  std::optional<VoiceSurvey> survey_;
  std::string suffix_;
  std::optional<Resampler> resampler_;
  std::vector<float> resampled_;
  float peak_ = 0;
};

class Conversion final : public AudioSink {
 public:
  Conversion(int descriptor, float gain) : descriptor_(descriptor), gain_(gain) {}

  void begin(const AudioFacts& facts) override {
    // What a first beginning wrote may be longer.
    if (::ftruncate(descriptor_, 0) != 0) throw_unavailable("voices: cannot be stored");
    encoder_.emplace(EncodeOptions{AudioFormat::kFlac, 0, 0}, descriptor_, facts.sample_rate);
  }

  void take(std::span<const float> samples) override {
    scaled_.assign(samples.begin(), samples.end());
    for (float& x : scaled_) x *= gain_;
    encoder_->push(scaled_);
  }

  void finish() { encoder_->finish(); }

 private:
  const int descriptor_;
  const float gain_;
  std::optional<AudioEncoder> encoder_;
  std::vector<float> scaled_;
};

class Length final : public AudioSink {
 public:
  void begin(const AudioFacts& facts) override {
    rate_ = facts.sample_rate;
    samples_ = 0;
  }
  void take(std::span<const float> samples) override { samples_ += samples.size(); }
  double seconds() const { return static_cast<double>(samples_) / rate_; }

 private:
  int rate_ = 1;
  size_t samples_ = 0;
};

}  // namespace

UploadedRecording examine_recording(std::string_view bytes, const std::stop_token& stop) {
  Examination examination(bytes);
  const AudioFacts facts = decode_audio_bytes(bytes, kName, examination, {.stop = stop});
  return examination.finish(facts);
}

void convert_recording(int from, const UploadedRecording& recording, int to,
                       const std::stop_token& stop) {
  Conversion conversion(to, recording.gain);
  decode_audio_file(from, kName, conversion, {.stop = stop});
  conversion.finish();
}

double recording_seconds(std::string_view bytes) {
  Length length;
  decode_audio_bytes(bytes, "voice", length);
  return length.seconds();
}

}  // namespace echo
