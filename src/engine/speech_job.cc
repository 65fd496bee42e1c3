#include "engine/speech_job.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "audio/silence.h"
#include "audio/speech_level.h"
#include "base/error.h"
#include "base/kind_error.h"
#include "base/utf8.h"
#include "engine/quality_judge.h"
#include "engine/retake_time.h"
#include "engine/window.h"
#include "text/chunk.h"
#include "text/tokens.h"

namespace echo {
namespace {

// As published: chunk i of a request with seed s is sampled with s + 1000 i.
constexpr uint64_t kSeedStep = 1000;
constexpr double kShortestSpeech = 0.15;  // seconds: less is none
constexpr double kSentencePause = 0.35;   // where the text's plan leaves it to the join

// Adds the time until its end to a stage.
class Timer {
 public:
  explicit Timer(double& seconds) : seconds_(seconds) {}
  ~Timer() { seconds_ += elapsed(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

 private:
  double elapsed() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }
  double& seconds_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

bool has(const std::vector<std::string>& reasons, std::string_view reason) {
  return std::find(reasons.begin(), reasons.end(), reason) != reasons.end();
}

std::string chunk_name(int64_t index) { return "chunk " + std::to_string(index + 1); }

}  // namespace

SpeechJob::SpeechJob(const SpeechModels& models, SpeechTask task, std::stop_token stop)
    : models_(models),
      prepared_(std::move(task.prepared)),
      pipe_(std::move(task.pipe)),
      chunks_(prepared_.chunks.size()),
      recording_(prepared_.parameters, prepared_.leading_pause_seconds),
      strand_(prepared_.parameters.chars_per_second, models.codec.samples_per_frame()) {
  hooks_.stop = std::move(stop);
  summary_.warnings = std::move(prepared_.warnings);
  summary_.timings.queue =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - prepared_.submitted).count();
  number_chunks();
}

void SpeechJob::number_chunks() {
  for (size_t i = 0; i < chunks_.size(); ++i) chunks_[i].index = static_cast<int64_t>(i);
}

void SpeechJob::encode_voice() {
  if (!prepared_.has_voice) return;
  const Timer timer(summary_.timings.voice);
  voice_ = std::move(prepared_.voice);
  // Another request may have encoded it since this one was submitted.
  if (!voice_) voice_ = models_.voices.find(prepared_.voice_key);
  summary_.voice_cache =
      voice_ || !prepared_.voice_latents.empty() ? VoiceCacheUse::kHit : VoiceCacheUse::kMiss;
  if (!voice_) {
    const int64_t width = models_.codec.latent_size();
    Tensor latent;
    if (!prepared_.voice_latents.empty()) {
      const auto frames = static_cast<int64_t>(prepared_.voice_latents.size()) / width;
      latent = from_host(models_.backend, prepared_.voice_latents, frames, width);
    } else {
      latent =
          speaker_latent(models_.codec, prepared_.voice_samples, models_.speaker_latent, hooks_);
      if (latent.rows() == 0) {
        throw_invalid(
            "voice: found " + std::to_string(prepared_.voice_samples.size()) + " samples at " +
            std::to_string(kModelRate) + " Hz, expected at least " +
            std::to_string(models_.speaker_latent.patch * models_.codec.samples_per_frame()));
      }
      const std::vector<float> values = latent.to_host();
      if (find_non_finite(values) != values.size()) {
        throw_internal("voice: the codec gave values that are not finite numbers");
      }
      models_.voice_store.save(prepared_.voice_key, values);
      prepared_.voice_print = voice_print(prepared_.voice_samples, kModelRate);
      if (prepared_.voice_print) {
        std::vector<float> row(static_cast<size_t>(width));
        const VoicePrintValues print = values_of(*prepared_.voice_print);
        std::copy(print.begin(), print.end(), row.begin());
        models_.voice_store.save(print_key(prepared_.voice_key), row);
      }
    }
    voice_ = std::make_shared<EncodedVoice>(EncodedVoice{
        models_.session.dit().encode_speaker(latent, latent.rows()), prepared_.voice_print});
    models_.voices.insert(prepared_.voice_key, voice_);
  }
  prepared_.voice_samples = {};
  prepared_.voice_latents = {};
}

std::optional<size_t> SpeechJob::next_to_start() const {
  if (pipe_->full() || decoding_lags()) return {};
  for (size_t i = next_out_; i < chunks_.size(); ++i) {
    const Chunk& chunk = chunks_[i];
    if (!chunk.attempt) return i;
    if (in_strands()) return {};  // it must have been heard first
    // Somebody listens: the chunk that is heard first has the device for itself.
    if (prepared_.delivery == SpeechDelivery::kInOrder && chunk.attempt->trajectory()) return {};
  }
  return {};
}

bool SpeechJob::decoding_lags() const {
  const int64_t width =
      models_.batch_width > 0 ? models_.batch_width : models_.backend.batch_width();
  const int64_t waiting =
      std::count_if(chunks_.begin() + static_cast<std::ptrdiff_t>(next_out_), chunks_.end(),
                    [](const Chunk& chunk) {
                      return chunk.attempt && chunk.attempt->sampled() && !chunk.attempt->decoded();
                    });
  return waiting >= 2 * width;
}

void SpeechJob::start_chunk() {
  const size_t index = next_to_start().value();
  if (in_strands()) form_chunk(index);
  Chunk& chunk = chunks_[index];
  const Timer timer(summary_.timings.text);
  Conditions conditions;
  // Shares the voice's ownership: the cache may let it go meanwhile.
  if (voice_) conditions.speaker = {voice_, &voice_->keys_values};
  const uint64_t seed =
      prepared_.parameters.seed + kSeedStep * index + static_cast<uint64_t>(chunk.attempts);
  SamplerParameters parameters = prepared_.parameters;
  // Only a model that can go on may begin with less than it may need.
  const bool automatic =
      parameters.sequence_length == kAutoFrames && parameters.block_sizes.empty();
  const bool grows = automatic && models_.session.dit().blockwise();
  std::string text = prepared_.chunks[index].model_text;
  std::optional<Codec::Decoder> decoder;
  if (in_strands()) {
    text = continue_strand(chunk, conditions, parameters, automatic);
    decoder = strand_.decoder();
  } else if (automatic) {
    const auto chars = static_cast<int64_t>(count_code_points(prepared_.chunks[index].text));
    parameters.sequence_length =
        grows ? window_frames(chars, pace_of(prepared_.parameters)) : kMaxFrames;
  }
  if (parameters.block_sizes.empty()) parameters.block_sizes = blocks_of(parameters);
  chunk.blocks = parameters.block_sizes;
  conditions.text =
      std::make_shared<KeyValueCache>(models_.session.dit().encode_text(tokenize(text)));
  chunk.attempt = std::make_unique<ChunkAttempt>(models_, parameters, seed, std::move(conditions),
                                                 grows, std::move(decoder));
  ++chunk.attempts;
  chunk.started = std::chrono::steady_clock::now();
}

std::vector<int64_t> SpeechJob::blocks_of(const SamplerParameters& parameters) const {
  const int64_t frames = parameters.sequence_length;
  if (!prepared_.first_sound_seconds || prepared_.delivery != SpeechDelivery::kInOrder ||
      in_strands() || !models_.session.dit().blockwise()) {
    return {frames};
  }
  BlockQuestion question;
  question.frames = frames;
  question.first = !heard_since_;
  question.budget = *prepared_.first_sound_seconds;
  if (models_.pace != nullptr) {
    question.window = predicted_seconds(*models_.pace, parameters, voice_ != nullptr, frames);
  }
  if (heard_since_) {
    const std::chrono::duration<double> played = std::chrono::steady_clock::now() - *heard_since_;
    question.ahead = std::max(0.0, seconds_of(given_samples_) - played.count());
  }
  return plan_blocks(question);
}

std::vector<Trajectory*> SpeechJob::running() const {
  std::vector<Trajectory*> trajectories;
  for (const Chunk& chunk : chunks_) {
    if (chunk.attempt && chunk.attempt->trajectory()) {
      trajectories.push_back(chunk.attempt->trajectory());
    }
  }
  return trajectories;
}

void SpeechJob::apply(Trajectory& trajectory, const Tensor& v, double seconds) {
  const Timer timer(summary_.timings.diffusion);
  summary_.timings.diffusion += seconds;
  Chunk& chunk = *std::find_if(chunks_.begin(), chunks_.end(), [&](const Chunk& candidate) {
    return candidate.attempt && candidate.attempt->trajectory() == &trajectory;
  });
  summary_.evaluations += v.rows() / trajectory.x().rows();
  const int64_t before = chunk.attempt->steps_done();
  in_chunk(chunk, [&] { chunk.attempt->apply(v); });
  if (chunk.attempt->steps_done() > before) report(chunk);
}

void SpeechJob::report(const Chunk& chunk) {
  SpeechProgress progress;
  progress.chunk = chunk.index + 1;
  progress.chunks = static_cast<int64_t>(chunks_.size());
  progress.step = chunk.attempt->steps_done();
  progress.steps = chunk.attempt->steps_total();
  double done = 0;  // chunks
  for (const Chunk& other : chunks_) {
    if (other.kept) {
      done += 1;
    } else if (other.attempt) {
      done += static_cast<double>(other.attempt->steps_done()) /
              static_cast<double>(other.attempt->steps_total());
    }
  }
  // An attempt that begins anew, or goes on, does not take back what has been told.
  fraction_ = std::max(fraction_, done / static_cast<double>(chunks_.size()));
  progress.fraction = fraction_;
  progress.samples = given_samples_;
  progress.blocks = chunk.blocks;
  pipe_->tell(progress);
}

bool SpeechJob::decode_piece() {
  const auto found = std::find_if(chunks_.begin(), chunks_.end(), [](const Chunk& chunk) {
    return !chunk.kept && chunk.attempt && chunk.attempt->has_undecoded();
  });
  if (found == chunks_.end()) return false;
  Chunk& chunk = *found;
  const Timer timer(summary_.timings.decode);
  Samples piece;
  in_chunk(chunk, [&] { piece = chunk.attempt->decode_piece(hooks_); });
  chunk.samples.insert(chunk.samples.end(), piece.begin(), piece.end());
  judge(chunk);
  give_out();
  return true;
}

void SpeechJob::in_chunk(const Chunk& chunk, const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kCancelled) throw;
    throw Error(error.code(), chunk_name(chunk.index) + ": " + error.what());
  }
}

bool SpeechJob::may_retake(Chunk& chunk) const {
  if (chunk.flows || chunk.attempts > prepared_.parameters.max_rerolls) return false;
  const auto now = std::chrono::steady_clock::now();
  using Seconds = std::chrono::duration<double>;
  RetakeTimes times;
  times.take_seconds = Seconds(now - chunk.started).count();
  if (prepared_.deadline != std::chrono::steady_clock::time_point::max()) {
    times.seconds_left = Seconds(prepared_.deadline - now).count();
  }
  if (prepared_.delivery == SpeechDelivery::kInOrder && heard_since_) {
    times.lead_seconds = seconds_of(given_samples_) - Seconds(now - *heard_since_).count();
  }
  chunk.too_late = !retake_in_time(times);
  return !chunk.too_late;
}

void SpeechJob::note_retake(Chunk& chunk, const ChunkVerdict& verdict) {
  chunk.retake_reasons.push_back(verdict.reasons.empty() ? "judge" : verdict.reasons.front());
}

void SpeechJob::drop_attempt(Chunk& chunk) {
  chunk.attempt.reset();
  chunk.samples.clear();
}

// Where no retake is possible a chunk flows from its first piece, and where somebody listens to
// blocks from the first block that passes; every other when it is whole.
void SpeechJob::judge(Chunk& chunk) {
  using Action = ChunkVerdict::Action;
  // In a strand a chunk's end is settled when it is whole.
  const bool held = in_strands();
  if ((!prepared_.judge || prepared_.parameters.max_rerolls == 0) && !held) chunk.flows = true;
  if (!chunk.attempt->decoded()) {
    const bool in_blocks =
        !held && prepared_.delivery == SpeechDelivery::kInOrder && chunk.blocks.size() > 1;
    if (chunk.flows || !in_blocks || !chunk.attempt->at_end_of_stretch()) return;
    const ChunkVerdict verdict = ask_judge(chunk);
    if (verdict.action == Action::kRetake && may_retake(chunk)) {
      note_retake(chunk, verdict);
      drop_attempt(chunk);
    } else {
      chunk.flows = true;
    }
    return;
  }
  ChunkVerdict verdict = ask_judge(chunk);
  const bool again = verdict.action == Action::kRetake && may_retake(chunk);
  const bool worse = chunk.best && chunk.best->verdict.score <= verdict.score;
  if (again) {
    note_retake(chunk, verdict);
    chunk.hardly_spoke = find_speech(chunk.samples, kModelRate).seconds() < kShortestSpeech;
    // With nothing left to hear less of, only a shorter text comes to an end.
    const bool endless = chunk.retake_reasons.back() == "no_end" && in_strands() &&
                         chunk.heard == 0 && chunk.parts.size() > 1;
    if (endless) {
      drop_attempt(chunk);
      divide_chunk(static_cast<size_t>(chunk.index));
      return;
    }
    if (!worse) {
      chunk.best = KeptTake{std::move(chunk.attempt), std::move(chunk.samples), std::move(verdict)};
    }
    drop_attempt(chunk);
    return;
  }
  if (worse) {
    chunk.attempt = std::move(chunk.best->attempt);
    chunk.samples = std::move(chunk.best->samples);
    verdict = std::move(chunk.best->verdict);
  }
  keep(chunk, verdict);
  if (in_strands()) in_chunk(chunk, [&] { add_to_strand(chunk); });
}

ChunkVerdict SpeechJob::ask_judge(const Chunk& chunk) const {
  if (!prepared_.judge) return {};
  const ChunkAttempt& attempt = *chunk.attempt;
  ChunkTake take;
  take.text = prepared_.chunks[static_cast<size_t>(chunk.index)].text;
  take.seed = attempt.seed();
  take.attempt = chunk.attempts - 1;
  take.window_frames = attempt.window_frames();
  take.frames = attempt.frames();
  take.ended = attempt.ended();
  take.samples = chunk.samples;
  if (voice_ && voice_->print) take.voice = &*voice_->print;
  if (chunk.prefix_frames > 0) take.goes_on_from = strand_.last_sound();
  take.chars_per_second = in_strands() ? strand_.chars_per_second() : pace_of(prepared_.parameters);
  take.complete = attempt.decoded();
  return prepared_.judge(take);
}

void SpeechJob::keep(Chunk& chunk, const ChunkVerdict& verdict) {
  chunk.best.reset();
  chunk.kept = true;
  chunk.reasons = verdict.reasons;
  chunk.warnings = verdict.warnings;
  if (chunk.too_late && !chunk.reasons.empty()) {
    chunk.warnings.push_back("no further take was made of it, which would have come too late");
  }
  if (chunk.attempt->frames() == 0 && !has(chunk.reasons, "empty")) {
    chunk.warnings.push_back("the model gave no speech for it");
  } else if (chunk.attempt->frames() > 0 && !chunk.attempt->ended() &&
             !has(chunk.reasons, "no_end")) {
    chunk.warnings.push_back("speech did not end within " +
                             std::to_string(chunk.attempt->window_frames()) +
                             " frames and may be cut off");
  }
}

void SpeechJob::give_out() {
  while (!finished()) {
    Chunk& chunk = chunks_[next_out_];
    if (!chunk.kept && !chunk.flows) return;
    const Recording::Boundary boundary = boundary_after(next_out_);
    const std::span<const float> rest = std::span(chunk.samples).subspan(chunk.given);
    if (!chunk.kept && rest.empty()) return;
    chunk.given = chunk.samples.size();
    Samples ready = recording_.push(rest, boundary);
    if (chunk.kept) {
      const Samples end = recording_.end_chunk(boundary);
      ready.insert(ready.end(), end.begin(), end.end());
      finish_chunk(chunk);
    }
    given_samples_ += ready.size();
    if (!ready.empty() && !heard_since_) heard_since_ = std::chrono::steady_clock::now();
    pipe_->push(std::move(ready));
  }
}

Recording::Boundary SpeechJob::boundary_after(size_t index) const {
  const PlannedChunk& text = prepared_.chunks[index];
  Recording::Boundary boundary;
  boundary.last = index + 1 == chunks_.size();
  boundary.gap_seconds = text.join_seconds > 0 ? text.join_seconds : kSentencePause;
  boundary.pause_seconds = text.pause_seconds;
  boundary.sound_event = ends_in_sound(text.text);
  boundary.continues = in_strands() && chunks_[index].kept && !chunks_[index].ends_strand;
  return boundary;
}

void SpeechJob::finish_chunk(Chunk& chunk) {
  SpokenChunk spoken;
  const PlannedChunk& text = prepared_.chunks[next_out_];
  spoken.text = text.text;
  spoken.text_chars = static_cast<int64_t>(count_code_points(text.text));
  spoken.seed = chunk.attempt->seed();
  spoken.attempts = chunk.attempts;
  spoken.window_frames = chunk.attempt->window_frames();
  spoken.blocks = chunk.blocks;
  spoken.seconds = seconds_of(chunk.attempt->frames() * models_.codec.samples_per_frame());
  spoken.start_seconds = seconds_of(recording_.place().begin);
  spoken.end_seconds = seconds_of(recording_.place().end);
  spoken.pause_seconds = text.pause_seconds;
  spoken.prefix_frames = chunk.prefix_frames;
  spoken.new_frames = in_strands() ? chunk.new_frames : chunk.attempt->frames();
  spoken.joined = chunk.joined;
  spoken.reasons = std::move(chunk.reasons);
  spoken.retake_reasons = std::move(chunk.retake_reasons);
  spoken.warnings = chunk.warnings;
  summary_.chunks.push_back(std::move(spoken));
  if (chunk.ends_strand) ++summary_.strands;
  for (const std::string& warning : chunk.warnings) {
    summary_.warnings.push_back(chunk_name(chunk.index) + ": " + warning);
  }
  // What is kept of an attempt is large, and a text may have hundreds.
  drop_attempt(chunk);
  chunk.samples.shrink_to_fit();
  ++next_out_;
}

SpeechSummary SpeechJob::take_summary() {
  // What was heard is silence where further takes of every chunk came to nothing either.
  const bool silent =
      prepared_.parameters.max_rerolls > 0 &&
      std::all_of(summary_.chunks.begin(), summary_.chunks.end(),
                  [](const SpokenChunk& chunk) { return has(chunk.reasons, "empty"); });
  if (given_samples_ == 0 || silent) {
    throw KindError(kNoSpeech, ErrorCode::kUnavailable,
                    "the model gave no speech for this text and seed: try another seed");
  }
  summary_.timings.total =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - prepared_.submitted).count();
  return std::move(summary_);
}

}  // namespace echo
