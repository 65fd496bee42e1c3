#include "engine/chunk_attempt.h"

#include <algorithm>

#include "audio/silence.h"
#include "base/error.h"
#include "engine/flattening.h"
#include "engine/window.h"

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
  trajectory_ = std::make_unique<Trajectory>(models.dit, parameters, noise, std::move(conditions));
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
  if (frames > 0) samples = decoder_.push(latent_.row_range(next_frame_, frames), hooks);
  if (find_non_finite(samples) != samples.size()) {
    throw_internal("the decoder gave samples that are not finite");
  }
  next_frame_ += frames;
  piece_begins_stretch_ = next_frame_ == end;
  if (piece_begins_stretch_) stretches_.pop_front();
  return samples;
}

}  // namespace echo
