#include "engine/strand_run.h"

#include <algorithm>
#include <utility>

#include "audio/speech_level.h"
#include "audio/voice.h"
#include "engine/strand_pause.h"

namespace echo {
namespace {

constexpr size_t kFadeSamples = 220;  // 5 ms

}  // namespace

StrandRun::StrandRun(std::optional<double> chars_per_second, int64_t samples_per_frame)
    : chars_per_second_(chars_per_second), samples_per_frame_(samples_per_frame) {
  begin_anew();
}

void StrandRun::begin_anew() {
  strand_ =
      chars_per_second_ ? Strand(*chars_per_second_ * seconds_of(samples_per_frame_)) : Strand();
  drift_ = {};
}

double StrandRun::chars_per_second() const {
  return strand_.rate() / seconds_of(samples_per_frame_);
}

StrandRun::Added StrandRun::add(const PlannedChunk& chunk, ChunkAttempt& attempt, Samples& samples,
                                bool text_goes_on, const CodecHooks& hooks) {
  shorten_pause(attempt, samples, hooks);
  const SpeechActivity activity = find_speech(samples, kModelRate);
  const double pause = tail_seconds_ + seconds_of(activity.begin * activity.hop);
  const bool pause_is_ours = !strand_.empty() && !paused_ && activity.any();
  const double added = pause_is_ours ? pause_to_add(pause, end_) : 0;
  reset_ = drift_.add(sound_of(samples, kModelRate));
  if (!text_goes_on || !activity.any() || reset_) {
    if (added > 0) lengthen_pause(samples, added);
    begin_anew();
    return {attempt.frames(), true};
  }
  const auto frames_of = [&](size_t count) {
    return static_cast<int64_t>(count) / samples_per_frame_;
  };
  const int64_t begin = frames_of(activity.begin * activity.hop);
  const int64_t end = frames_of(activity.end * activity.hop - 1) + 1;
  const int64_t kept = kept_frames(attempt, end, chunk.end);
  Codec::Decoder decoder = attempt.cut(kept, samples, hooks);
  tail_seconds_ =
      std::max(0.0, seconds_of(samples.size()) - seconds_of(activity.end * activity.hop));
  end_ = chunk.end;
  paused_ = chunk.pause_seconds > 0;
  if (added > 0) lengthen_pause(samples, added);
  const size_t last = std::min(samples.size(), kFadeSamples);
  last_samples_.assign(samples.end() - static_cast<ptrdiff_t>(last), samples.end());
  strand_.add(chunk, attempt.first_latents(kept), end - begin, std::move(decoder));
  return {kept, false};
}

// Some silence after the last speech stays, in whole patches.
int64_t StrandRun::kept_frames(const ChunkAttempt& attempt, int64_t speech_end, ChunkEnd end) {
  const bool clause = end == ChunkEnd::kClause || end == ChunkEnd::kWord;
  const auto patches_up = [](int64_t frames) { return (frames + 3) / 4 * 4; };
  return std::min({patches_up(speech_end + (clause ? 1 : 3)), patches_up(attempt.frames()),
                   attempt.sampled_frames() / 4 * 4});
}

void StrandRun::shorten_pause(ChunkAttempt& attempt, Samples& samples,
                              const CodecHooks& hooks) const {
  if (strand_.empty() || paused_) return;
  const SpeechActivity activity = find_speech(samples, kModelRate);
  if (!activity.any()) return;
  const double lead = seconds_of(activity.begin * activity.hop);
  const int64_t count =
      frames_to_leave_out(tail_seconds_, lead, end_, seconds_of(samples_per_frame_));
  if (count > 0) attempt.leave_out(2, count, samples, hooks);
}

void StrandRun::lengthen_pause(Samples& samples, double seconds) const {
  // The sound before and after it fades into the silence, mirrored.
  const size_t count = static_cast<size_t>(seconds * kModelRate);
  const size_t fade = std::min({last_samples_.size(), samples.size(), count / 2});
  Samples silence(count);
  for (size_t i = 0; i < fade; ++i) {
    const float gain = 1 - static_cast<float>(i + 1) / static_cast<float>(fade + 1);
    silence[i] += gain * last_samples_[last_samples_.size() - 1 - i];
    silence[count - 1 - i] += gain * samples[i];
  }
  samples.insert(samples.begin(), silence.begin(), silence.end());
}

}  // namespace echo
