#include "audio/time_stretch.h"

#include <SoundTouch.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <type_traits>

#include "base/error.h"

namespace echo {
namespace {

static_assert(std::is_same_v<soundtouch::SAMPLETYPE, float>);

// Milliseconds, as SoundTouch's authors recommend for speech: about two periods of a low voice must
// fit into the search, and a sequence be shorter than a syllable.
constexpr int kSequence = 40;
constexpr int kSeek = 15;
constexpr int kOverlap = 8;

constexpr size_t kPiece = 4096;  // samples

}  // namespace

class TimeStretch::Impl {
 public:
  Impl(double speed, int rate) : speed_(speed) {
    stretch_.setChannels(1);
    stretch_.setSampleRate(static_cast<unsigned>(rate));
    stretch_.setTempo(speed);
    stretch_.setSetting(SETTING_SEQUENCE_MS, kSequence);
    stretch_.setSetting(SETTING_SEEKWINDOW_MS, kSeek);
    stretch_.setSetting(SETTING_OVERLAP_MS, kOverlap);
  }

  void push(std::span<const float> samples, std::vector<float>& out) {
    received_ += static_cast<int64_t>(samples.size());
    feed(samples, out);
  }

  void finish(std::vector<float>& out) {
    const int64_t end = std::llround(static_cast<double>(received_) / speed_);
    // The library's own flush does not end at an exact place: silence pushes the rest out, and what
    // is too much is left away.
    const std::vector<float> silence(kPiece);
    limit_ = end;
    for (int i = 0; given_ < end && i < 64; ++i) feed(silence, out);
    out.resize(out.size() + static_cast<size_t>(end - given_));
    given_ = end;
  }

 private:
  void feed(std::span<const float> samples, std::vector<float>& out) {
    while (!samples.empty()) {
      const size_t count = std::min(samples.size(), kPiece);
      stretch_.putSamples(samples.data(), static_cast<unsigned>(count));
      samples = samples.subspan(count);
      take(out);
    }
  }

  void take(std::vector<float>& out) {
    const auto ready = static_cast<int64_t>(stretch_.numSamples());
    const size_t before = out.size();
    out.resize(before + static_cast<size_t>(ready));
    stretch_.receiveSamples(out.data() + before, static_cast<unsigned>(ready));
    const int64_t wanted = limit_ < 0 ? ready : std::min(ready, limit_ - given_);
    out.resize(before + static_cast<size_t>(wanted));
    given_ += wanted;
  }

  double speed_;
  soundtouch::SoundTouch stretch_;
  int64_t received_ = 0;
  int64_t given_ = 0;
  int64_t limit_ = -1;  // of given_, once it is known
};

TimeStretch::TimeStretch(double speed, int rate) {
  if (!(speed >= kSlowest && speed <= kFastest)) {
    throw_invalid("speed: found " + std::to_string(speed) + ", expected 0.25 to 4");
  }
  if (speed != 1) impl_ = std::make_unique<Impl>(speed, rate);
}
TimeStretch::~TimeStretch() = default;
TimeStretch::TimeStretch(TimeStretch&&) noexcept = default;
TimeStretch& TimeStretch::operator=(TimeStretch&&) noexcept = default;

void TimeStretch::push(std::span<const float> samples, std::vector<float>& out) {
  if (impl_ == nullptr) {
    out.insert(out.end(), samples.begin(), samples.end());
  } else {
    impl_->push(samples, out);
  }
}

void TimeStretch::finish(std::vector<float>& out) {
  if (impl_ != nullptr) impl_->finish(out);
}

}  // namespace echo
