// One generation on its way from noise to latents.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "engine/modulation_cache.h"
#include "engine/sampler_parameters.h"
#include "engine/solver.h"
#include "models/echo_dit.h"

namespace echo {

// Gives n normal values; successive calls are successive draws of one generator.
using NoiseSource = std::function<std::vector<float>(int64_t n)>;

// What a generation is conditioned on. Rows that are masked have been left out.
struct Conditions {
  std::shared_ptr<const KeyValueCache> text;
  std::shared_ptr<const KeyValueCache> speaker;  // null: no voice
  Tensor continuation;  // (T, 80) float32, what was spoken before; may be empty
};

// The sampler as a state machine: whoever holds it asks for the sequences of the next evaluation,
// has the model compute their velocities, and applies them. Nothing else depends on other
// trajectories, so any number may advance side by side. Used by the device's thread alone.
//
// Sequences that cannot change the result are left out: those of a guidance with scale 0, the
// speaker's without a voice, and all but the conditional one outside the guidance window or where
// guidance computed before is used again.
class Trajectory {
 public:
  // parameters: validated. Errors: kInvalidArgument when continuation and blocks together pass
  // kMaxFrames, or when blocks after a prefix are asked of a model without its blockwise part.
  Trajectory(DitSession& session, const SamplerParameters& parameters, NoiseSource noise,
             Conditions conditions);

  bool finished() const { return block_ == block_sizes_.size(); }
  // Steps taken, and steps in all blocks together.
  int64_t steps_done() const;
  int64_t steps_total() const;
  int64_t num_steps() const { return block_steps_[block_]; }  // of the block at hand

  // Of the next evaluation; not to be asked of a finished trajectory.
  int64_t schedule_step() const { return step_ + solver_.stage(); }
  std::vector<DitSequence> sequences() const;
  const Tensor& x() const { return x_; }  // (S, 80)

  // Takes the evaluation: v (sequences * S, 80) holds the velocities of sequences(), in their
  // order. A step is one evaluation, or two of Heun's.
  void apply(const Tensor& v);

  // Adds a block after the last: what it gives is as if it had been asked for at the beginning.
  // Only of a finished trajectory; `frames` must fit into kMaxFrames. Errors as the constructor.
  void extend(int64_t frames);

  // (T, 80) float32, the continuation and all blocks; rows after final_frames() are yet to change.
  int64_t final_frames() const { return start_pos_; }
  Tensor latent() const { return latents_.row_range(0, frames_); }

 private:
  // Makes room for all frames, and checks that the model can.
  void resize();
  void begin_block();

  DitSession& session_;
  SamplerParameters parameters_;
  GuidedSolver solver_;
  NoiseSource noise_;
  Conditions conditions_;
  std::vector<int64_t> block_sizes_, block_steps_;
  std::vector<float> times_;  // of the block

  int64_t frames_ = 0;  // continuation and all blocks
  Tensor latents_;      // (frames_ up to the next patch, 80), zero where nothing is yet
  size_t block_ = 0;
  int64_t step_ = 0;       // in the block
  int64_t start_pos_ = 0;  // of the block
  Tensor x_;               // the block's rows of latents_
  KeyValueCache prefix_;   // of the block; empty when start_pos_ is 0
  float speaker_scale_ = 1;
};

// The velocities of the next evaluation of each, one after the other, from one forward pass.
Tensor velocities(DitSession& session, ModulationCache& modulations,
                  std::span<Trajectory* const> batch);

// Runs a trajectory to its end and returns its latents.
Tensor sample(DitSession& session, ModulationCache& modulations, Trajectory& trajectory);

}  // namespace echo
