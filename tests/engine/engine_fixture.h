// The recorded tiny model behind an Engine.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "support/golden.h"

namespace echo {

inline ModelFiles tiny_files() {
  const std::filesystem::path folder = golden("tiny").folder();
  return {folder / "dit.safetensors", folder / "dac.safetensors", folder / "pca_state.safetensors"};
}

inline EngineOptions tiny_options() {
  EngineOptions options;
  options.files = tiny_files();
  options.noise = NoiseKind::kCpu;
  options.speaker_latent.chunk_frames = 32768 / 2048;
  return options;
}

inline VoiceReference recorded_voice(const std::string& name) {
  return voice_of_samples(golden("tiny").floats("speaker_latent/audio." + name));
}

// A short sentence, few steps, few frames.
inline SpeechRequest short_request(uint64_t seed) {
  SpeechRequest request;
  request.text = "Hello there, this is a short test.";
  request.parameters.num_steps = 3;
  request.parameters.sequence_length = 6;
  request.parameters.seed = seed;
  return request;
}

}  // namespace echo
