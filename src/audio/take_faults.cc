#include "audio/take_faults.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "audio/spectrum.h"

namespace echo {
namespace {

constexpr double kShortestWord = 0.15;  // seconds of any speech
constexpr double kShortShare = 0.35, kLongShare = 2.2, kLongSlack = 1;
constexpr size_t kLongestPause = 100;  // hops inside speech
constexpr size_t kLatestStart = 80;    // hops
constexpr double kClippedTakeShare = 0.001;
constexpr float kQuiet = -45;  // dB of full scale
constexpr double kNoiseFlatness = 0.5, kNoiseShare = 0.5;
constexpr size_t kFaultSpectrum = 512;
constexpr double kLowest = 100, kHighest = 8000;  // Hz in which a voice is told from noise

constexpr double kEmptyScore = 100, kNoEndScore = 30, kLengthScore = 20, kPauseScore = 5,
                 kOtherScore = 5;

std::string decimals(double value, const char* format) {
  char text[32];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

double hops_to_seconds(size_t hops) { return static_cast<double>(hops) / kHopsPerSecond; }

// The share of the speech's hops whose spectrum is as flat as noise.
double noise_share(std::span<const float> samples, int sample_rate,
                   const SpeechActivity& activity) {
  PowerSpectrum spectrum(kFaultSpectrum);
  const double bin = static_cast<double>(sample_rate) / kFaultSpectrum;
  const auto low = static_cast<size_t>(kLowest / bin) + 1;
  const auto high = std::min(static_cast<size_t>(kHighest / bin), kFaultSpectrum / 2);
  size_t flat = 0, all = 0;
  for (size_t hop = activity.begin; hop < activity.end; hop += 2) {
    if (!activity.speech[hop]) continue;
    const size_t first = hop * activity.hop;
    const size_t count = std::min(kFaultSpectrum, samples.size() - first);
    const auto powers = spectrum(samples.subspan(first, count)).subspan(low, high - low);
    flat += spectral_flatness(powers) > kNoiseFlatness ? 1 : 0;
    ++all;
  }
  return all == 0 ? 0 : static_cast<double>(flat) / static_cast<double>(all);
}

class Examination {
 public:
  Examination(std::span<const float> samples, int sample_rate, const TakeExpectation& expectation)
      : samples_(samples),
        sample_rate_(sample_rate),
        expectation_(expectation),
        activity_(find_speech(samples, sample_rate)) {}

  std::vector<TakeFault> run() {
    if (!activity_.any()) {
      add("empty", kEmptyScore, "nobody speaks in it");
      return std::move(faults_);
    }
    check_level();
    check_start();
    if (expectation_.complete) {
      check_length();
      check_end();
      check_pauses();
      check_noise();
      check_voice();
    }
    std::stable_sort(faults_.begin(), faults_.end(),
                     [](const TakeFault& a, const TakeFault& b) { return a.score > b.score; });
    return std::move(faults_);
  }

 private:
  void add(std::string_view reason, double score, std::string warning) {
    faults_.push_back({reason, score, std::move(warning)});
  }

  void check_level() {
    const auto clipped = std::count_if(samples_.begin(), samples_.end(),
                                       [](float sample) { return std::abs(sample) > 1.0F; });
    const double share = static_cast<double>(clipped) / static_cast<double>(samples_.size());
    if (share > kClippedTakeShare) {
      add("clipped", kOtherScore,
          "the audio is clipped: " + decimals(100 * share, "%.1f") +
              " % of its samples were beyond full scale");
    }
    if (activity_.speech_level() < kQuiet) {
      add("quiet", kOtherScore,
          "the speech is very quiet, " + decimals(activity_.speech_level(), "%.0f") +
              " dB of full scale");
    }
  }

  void check_start() {
    if (activity_.begin <= kLatestStart) return;
    add("late_start", kOtherScore,
        "the speech begins only after " + decimals(hops_to_seconds(activity_.begin), "%.1f") +
            " s");
  }

  void check_length() {
    const double seconds = activity_.seconds(), expected = expectation_.speech_seconds;
    if (expected <= 0) return;
    const std::string lasts = "the speech lasts " + decimals(seconds, "%.2f") +
                              " s for a text of " + std::to_string(expectation_.text_chars) +
                              " characters";
    const double least = std::max(kShortestWord, kShortShare * expected);
    if (seconds < least) add("short", kLengthScore * (least / seconds), lasts);
    const double most = kLongShare * expected + kLongSlack;
    if (seconds > most) add("long", kLengthScore * (seconds / most), lasts);
  }

  void check_end() {
    if (expectation_.ended) return;
    const double left = hops_to_seconds(activity_.levels.size() - activity_.end);
    if (left < expectation_.last_frames_seconds) {
      add("no_end", kNoEndScore, "the speech goes on to the end of its window and may be cut off");
    }
  }

  void check_pauses() {
    const size_t pause = activity_.longest_pause();
    if (expectation_.may_pause || pause < kLongestPause) return;
    add("silence_inside", kPauseScore * hops_to_seconds(pause),
        "there is a silence of " + decimals(hops_to_seconds(pause), "%.1f") +
            " s within the speech");
  }

  void check_noise() {
    const double share = noise_share(samples_, sample_rate_, activity_);
    if (share <= kNoiseShare) return;
    add("noise", kOtherScore,
        decimals(100 * share, "%.0f") + " % of the audio is noise rather than a voice");
  }

  void check_voice() {
    if (!expectation_.voice || !is_other_voice(*expectation_.voice, samples_, sample_rate_)) return;
    add("voice", kOtherScore, "the voice is not that of the reference");
  }

  std::span<const float> samples_;
  int sample_rate_;
  const TakeExpectation& expectation_;
  SpeechActivity activity_;
  std::vector<TakeFault> faults_;
};

}  // namespace

std::vector<TakeFault> find_take_faults(std::span<const float> samples, int sample_rate,
                                        const TakeExpectation& expectation) {
  return Examination(samples, sample_rate, expectation).run();
}

}  // namespace echo
