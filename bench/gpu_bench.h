// Speed and memory of the whole model on a GPU.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/device.h"
#include "engine/precision.h"

namespace echo::bench {

struct GpuBenchOptions {
  std::filesystem::path model;  // as `--model` everywhere
  DeviceOptions device;         // a GPU
  Precision precision = Precision::kAuto;
  Precision codec_precision = Precision::kAuto;
  int64_t wide_blocks = 4;
  int repetitions = 5;
  int warm_ups = 3;  // before them: algorithms are chosen, work is recorded
  int64_t frames = 640;
  int64_t text_tokens = 122;
  double voice_seconds = 10;
  int64_t num_steps = 40;  // of a request, and of each block of one that is spoken in blocks
  int64_t requests_at_once = 8;
  std::vector<int64_t> first_blocks = {32, 128, 480};  // for the time to the first audio
  bool requests = true, stages = true;                 // which parts
  int64_t rate_side = 8192;  // of the matrices that the rates are taken of
};

// One line of the table. Times are medians over the repetitions.
struct Measurement {
  std::string name;
  double seconds = 0, fastest = 0;
  double flops = 0;  // of matmuls and attention; 0: not counted
};

// One operation of a stage beside the time that it would take at the device's own rates.
struct RooflineLine {
  std::string stage, operation;
  int64_t calls = 0;
  double seconds = 0, share = 0;  // of the stage's operations
  double flops = 0, bytes = 0;    // that must at least be done and moved
  double attainable = 0;          // seconds: the larger of both at the measured rates
};

// What is to be reached on an H100 with the full-size model, beside what was.
struct Aim {
  std::string name, unit;  // "ms", "s", "GB", "x"
  double reached = 0, aim = 0;
  bool at_least = false;  // else: at most
  bool met() const { return at_least ? reached >= aim : reached <= aim; }
};

struct GpuBenchResult {
  std::string device, precision, codec_precision;
  double matmul_flops = 0;  // per second: large bfloat16 matmuls, this run
  double copy_bytes = 0;    // per second, read and written, this run
  double load_seconds = 0;  // files in the page cache to ready
  double weights_bytes = 0;
  double most_bytes = 0;          // with one request
  double throughput_gain = 0;     // of requests at once over one at a time
  double first_audio_length = 0;  // seconds of speech that the first samples are
  std::vector<Measurement> measurements;
  std::vector<RooflineLine> roofline;
  std::vector<Aim> aims;
  std::vector<std::string> problems;  // what ended a part; what it had measured is here

  // Ends in the aims: a line "aims, PRECISION" and a line for each.
  std::string table() const;
  nlohmann::json json() const;
};

// Measures with the checkpoint in options.model: whole requests through an engine, then the models
// by themselves in the precision that the engine took. What ends a part is a problem of the result,
// and the other part is tried. Errors, when nothing could be measured: as loading the model, and as
// make_device. `progress` is told what is being measured, and each time as it is known.
GpuBenchResult run_gpu_bench(const GpuBenchOptions& options,
                             const std::function<void(const std::string&)>& progress);

}  // namespace echo::bench
