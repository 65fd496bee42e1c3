#include "apps/device_check/request_soak.h"

#include "apps/device_check/check_device.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <random>
#include <vector>

#include "engine/engine.h"

namespace echo::device_check {
namespace {

constexpr int64_t kKinds = 12;  // of requests that are made again

// The request of a number: the same for the same number.
SpeechRequest random_request(uint64_t number) {
  std::mt19937_64 random(number);
  const auto between = [&](int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random() % static_cast<uint64_t>(high - low + 1));
  };
  SpeechRequest request;
  for (int64_t words = between(1, 40); words > 0; --words) {
    for (int64_t letters = between(1, 9); letters > 0; --letters) {
      request.text += static_cast<char>(between('a', 'z'));
    }
    request.text += words > 1 ? " " : ".";
  }
  if (between(0, 3) > 0) {
    std::vector<float> voice(static_cast<size_t>(between(2000, 200000)));
    std::normal_distribution<float> normal(0, 0.1f);
    for (float& sample : voice) sample = std::clamp(normal(random), -1.0f, 1.0f);
    request.voice = voice_of_samples(std::move(voice));
  }
  SpeechParameters& parameters = request.parameters;
  parameters.seed = random();
  parameters.num_steps = between(1, 8);
  parameters.sequence_length = between(1, 640);
  if (between(0, 3) == 0) parameters.cfg_scale_text = 0;
  if (between(0, 3) == 0) parameters.cfg_scale_speaker = 0;
  return request;
}

}  // namespace

SoakResult run_soak(const SoakOptions& options,
                    const std::function<void(const std::string&)>& progress) {
  EngineOptions engine_options;
  engine_options.files = find_model_files(options.model);
  engine_options.device = check_device();
  engine_options.precision = options.precision;
  engine_options.voice_cache_bytes = 0;  // voices are encoded again and again
  const auto engine = Engine::load(engine_options);

  SoakResult result;
  std::map<uint64_t, std::vector<float>> first;
  const auto repeat = [&](uint64_t number) {
    std::vector<float> samples = engine->speak(random_request(options.seed + number)).samples;
    ++result.requests;
    const auto [found, added] = first.try_emplace(number, samples);
    if (added) return;
    ++result.repeated;
    result.different += found->second != samples;
  };
  for (uint64_t kind = 0; kind < kKinds; ++kind) repeat(kind);
  uint64_t number = kKinds;
  while (result.requests < options.requests) {
    std::vector<SpeechStream> streams;
    for (int64_t i = 0; i < options.at_once; ++i) {
      streams.push_back(engine->start(random_request(options.seed + number++)));
    }
    for (SpeechStream& stream : streams) stream.finish();
    result.requests += options.at_once;
    repeat(number % kKinds);
    if (result.requests <= options.requests / 5) {
      result.held_early = static_cast<double>(engine->status().memory.held);
    }
    progress(std::to_string(result.requests) + " requests");
  }
  result.held_at_end = static_cast<double>(engine->status().memory.held);
  return result;
}

std::string SoakResult::text() const {
  char line[256];
  std::snprintf(line, sizeof line,
                "%lld requests, %lld made again, %lld of them came out otherwise; device memory "
                "held %.1f MB after a fifth, %.1f MB at the end: %s\n",
                static_cast<long long>(requests), static_cast<long long>(repeated),
                static_cast<long long>(different), held_early / 1e6, held_at_end / 1e6,
                passed() ? "passed" : "FAILED");
  return line;
}

}  // namespace echo::device_check
