#include "engine/chunk_attempt.h"

#include <algorithm>

#include "audio/silence.h"
#include "base/error.h"
#include "engine/flattening.h"
#include "engine/window.h"
#include "tensor/ops.h"

namespace echo {
namespace {

// A piece of decoding between two looks at the other requests.
constexpr int64_t kDecodeFrames = 64;

}  // namespace

ChunkAttempt::ChunkAttempt(const SpeechModels& models, const SamplerParameters& parameters,
                           uint64_t seed, Conditions conditions, bool grows,
                           std::optional<Codec::Decoder> decoder)
    : seed_(seed),
      window_(parameters.sequence_length),
      grows_(grows),
      prefix_frames_(conditions.continuation.rows()),
      decoder_(decoder ? std::move(*decoder) : Codec::Decoder(models.codec)) {
  const auto noise = [generator = NoiseGenerator(models.noise, seed)](int64_t n) mutable {
    return generator.draw(n);
  };
  trajectory_ =
      std::make_unique<Trajectory>(models.session, parameters, noise, std::move(conditions));
  steps_total_ = trajectory_->steps_total();
}

void ChunkAttempt::apply(const Tensor& v) {
  const int64_t before = trajectory_->final_frames();
  trajectory_->apply(v);
  const int64_t final_frames = trajectory_->final_frames() - prefix_frames_;
  if (trajectory_->final_frames() == before) return;

  const Tensor all = trajectory_->latent();
  const std::vector<float> values = all.row_range(prefix_frames_, final_frames).to_host();
  if (find_non_finite(values) != values.size()) {
    throw_internal("the sampler gave values that are not finite");
  }
  CertainFrames certain = certain_frames(values, all.cols());
  if (trajectory_->finished() && !certain.ended) {
    certain.frames = flattening_point(values, all.cols());
    certain.ended = certain.frames < final_frames;
  }
  latent_ = all.row_range(prefix_frames_, certain.frames);
  const int64_t further = grows_ && trajectory_->finished() && !certain.ended
                              ? further_frames(window_, trajectory_->final_frames())
                              : 0;
  if (further > 0) {
    // What may still turn out to be the first of silence waits for the next block.
    certain = certain_frames(values, all.cols());
    latent_ = all.row_range(prefix_frames_, certain.frames);
    trajectory_->extend(further);
    steps_total_ = trajectory_->steps_total();
  }
  if (further == 0 && (trajectory_->finished() || certain.ended)) {
    ended_ = certain.ended;
    sampled_ = all.row_range(prefix_frames_, final_frames);
    window_frames_ = final_frames;
    trajectory_.reset();
    stretches_.push_back(certain.frames);
  } else if (certain.frames > (stretches_.empty() ? next_frame_ : stretches_.back())) {
    stretches_.push_back(certain.frames);
  }
}

std::vector<float> ChunkAttempt::decode_piece(const CodecHooks& hooks) {
  const int64_t end = stretches_.front();
  const int64_t frames = std::min(kDecodeFrames, end - next_frame_);
  std::vector<float> samples;
  states_.push_back({next_frame_, decoder_});
  if (frames > 0) samples = decoder_.push(latent_.row_range(next_frame_, frames), hooks);
  if (find_non_finite(samples) != samples.size()) {
    throw_internal("the decoder gave samples that are not finite");
  }
  next_frame_ += frames;
  piece_begins_stretch_ = next_frame_ == end;
  if (piece_begins_stretch_) stretches_.pop_front();
  return samples;
}

Codec::Decoder ChunkAttempt::cut(int64_t frames, std::vector<float>& samples,
                                 const CodecHooks& hooks) {
  const int64_t decoded = next_frame_;
  if (frames == decoded) return decoder_;
  const auto state = std::find_if(states_.rbegin(), states_.rend(),
                                  [&](const State& s) { return s.frames <= frames; });
  const bool longer = frames > decoded;
  Codec::Decoder decoder = longer ? decoder_ : state->decoder;
  const int64_t from = longer ? decoded : state->frames;
  const size_t per_frame = samples.size() / static_cast<size_t>(std::max<int64_t>(1, decoded));
  samples.resize(per_frame * static_cast<size_t>(from));
  if (frames > from) {
    const std::vector<float> more = decoder.push(sampled_.row_range(from, frames - from), hooks);
    samples.insert(samples.end(), more.begin(), more.end());
  }
  return decoder;
}

void ChunkAttempt::leave_out(int64_t first, int64_t count, std::vector<float>& samples,
                             const CodecHooks& hooks) {
  const int64_t rest = sampled_.rows() - first - count;
  const Tensor shorter = empty(sampled_.backend(), first + rest, sampled_.cols(), sampled_.dtype());
  copy(sampled_.row_range(0, first), shorter.row_range(0, first));
  copy(sampled_.row_range(first + count, rest), shorter.row_range(first, rest));
  sampled_ = shorter;
  latent_ = sampled_.row_range(0, latent_.rows() - count);
  decoder_ = states_.front().decoder;
  states_.clear();
  samples.clear();
  next_frame_ = 0;
  stretches_ = {latent_.rows()};
  while (!stretches_.empty()) {
    const std::vector<float> piece = decode_piece(hooks);
    samples.insert(samples.end(), piece.begin(), piece.end());
  }
}

}  // namespace echo
