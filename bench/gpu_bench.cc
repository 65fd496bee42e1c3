#include "bench/gpu_bench.h"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <random>

#include "audio/voice.h"
#include "bench/gpu_measurement.h"
#include "checkpoint/model_files.h"

namespace echo::bench {

Measurement measurement_of(const std::string& name, std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  Measurement result;
  result.name = name;
  result.seconds = seconds[seconds.size() / 2];
  result.fastest = seconds.front();
  return result;
}

std::string told(const Measurement& measured) {
  char text[128];
  std::snprintf(text, sizeof text, "%s: %.2f ms", measured.name.c_str(), measured.seconds * 1e3);
  return text;
}

std::vector<float> normal_noise(int64_t n, float scale) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal(0, scale);
  std::vector<float> values(static_cast<size_t>(n));
  for (float& value : values) value = std::clamp(normal(random), -4.0f, 4.0f);
  return values;
}

std::vector<float> voice_samples(const GpuBenchOptions& options) {
  return normal_noise(static_cast<int64_t>(options.voice_seconds * kModelRate), 0.1f);
}

GpuBenchResult run_gpu_bench(const GpuBenchOptions& options, const Progress& progress) {
  find_model_files(options.model);  // before anything is measured
  GpuBenchResult result;
  std::exception_ptr first;
  const auto part = [&](const char* name, const auto& measure) {
    try {
      measure(options, progress, result);
    } catch (const std::exception& error) {
      if (!first) first = std::current_exception();
      result.problems.push_back(std::string(name) + ": " + error.what());
      progress(result.problems.back());
    }
  };
  if (options.requests) part("requests", measure_requests);
  if (options.stages) part("stages", measure_stages);
  if (first && result.measurements.empty()) std::rethrow_exception(first);
  return result;
}

}  // namespace echo::bench
