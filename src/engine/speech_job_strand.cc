// The chunks of a job that go on from each other: how they are formed, joined, and given up.
#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/speech_job.h"
#include "engine/window.h"

namespace echo {
namespace {

constexpr int64_t kMinStrandChars = 60;  // a shorter paragraph joins the next
constexpr int64_t kMaxFirstChars = 90;   // of a first chunk that somebody waits for

// Characters of Latin script that take as long to say, and as much of what the model reads.
int64_t length_in_strand(const PlannedChunk& part, double chars_per_second) {
  constexpr double kBytesPerChar = 2.75;  // of the model's text, where its window is just full
  const double weight = part.estimated_seconds * chars_per_second;
  return std::lround(std::max(weight, static_cast<double>(part.text.size()) / kBytesPerChar));
}

}  // namespace

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
  chunk.joined = strand_.begins() ? strand_.after_reset() ? "reset" : "first"
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
  const size_t count =
      parts_of_next_chunk(chars, strand_.last_frames(), strand_.chars_per_frame(), most);
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

void SpeechJob::add_to_strand(Chunk& chunk) {
  const auto index = static_cast<size_t>(chunk.index);
  const StrandRun::Added added = strand_.add(prepared_.chunks[index], *chunk.attempt, chunk.samples,
                                             strand_goes_on(index), hooks_);
  chunk.new_frames = added.frames;
  chunk.ends_strand = added.ended;
  if (voice_) return;
  // Without a voice every strand would have a speaker of its own: all have the first chunk's.
  const int64_t frames = chunk.attempt->frames();
  if (own_voice_.rows() == 0 && index + 1 < chunks_.size() && frames >= 4) {
    own_voice_ = chunk.attempt->first_latents(frames / 4 * 4);
  }
  if (added.ended && own_voice_.rows() > 0) {
    voice_ = std::make_shared<EncodedVoice>(
        EncodedVoice{models_.session.dit().encode_speaker(own_voice_, own_voice_.rows())});
  }
}

}  // namespace echo
