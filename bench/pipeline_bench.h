// Speed and memory of the whole pipeline on a real checkpoint.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tensor/dtype.h"

namespace echo::bench {

struct PipelineBenchOptions {
  std::filesystem::path model;     // as `--model` everywhere
  std::optional<DType> precision;  // of the matrices; absent: as the checkpoint
  std::optional<DType> codec_precision;
  int threads = 0;       // 0: all
  int repetitions = 3;   // the fastest counts: other work on the machine only adds
  int64_t frames = 640;  // of a step
  int64_t text_tokens = 122;
  double voice_seconds = 10;
};

// One line of the table.
struct BenchRow {
  std::string stage;
  double seconds = 0;
  double gflops = 0;        // achieved in matrix products, 0 where there are none to count
  double matmul_share = 0;  // of the stage's time spent inside matrix products (and convolutions)
  double to_bare = 0;       // stage time / time of the same matrix products alone, 0: not measured
};

struct PipelineBenchResult {
  std::vector<BenchRow> rows;
  std::string profile;       // time by operation in a guided step and in a decode
  double matmul_gflops = 0;  // raw rate of the step's own shapes, this run
  double load_seconds = 0;
  double weights_gb = 0;
  double peak_memory_gb = 0;
  std::string machine;
  std::string table() const;
};

// Measures with the checkpoint in options.model. Errors: as loading it. `progress` is told what is
// being measured.
PipelineBenchResult run_pipeline_bench(const PipelineBenchOptions& options,
                                       const std::function<void(const std::string&)>& progress);

}  // namespace echo::bench
