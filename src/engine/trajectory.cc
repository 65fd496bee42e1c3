#include "engine/trajectory.h"

#include <numeric>
#include <string>

#include "base/error.h"
#include "engine/schedule.h"

namespace echo {
namespace {

// The tensors' rows one after the other; the tensor itself when it is alone.
Tensor stack(std::span<const Tensor> parts) {
  if (parts.size() == 1) return parts[0];
  int64_t rows = 0;
  for (const Tensor& part : parts) rows += part.rows();
  Tensor result = empty(parts[0].backend(), rows, parts[0].cols(), parts[0].dtype());
  int64_t row = 0;
  for (const Tensor& part : parts) {
    copy(part, result.row_range(row, part.rows()));
    row += part.rows();
  }
  return result;
}

}  // namespace

Trajectory::Trajectory(DitSession& session, const SamplerParameters& parameters, NoiseSource noise,
                       Conditions conditions)
    : session_(session),
      parameters_(parameters),
      solver_(parameters),
      noise_(std::move(noise)),
      conditions_(std::move(conditions)),
      block_sizes_(parameters.block_sizes),
      block_steps_(parameters.block_steps) {
  if (block_sizes_.empty()) block_sizes_ = {parameters.sequence_length};
  block_steps_.resize(block_sizes_.size(), parameters.num_steps);
  start_pos_ = conditions_.continuation.rows();
  resize();
  if (start_pos_ > 0) copy(conditions_.continuation, latents_.row_range(0, start_pos_));
  begin_block();
}

void Trajectory::resize() {
  frames_ =
      std::accumulate(block_sizes_.begin(), block_sizes_.end(), conditions_.continuation.rows());
  if (frames_ > kMaxLatentFrames) {
    throw_invalid("block_sizes: found a sum of " + std::to_string(frames_) +
                  " frames with the continuation, expected at most " +
                  std::to_string(kMaxLatentFrames));
  }
  const EchoDit& dit = session_.dit();
  if (!dit.blockwise() && (start_pos_ > 0 || block_sizes_.size() > 1)) {
    throw_invalid("block_sizes: the model was loaded without what blockwise generation needs");
  }
  const int64_t patch = dit.patch();
  const Tensor before = latents_;
  latents_ = zeros(dit.backend(), (frames_ + patch - 1) / patch * patch, dit.latent_size(),
                   DType::kFloat32);
  if (!before.empty()) copy(before, latents_.row_range(0, before.rows()));
}

int64_t Trajectory::steps_done() const {
  return std::accumulate(block_steps_.begin(),
                         block_steps_.begin() + static_cast<ptrdiff_t>(block_), step_);
}

int64_t Trajectory::steps_total() const {
  return std::accumulate(block_steps_.begin(), block_steps_.end(), int64_t{0});
}

void Trajectory::extend(int64_t frames) {
  block_sizes_.push_back(frames);
  block_steps_.push_back(parameters_.num_steps);
  resize();
  begin_block();
}

void Trajectory::begin_block() {
  step_ = 0;
  times_ = time_schedule(num_steps());
  solver_.begin();
  // The prefix goes first: its last patch may reach into this block, where it must still be zero.
  prefix_ = {};
  if (start_pos_ > 0) {
    const int64_t patch = session_.dit().patch();
    const int64_t rows = (start_pos_ + patch - 1) / patch * patch;
    prefix_ = session_.encode_latent_prefix(latents_.row_range(0, rows));
  }
  const int64_t rows = block_sizes_[block_];
  x_ = latents_.row_range(start_pos_, rows);
  std::vector<float> noise = noise_(rows * x_.cols());
  if (parameters_.truncation_factor) {
    const auto factor = static_cast<float>(*parameters_.truncation_factor);
    for (float& value : noise) value *= factor;
  }
  x_.backend().upload(noise.data(), x_);
  // As published, the scale is multiplied in at the start of every block and divided out where its
  // limit is crossed: it compounds over blocks that never cross it.
  if (parameters_.speaker_kv_scale) {
    speaker_scale_ *= static_cast<float>(*parameters_.speaker_kv_scale);
  }
}

std::vector<DitSequence> Trajectory::sequences() const {
  DitSequence conditional;
  conditional.rows = x_.rows();
  conditional.start_pos = start_pos_;
  conditional.text = conditions_.text.get();
  conditional.speaker = conditions_.speaker.get();
  conditional.latent = start_pos_ > 0 ? &prefix_ : nullptr;
  conditional.speaker_scale = speaker_scale_;
  if (parameters_.speaker_kv_max_layers) {
    conditional.speaker_scaled_layers = *parameters_.speaker_kv_max_layers;
  }
  std::vector<DitSequence> sequences = {conditional};
  if (solver_.needs_guidance(times_[step_])) {
    if (parameters_.cfg_scale_text != 0) {
      sequences.push_back(conditional);
      sequences.back().text = nullptr;
    }
    if (parameters_.cfg_scale_speaker != 0 && conditions_.speaker) {
      sequences.push_back(conditional);
      sequences.back().speaker = nullptr;
    }
  }
  return sequences;
}

void Trajectory::apply(const Tensor& v) {
  const float t = times_[step_], t_next = times_[step_ + 1];
  const std::vector<DitSequence> order = sequences();
  Tensor v_text, v_speaker;
  for (size_t sequence = 1; sequence < order.size(); ++sequence) {
    (order[sequence].text ? v_speaker : v_text) =
        v.row_range(static_cast<int64_t>(sequence) * x_.rows(), x_.rows());
  }
  if (!solver_.apply(x_, v.row_range(0, x_.rows()), v_text, v_speaker, t, t_next)) return;

  if (ends_speaker_scale(t, t_next, parameters_)) {
    speaker_scale_ /= static_cast<float>(*parameters_.speaker_kv_scale);
    solver_.break_off();
  }
  if (++step_ < num_steps()) return;
  step_ = 0;
  start_pos_ += block_sizes_[block_++];
  if (!finished()) begin_block();
}

Tensor velocities(DitSession& session, ModulationCache& modulations,
                  std::span<Trajectory* const> batch) {
  std::vector<DitSequence> sequences;
  std::vector<Tensor> x, rows;
  bool same_row = true;
  for (const Trajectory* trajectory : batch) {
    const Tensor row = modulations.row(trajectory->num_steps(), trajectory->schedule_step());
    for (const DitSequence& sequence : trajectory->sequences()) {
      sequences.push_back(sequence);
      x.push_back(trajectory->x());
      rows.push_back(row);
      same_row = same_row && row.data() == rows[0].data();
    }
  }
  return session.forward(stack(x), same_row ? rows[0] : stack(rows), sequences);
}

Tensor sample(DitSession& session, ModulationCache& modulations, Trajectory& trajectory) {
  Trajectory* const batch[] = {&trajectory};
  while (!trajectory.finished()) trajectory.apply(velocities(session, modulations, batch));
  return trajectory.latent();
}

}  // namespace echo
