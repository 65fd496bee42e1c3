// Many requests in a row: does memory stay, and does the same request give the same speech?
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "engine/precision.h"

namespace echo::device_check {

struct SoakOptions {
  std::filesystem::path model;
  Precision precision = Precision::kAuto;
  int64_t requests = 500;
  int64_t at_once = 4;
  uint64_t seed = 1;
};

struct SoakResult {
  int64_t requests = 0;
  int64_t repeated = 0, different = 0;  // requests made again, and those that came out otherwise
  double held_early = 0,
         held_at_end = 0;  // bytes of the device's memory, after a fifth and at the end
  bool passed() const { return different == 0 && held_at_end <= held_early; }
  std::string text() const;
};

// Requests of random lengths, texts, voices and parameters, some at once; now and then one by
// itself that was made before. Errors: of any request.
SoakResult run_soak(const SoakOptions& options,
                    const std::function<void(const std::string&)>& progress);

}  // namespace echo::device_check
