// One attempt at a chunk, from noise to samples. For the files of this folder only.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "engine/prepared_speech.h"
#include "engine/trajectory.h"
#include "models/codec.h"

namespace echo {

// A block's latents are final when the block has been sampled. What is certain to be kept of them
// can be decoded then, while the next block is sampled; once the end of the speech is certain, the
// blocks after it are not sampled. Pieces of decoding end where a stretch of certain frames ends,
// whenever they are decoded, so the samples do not depend on what else is running. Used by the
// device's thread alone.
class ChunkAttempt {
 public:
  // Errors: as Trajectory. parameters: with a sequence_length that is a number. `grows`: when the
  // speech has not ended, go on with another block, as long as the model can.
  // `decoder`: in the state that what came before the chunk left it in.
  ChunkAttempt(const SpeechModels& models, const SamplerParameters& parameters, uint64_t seed,
               Conditions conditions, bool grows = false,
               std::optional<Codec::Decoder> decoder = {});

  uint64_t seed() const { return seed_; }
  // The sampler, null when all has been sampled.
  Trajectory* trajectory() const { return trajectory_.get(); }
  int64_t steps_done() const { return trajectory_ ? trajectory_->steps_done() : steps_total_; }
  int64_t steps_total() const { return steps_total_; }

  // Takes the sampler's step. Errors: kInternal for latents that are not finite.
  void apply(const Tensor& v);

  bool sampled() const { return !trajectory_; }
  // Once sampled: whether the speech ended within the window, frames kept and frames sampled.
  bool ended() const { return ended_; }
  int64_t frames() const { return latent_.rows(); }
  int64_t window_frames() const { return window_frames_; }
  // The frames to keep (frames, 80), as far as they are certain.
  const Tensor& latent() const { return latent_; }

  bool has_undecoded() const { return !stretches_.empty(); }
  // The samples of the next piece; may be none at the end of a stretch. Errors: kCancelled;
  // kInternal for samples that are not finite.
  std::vector<float> decode_piece(const CodecHooks& hooks);
  // Whether the next piece begins a stretch, and whether there will be none.
  bool at_end_of_stretch() const { return piece_begins_stretch_; }
  bool decoded() const { return sampled() && stretches_.empty(); }
  int64_t decoded_frames() const { return next_frame_; }

  int64_t sampled_frames() const { return sampled_.rows(); }
  // Once decoded, what another chunk goes on from. The first `frames` of those that were sampled,
  // of which there are at least so many.
  Tensor first_latents(int64_t frames) const { return sampled_.row_range(0, frames); }
  // The decoder's state after them. `samples` become those of the same frames.
  Codec::Decoder cut(int64_t frames, std::vector<float>& samples, const CodecHooks& hooks);
  // Leaves out `count` frames from `first` on, and decodes the rest anew into `samples`.
  void leave_out(int64_t first, int64_t count, std::vector<float>& samples,
                 const CodecHooks& hooks);

 private:
  const uint64_t seed_;
  const int64_t window_;  // that was asked for first
  const bool grows_;
  const int64_t prefix_frames_;  // of the continuation; not part of the attempt's own frames
  std::unique_ptr<Trajectory> trajectory_;
  int64_t steps_total_ = 0;
  int64_t window_frames_ = 0;
  bool ended_ = false;
  Tensor latent_;
  std::deque<int64_t> stretches_;  // where each ends that is not decoded
  Tensor sampled_;                 // all frames, once sampled
  struct State {
    int64_t frames;
    Codec::Decoder decoder;
  };
  std::vector<State> states_;  // of the decoder, before each piece
  Codec::Decoder decoder_;
  int64_t next_frame_ = 0;
  bool piece_begins_stretch_ = true;
};

}  // namespace echo
