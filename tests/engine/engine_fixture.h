// The recorded tiny model behind an Engine.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cpu/cpu_backend.h"
#include "devices/devices.h"
#include "engine/engine.h"
#include "support/golden.h"
#include "support/shared_by_tests.h"

namespace echo {

// ThreadSanitizer does not see the barriers of libgomp and takes every parallel loop for a race, so
// under it the tests of this folder, which are about other threads, leave the kernels on one.
#ifdef __SANITIZE_THREAD__
inline constexpr int kKernelThreads = 1;
#else
inline constexpr int kKernelThreads = 2;
#endif

inline std::unique_ptr<Backend> test_backend() {
  cpu::CpuOptions options;
  options.threads = kKernelThreads;
  return cpu::make_cpu_backend(options);
}

inline ModelFiles tiny_files() {
  const std::filesystem::path folder = golden("tiny").folder();
  return {folder / "dit.safetensors", folder / "dac.safetensors", folder / "pca_state.safetensors"};
}

inline EngineOptions tiny_options() {
  EngineOptions options;
  options.files = tiny_files();
  options.device.kinds = {cpu_device()};
  options.device.threads = kKernelThreads;
  options.noise = NoiseKind::kCpu;
  options.speaker_chunk_frames = 32768 / 2048;
  return options;
}

// For the tests that do not need an engine of their own.
inline Engine& tiny_engine() {
  return shared_by_tests([] { return Engine::load(tiny_options()); });
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
