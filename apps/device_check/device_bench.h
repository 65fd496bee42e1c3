// Speed and memory of the whole model on a GPU.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/precision.h"

namespace echo::device_check {

struct BenchOptions {
  std::filesystem::path model;  // as `--model` everywhere
  Precision precision = Precision::kAuto;
  Precision codec_precision = Precision::kBFloat16;
  int64_t wide_blocks = 4;
  std::string algorithm_folder;
  int repetitions = 5;
  int64_t frames = 640;
  int64_t text_tokens = 122;
  double voice_seconds = 10;
  int64_t num_steps = 40;
  int64_t requests_at_once = 8;
};

// One line of the table. Times are medians over the repetitions.
struct Measurement {
  std::string name;
  double seconds = 0, fastest = 0;
  double aim = 0;    // seconds on an H100 at full sizes; 0: none
  double flops = 0;  // of products and attention; 0: not counted
};

// One operation of a stage beside the time that it would take at the device's own rates.
struct RooflineLine {
  std::string stage, operation;
  int64_t calls = 0;
  double seconds = 0, share = 0;  // of the stage's operations
  double flops = 0, bytes = 0;    // that must at least be done and moved
  double attainable = 0;          // seconds: the larger of both at the measured rates
};

struct BenchResult {
  std::string device, precision;
  double matmul_flops = 0;  // per second: bfloat16 products of 8192 x 8192, this run
  double copy_bytes = 0;    // per second, read and written, this run
  double load_seconds = 0;  // files in the page cache to ready
  double weights_bytes = 0, most_bytes = 0;
  double throughput_gain = 0;  // of requests at once over one at a time
  std::vector<Measurement> measurements;
  std::vector<RooflineLine> roofline;

  std::string table() const;
  nlohmann::json json() const;
};

// Measures with the checkpoint in options.model. Errors: as loading it, and as make_device.
// `progress` is told what is being measured.
BenchResult run_bench(const BenchOptions& options,
                      const std::function<void(const std::string&)>& progress);

}  // namespace echo::device_check
