// What the parts of the GPU's bench share.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bench/gpu_bench.h"

namespace echo::bench {

using Progress = std::function<void(const std::string&)>;

// Of at least one repetition.
Measurement measurement_of(const std::string& name, std::vector<double> seconds);

// "NAME: 1.23 ms", for the progress.
std::string told(const Measurement& measured);

// n values of a normal distribution within four deviations, the same in every run.
std::vector<float> normal_noise(int64_t n, float scale = 1);

// A recording of options.voice_seconds.
std::vector<float> voice_samples(const GpuBenchOptions& options);

// The engine's part of the result: loading, memory, requests one by one and at once, first audio.
void measure_requests(const GpuBenchOptions& options, const Progress& progress,
                      GpuBenchResult& result);

// The device's rates and the models by themselves, in result.precision and result.codec_precision.
void measure_stages(const GpuBenchOptions& options, const Progress& progress,
                    GpuBenchResult& result);

}  // namespace echo::bench
