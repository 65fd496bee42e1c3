#include "engine/speech_job.h"

#include <algorithm>
#include <cmath>

#include "audio/silence.h"
#include "base/error.h"
#include "base/utf8.h"
#include "engine/flattening.h"
#include "text/tokens.h"

namespace echo {
namespace {

// As published: chunk i of a request with seed s is sampled with s + 1000 i.
constexpr uint64_t kSeedStep = 1000;
// A piece of decoding between two looks at the other requests.
constexpr int64_t kDecodeFrames = 64;

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

std::string chunk_name(int64_t index) { return "chunk " + std::to_string(index + 1); }

}  // namespace

SpeechJob::SpeechJob(const SpeechModels& models, PreparedSpeech prepared, SpeechCallbacks callbacks,
                     std::function<bool()> cancelled)
    : models_(models),
      prepared_(std::move(prepared)),
      callbacks_(std::move(callbacks)),
      joiner_({.normalize_boundaries = prepared_.parameters.normalize_boundaries,
               .enable_crossfade = prepared_.parameters.enable_crossfade}) {
  hooks_.cancelled = std::move(cancelled);
  result_.warnings = std::move(prepared_.warnings);
  result_.timings.queue =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - prepared_.submitted).count();
  chunks_.resize(prepared_.chunks.size());
  for (size_t i = 0; i < chunks_.size(); ++i) {
    chunks_[i].index = static_cast<int64_t>(i);
    chunks_[i].seed = prepared_.parameters.seed + kSeedStep * i;
  }
}

void SpeechJob::encode_voice() {
  if (!prepared_.has_voice) return;
  const Timer timer(result_.timings.voice);
  voice_ = std::move(prepared_.voice);
  // Another request may have encoded it since this one was submitted.
  if (!voice_) voice_ = models_.voices.find(prepared_.voice_key);
  result_.voice_cache =
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
        throw_internal("voice: the autoencoder gave values that are not finite numbers");
      }
      models_.voice_store.save(prepared_.voice_key, values);
    }
    voice_ = std::make_shared<EncodedVoice>(
        EncodedVoice{models_.dit.encode_speaker(latent, latent.rows())});
    models_.voices.insert(prepared_.voice_key, voice_);
  }
  prepared_.voice_samples = {};
  prepared_.voice_latents = {};
}

Trajectory* SpeechJob::start_chunk() {
  if (!has_waiting_chunk()) return nullptr;
  Chunk& chunk = chunks_[next_start_];
  const Timer timer(result_.timings.text);
  Conditions conditions;
  conditions.text = std::make_shared<KeyValueCache>(
      models_.dit.encode_text(tokenize(prepared_.chunks[next_start_].normalised)));
  // Shares the voice's ownership: the cache may let it go meanwhile.
  if (voice_) conditions.speaker = {voice_, &voice_->keys_values};
  const auto noise = [generator = NoiseGenerator(models_.noise, chunk.seed)](int64_t n) mutable {
    return generator.draw(n);
  };
  chunk.trajectory =
      std::make_unique<Trajectory>(models_.dit, prepared_.parameters, noise, std::move(conditions));
  ++next_start_;
  return chunk.trajectory.get();
}

std::vector<Trajectory*> SpeechJob::running() const {
  std::vector<Trajectory*> trajectories;
  for (const Chunk& chunk : chunks_) {
    if (chunk.trajectory) trajectories.push_back(chunk.trajectory.get());
  }
  return trajectories;
}

void SpeechJob::apply(Trajectory& trajectory, const Tensor& v, double seconds) {
  const Timer timer(result_.timings.diffusion);
  result_.timings.diffusion += seconds;
  const auto chunk = std::find_if(chunks_.begin(), chunks_.end(), [&](const Chunk& candidate) {
    return candidate.trajectory.get() == &trajectory;
  });
  const int64_t before = trajectory.final_frames();
  trajectory.apply(v);
  report(*chunk);
  if (trajectory.finished()) {
    finish_sampling(*chunk);
  } else if (trajectory.final_frames() > before) {
    keep_certain(*chunk);
  }
}

void SpeechJob::report(const Chunk& chunk) {
  if (!callbacks_.progress) return;
  SpeechProgress progress;
  progress.chunk = chunk.index + 1;
  progress.chunks = static_cast<int64_t>(chunks_.size());
  progress.step = chunk.trajectory->steps_done();
  progress.steps = chunk.trajectory->steps_total();
  int64_t done = 0;  // every chunk of a request takes the same number of steps
  for (const Chunk& other : chunks_) {
    if (other.sampled) done += progress.steps;
    if (other.trajectory) done += other.trajectory->steps_done();
  }
  progress.fraction =
      static_cast<double>(done) / static_cast<double>(progress.steps * progress.chunks);
  callbacks_.progress(progress);
}

std::vector<float> SpeechJob::final_values(const Chunk& chunk) const {
  const Trajectory& trajectory = *chunk.trajectory;
  std::vector<float> values = trajectory.latent().row_range(0, trajectory.final_frames()).to_host();
  if (find_non_finite(values) != values.size()) {
    throw_internal(chunk_name(chunk.index) + ": the sampler gave values that are not finite");
  }
  return values;
}

void SpeechJob::keep_certain(Chunk& chunk) {
  const Tensor latent = chunk.trajectory->latent();
  const int64_t frames = certain_frames(final_values(chunk), latent.cols());
  if (frames <= chunk.latent.rows()) return;
  chunk.latent = latent.row_range(0, frames);
  chunk.stretches.push_back(frames);
}

void SpeechJob::finish_sampling(Chunk& chunk) {
  const Tensor latent = chunk.trajectory->latent();
  const int64_t frames = flattening_point(final_values(chunk), latent.cols());
  if (frames == latent.rows()) {
    result_.warnings.push_back(chunk_name(chunk.index) + ": speech did not end within " +
                               std::to_string(frames) + " frames and may be cut off");
  } else if (frames == 0) {
    result_.warnings.push_back(chunk_name(chunk.index) + ": the model gave no speech for it");
  }
  chunk.latent = latent.row_range(0, frames);
  chunk.stretches.push_back(frames);
  chunk.sampled = true;
  chunk.trajectory.reset();
}

bool SpeechJob::decode_piece() {
  if (finished() || chunks_[next_decode_].stretches.empty()) return false;
  const Timer timer(result_.timings.decode);
  Chunk& chunk = chunks_[next_decode_];
  if (!decoding_)
    decoding_ = std::make_unique<Decoding>(Decoding{Codec::Decoder(models_.codec), 0, {}});
  const int64_t end = chunk.stretches.front();
  const int64_t frames = std::min(kDecodeFrames, end - decoding_->next_frame);
  if (frames > 0) {
    const std::vector<float> samples =
        decoding_->decoder.push(chunk.latent.row_range(decoding_->next_frame, frames), hooks_);
    if (find_non_finite(samples) != samples.size()) {
      throw_internal(chunk_name(chunk.index) + ": the decoder gave samples that are not finite");
    }
    decoding_->samples.insert(decoding_->samples.end(), samples.begin(), samples.end());
    decoding_->next_frame += frames;
  }
  if (decoding_->next_frame == end) finish_stretch(chunk);
  return true;
}

void SpeechJob::finish_stretch(Chunk& chunk) {
  chunk.stretches.pop_front();
  const bool last = next_decode_ + 1 == chunks_.size();
  if (!chunk.sampled || !chunk.stretches.empty()) {
    give_out(joiner_.push_piece(decoding_->samples, last));
    decoding_->samples.clear();
    return;
  }
  SpokenChunk spoken;
  spoken.text_chars = static_cast<int64_t>(count_code_points(prepared_.chunks[next_decode_].text));
  spoken.seed = chunk.seed;
  spoken.seconds =
      static_cast<double>(decoding_->next_frame * models_.codec.samples_per_frame()) / kModelRate;
  result_.chunks.push_back(spoken);
  const Samples ready = joiner_.push(std::move(decoding_->samples), last);
  decoding_.reset();
  chunk.latent = {};
  ++next_decode_;
  give_out(ready);
}

void SpeechJob::give_out(const Samples& samples) {
  result_.samples.insert(result_.samples.end(), samples.begin(), samples.end());
  if (callbacks_.audio && !samples.empty()) callbacks_.audio(samples);
}

SpeechResult SpeechJob::take_result() {
  if (result_.samples.empty()) {
    throw Error(ErrorCode::kUnavailable,
                "the model gave no speech for this text and seed: try another seed");
  }
  result_.timings.total =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - prepared_.submitted).count();
  return std::move(result_);
}

}  // namespace echo
