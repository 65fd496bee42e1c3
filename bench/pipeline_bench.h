// Speed and memory of the whole pipeline on a real checkpoint.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "bench/report.h"
#include "engine/precision.h"

namespace echo::bench {

struct PipelineBenchOptions {
  std::filesystem::path model;  // as `--model` everywhere
  Precision precision = Precision::kAuto;
  Precision codec_precision = Precision::kAuto;
  int64_t wide_blocks = 4;  // that stay as wide with int8
  int threads = 0;          // 0: all
  int repetitions = 3;      // the fastest counts: other work on the machine only adds
  // Of the process instead of the clock's: for a machine with other work, and one thread.
  bool processor_time = false;
  int64_t frames = 640;  // of a step
  int64_t text_tokens = 122;
  double voice_seconds = 10;
};

// One line of the table.
struct BenchRow {
  std::string stage;
  double seconds = 0;
  double gflops = 0;        // achieved in matmuls, 0 where there are none to count
  double matmul_share = 0;  // of the stage's time spent inside matmuls (and convolutions)
  double to_bare = 0;       // stage time / time of the same matmuls alone, 0: not measured
};

struct PipelineBenchResult {
  std::vector<BenchRow> rows;
  std::string profile;                // time by operation in a guided step and in a decode
  double matmul_gflops = 0;           // raw rate of the step's own shapes, this run
  double copy_bytes = 0;              // per second, read and written, this run
  std::vector<RooflinePoint> points;  // of a guided step and of a decode
  double load_seconds = 0;
  double weights_gb = 0;
  double peak_memory_gb = 0;
  std::string machine;
  std::string table() const;
  // The stages and the roofline.
  void add_to(Report& report) const;
};

// Measures with the checkpoint in options.model. Errors: as loading it. `progress` is told what is
// being measured.
PipelineBenchResult run_pipeline_bench(const PipelineBenchOptions& options,
                                       const std::function<void(const std::string&)>& progress);

}  // namespace echo::bench
