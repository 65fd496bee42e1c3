// The chunks of a job that go on from each other: how they are formed, joined, and given up.
#include <algorithm>
#include <cmath>
#include <utility>

#include "audio/continuation.h"
#include "audio/speech_level.h"
#include "engine/speech_job.h"
#include "engine/strand_pause.h"
#include "engine/window.h"

namespace echo {
namespace {

constexpr int64_t kMinStrandChars = 60;  // a shorter paragraph joins the next
constexpr int64_t kMaxFirstChars = 90;   // of a first chunk that somebody waits for
constexpr size_t kFadeSamples = 220;       // 5 ms

// Characters of Latin script that take as long to say, and as much of what the model reads.
int64_t length_in_strand(const PlannedChunk& part, double chars_per_second) {
  constexpr double kBytesPerChar = 2.75;  // of the model's text, where its window is just full
  const double weight = part.estimated_seconds * chars_per_second;
  return std::lround(std::max(weight, static_cast<double>(part.text.size()) / kBytesPerChar));
}

}  // namespace

Strand SpeechJob::new_strand() const {
  const std::optional<double>& pace = prepared_.parameters.chars_per_second;
  return pace ? Strand(*pace * seconds_of(models_.codec.samples_per_frame())) : Strand();
}

bool SpeechJob::strand_goes_on(size_t index) const {
  if (!in_strands() || index + 1 == chunks_.size() || strand_.full()) return false;
  return prepared_.parameters.continuity == Continuity::kText ||
         prepared_.chunks[index].end != ChunkEnd::kParagraph;
}

std::string SpeechJob::continue_strand(Chunk& chunk, Conditions& conditions,
                                       SamplerParameters& parameters, bool automatic) {
  // A take that came to nothing, or to no end, may do better with less before it; the last one has
  // nothing before it.
  const std::string last = chunk.retake_reasons.empty() ? "" : chunk.retake_reasons.back();
  const bool too_much = last == "empty" || last == "no_end" || chunk.hardly_spoke;
  if (chunk.heard > 0 && too_much) chunk.most_heard = chunk.heard - 1;
  const bool last_try = chunk.attempts > 0 && chunk.attempts == prepared_.parameters.max_rerolls;
  if (last_try) chunk.most_heard = 0;
  const Strand::Continuation continuation =
      strand_.continue_with(prepared_.chunks[static_cast<size_t>(chunk.index)], chunk.most_heard);
  const ContinuationPlan& plan = continuation.plan;
  chunk.heard = plan.parts;
  chunk.prefix_frames = plan.prefix_frames;
  chunk.joined = strand_.empty()  ? reset_ ? "reset" : "first"
                 : plan.parts > 0 ? "continued"
                 : last_try       ? "fallback"
                                  : "fresh";
  conditions.continuation = continuation.latents;
  parameters.block_sizes.clear();
  parameters.block_steps.clear();
  const int64_t most = kMaxFrames - plan.prefix_frames;
  const int64_t asked = automatic ? plan.window_frames : parameters.sequence_length;
  parameters.sequence_length = std::min(most, asked == kAutoFrames ? most : asked);
  return continuation.model_text;
}

void SpeechJob::form_chunk(size_t index) {
  const SpeechParameters& parameters = prepared_.parameters;
  if (chunks_[index].attempts > 0 || parameters.max_chars_per_chunk == 0) return;
  // What is left of the strand, or of what comes before a pause in it.
  std::vector<int64_t> chars;
  int64_t all = 0;
  for (size_t i = index; i < chunks_.size(); ++i) {
    const PlannedChunk& part = prepared_.chunks[i];
    chars.push_back(length_in_strand(part, pace_of(parameters)));
    all += chars.back();
    if (part.pause_seconds > 0) break;
    // A paragraph of a line is no strand, and no chunk, of its own.
    if (part.end == ChunkEnd::kParagraph && all >= kMinStrandChars) break;
  }
  int64_t most = parameters.max_chars_per_chunk;
  const bool waits = prepared_.delivery == SpeechDelivery::kInOrder && index == 0 &&
                     parameters.block_sizes.size() > 1;
  if (waits) most = std::min(most, kMaxFirstChars);
  const size_t count = parts_of_next_chunk(chars, strand_.last_frames(), strand_.rate(), most);
  const auto at = static_cast<ptrdiff_t>(index), end = at + static_cast<ptrdiff_t>(count);
  std::vector<PlannedChunk>& texts = prepared_.chunks;
  chunks_[index].parts.assign(texts.begin() + at, texts.begin() + end);
  for (ptrdiff_t i = at + 1; i < end; ++i) {
    texts[index] = joined(texts[index], texts[static_cast<size_t>(i)]);
  }
  texts.erase(texts.begin() + at + 1, texts.begin() + end);
  chunks_.erase(chunks_.begin() + at + 1, chunks_.begin() + end);
  number_chunks();
}

void SpeechJob::divide_chunk(size_t index) {
  Chunk& chunk = chunks_[index];
  const size_t half = (chunk.parts.size() + 1) / 2;
  const auto rest = chunk.parts.begin() + static_cast<ptrdiff_t>(half);
  std::vector<PlannedChunk>& texts = prepared_.chunks;
  const auto at = static_cast<ptrdiff_t>(index);
  texts[index] = chunk.parts.front();
  for (size_t i = 1; i < half; ++i) texts[index] = joined(texts[index], chunk.parts[i]);
  texts.insert(texts.begin() + at + 1, rest, chunk.parts.end());
  const size_t more = chunk.parts.size() - half;
  chunk.parts.resize(half);
  chunk.best.reset();  // of another text
  for (size_t i = 0; i < more; ++i) chunks_.emplace(chunks_.begin() + at + 1);
  number_chunks();
}

void SpeechJob::lengthen_pause(Chunk& chunk, double seconds) const {
  // The sound before and after it fades into the silence, mirrored.
  const size_t count = static_cast<size_t>(seconds * kModelRate);
  const size_t fade = std::min({strand_last_.size(), chunk.samples.size(), count / 2});
  Samples silence(count);
  for (size_t i = 0; i < fade; ++i) {
    const float gain = 1 - static_cast<float>(i + 1) / static_cast<float>(fade + 1);
    silence[i] += gain * strand_last_[strand_last_.size() - 1 - i];
    silence[count - 1 - i] += gain * chunk.samples[i];
  }
  chunk.samples.insert(chunk.samples.begin(), silence.begin(), silence.end());
}

void SpeechJob::shorten_pause(Chunk& chunk) {
  if (strand_.empty() || strand_paused_) return;
  const SpeechActivity activity = find_speech(chunk.samples, kModelRate);
  if (!activity.any()) return;
  const double lead = seconds_of(activity.begin * activity.hop);
  const double frame = seconds_of(models_.codec.samples_per_frame());
  const int64_t count = frames_to_leave_out(strand_tail_seconds_, lead, strand_end_, frame);
  if (count > 0) chunk.attempt->leave_out(2, count, chunk.samples, hooks_);
}

void SpeechJob::add_to_strand(Chunk& chunk) {
  const auto index = static_cast<size_t>(chunk.index);
  const PlannedChunk& text = prepared_.chunks[index];
  ChunkAttempt& attempt = *chunk.attempt;
  shorten_pause(chunk);
  const SpeechActivity activity = find_speech(chunk.samples, kModelRate);
  const int64_t per_frame = models_.codec.samples_per_frame();
  const double pause = strand_tail_seconds_ + seconds_of(activity.begin * activity.hop);
  const double added =
      strand_.empty() || strand_paused_ || !activity.any() ? 0 : pause_to_add(pause, strand_end_);
  reset_ = drift_.add(sound_of(chunk.samples, kModelRate));
  const bool goes_on = strand_goes_on(index) && activity.any() && !reset_;
  // Without a voice every strand would have a speaker of its own: all have the first chunk's.
  if (!voice_ && own_voice_.rows() == 0 && index + 1 < chunks_.size() && attempt.frames() >= 4) {
    own_voice_ = attempt.first_latents(attempt.frames() / 4 * 4);
  }
  if (!goes_on) {
    if (!voice_ && own_voice_.rows() > 0) {
      voice_ = std::make_shared<EncodedVoice>(
          EncodedVoice{models_.session.dit().encode_speaker(own_voice_, own_voice_.rows())});
    }
    if (added > 0) lengthen_pause(chunk, added);
    strand_ = new_strand();
    drift_ = {};
    chunk.ends_strand = true;
    chunk.new_frames = attempt.frames();
    return;
  }
  // Some silence after the last speech stays, in whole patches.
  const auto samples_to_frames = [&](size_t samples) {
    return static_cast<int64_t>(samples) / per_frame;
  };
  const int64_t begin = samples_to_frames(activity.begin * activity.hop);
  const int64_t end = samples_to_frames(activity.end * activity.hop - 1) + 1;
  const bool clause = text.end == ChunkEnd::kClause || text.end == ChunkEnd::kWord;
  const auto patches_up = [](int64_t frames) { return (frames + 3) / 4 * 4; };
  const int64_t cut = std::min({patches_up(end + (clause ? 1 : 3)), patches_up(attempt.frames()),
                                attempt.sampled_frames() / 4 * 4});
  chunk.new_frames = cut;
  Codec::Decoder decoder = attempt.cut(cut, chunk.samples, hooks_);
  strand_tail_seconds_ =
      std::max(0.0, seconds_of(chunk.samples.size()) - seconds_of(activity.end * activity.hop));
  strand_end_ = text.end;
  strand_paused_ = text.pause_seconds > 0;
  if (added > 0) lengthen_pause(chunk, added);
  const size_t last = std::min(chunk.samples.size(), kFadeSamples);
  strand_last_.assign(chunk.samples.end() - static_cast<ptrdiff_t>(last), chunk.samples.end());
  strand_.add(text, attempt.first_latents(cut), end - begin, std::move(decoder));
}

}  // namespace echo
