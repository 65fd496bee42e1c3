#include "engine/sampler_parameters.h"

#include <array>
#include <string>

#include "base/error.h"

namespace echo {
namespace {

// Steps, solver and the guidance window are the same in all.
constexpr int64_t kPresetSteps = 40;
constexpr double kPresetMinT = 0.5;
constexpr double kPresetMaxT = 1;

constexpr std::array<SamplerPreset, 6> kPresets = {{
    {"Independent-High-Speaker-CFG", 3, 8, 1, 1, 3},
    {"Independent-High-Speaker-CFG-Flat", 3, 8, 0.8, 1.2, 3},
    {"Independent-High-CFG", 8, 8, 1, 1, 3},
    {"Independent-High-CFG-Flat", 8, 8, 0.8, 1.2, 3},
    {"Independent-Low-CFG", 3, 3, 1, 1, 3},
    {"Independent-Low-CFG-Flat", 3, 3, 0.8, 1.2, 3},
}};

}  // namespace

std::span<const SamplerPreset> sampler_presets() { return kPresets; }

void apply_preset(std::string_view name, SamplerParameters& parameters) {
  std::string names;
  for (const SamplerPreset& preset : kPresets) {
    if (preset.name == name) {
      parameters.num_steps = kPresetSteps;
      parameters.solver = Solver::kEuler;
      parameters.cfg_interval = 1;
      parameters.cfg_scale_text = preset.cfg_scale_text;
      parameters.cfg_scale_speaker = preset.cfg_scale_speaker;
      parameters.cfg_min_t = kPresetMinT;
      parameters.cfg_max_t = kPresetMaxT;
      parameters.truncation_factor = preset.truncation_factor;
      parameters.rescale_k = preset.rescale_k;
      parameters.rescale_sigma = preset.rescale_sigma;
      return;
    }
    names += (names.empty() ? "" : ", ") + std::string(preset.name);
  }
  throw_invalid("preset: there is none of this name, expected one of " + names);
}

}  // namespace echo
