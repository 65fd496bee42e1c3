// How long a worker needs from its process's start until it is ready, in processes of their own.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint/model_files.h"

namespace echo::bench {

struct ColdStartOptions {
  std::string program;                 // echo-tts
  std::vector<std::string> arguments;  // for its worker: --model DIR, --precision ...
  ModelFiles files;                    // the same model's
  int repetitions = 3;                 // the fastest counts
};

struct ColdStartRun {
  std::vector<std::pair<std::string, double>> stages;  // in their order; they add up to `seconds`
  double seconds = 0;
  uint64_t cached_bytes = 0;  // of the files, before the start
  uint64_t disk_bytes = 0;    // that the worker had the system fetch from the disk
  uint64_t read_bytes = 0;    // of the files that loading needed
};

struct ColdStartResult {
  uint64_t file_bytes = 0;
  ColdStartRun warm, cold;  // the page cache before the start
  std::string table() const;
};

// Errors: kUnavailable when a worker fails, with the end of what it said.
ColdStartResult run_cold_start_bench(const ColdStartOptions& options,
                                     const std::function<void(const std::string&)>& progress);

}  // namespace echo::bench
