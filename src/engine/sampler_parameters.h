// What a caller may ask of the sampler, with the values of a request that asks for nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "checkpoint/limits.h"

namespace echo {

inline constexpr int64_t kMaxFrames = kMaxLatentFrames;  // of one generation

inline constexpr int64_t kAutoFrames = 0;  // a window as long as the text needs

// How a step is computed from velocities; the formulas stand in solver.h.
enum class Solver { kEuler, kAb2, kHeun };

// Ranges and meanings stand in the table of speech_parameters.h.
struct SamplerParameters {
  int64_t num_steps = 40;
  Solver solver = Solver::kEuler;
  int64_t cfg_interval = 1;
  double cfg_scale_text = 3;
  double cfg_scale_speaker = 8;
  double cfg_min_t = 0.5;
  double cfg_max_t = 1;
  std::optional<double> truncation_factor;
  std::optional<double> rescale_k;
  std::optional<double> rescale_sigma;
  std::optional<double> speaker_kv_scale;
  std::optional<int64_t> speaker_kv_max_layers;
  std::optional<double> speaker_kv_min_t;
  int64_t sequence_length = kMaxFrames;  // kAutoFrames: the engine decides
  std::vector<int64_t> block_sizes;      // empty: one block of sequence_length frames
  std::vector<int64_t> block_steps;      // of each of block_sizes; empty: num_steps
  uint64_t seed = 0;
};

// Settings published with the model's demonstration.
struct SamplerPreset {
  std::string_view name;
  double cfg_scale_text, cfg_scale_speaker;
  double truncation_factor, rescale_k, rescale_sigma;
};

std::span<const SamplerPreset> sampler_presets();

// Sets what the preset says and leaves the rest. Throws kInvalidArgument for an unknown name.
void apply_preset(std::string_view name, SamplerParameters& parameters);

}  // namespace echo
