// A checkpoint that recorded data describes instead of holding it.
#pragma once

#include <cstddef>
#include <memory>

#include "nn/safetensors.h"
#include "parity/golden_set.h"
#include "parity/report.h"

namespace echo::parity {

// The tensors of manifest.tensors, each with shape, offset and scale, filled by the generator that
// random_weights.h describes and rounded to bfloat16. Lives in memory: 2 bytes a weight.
class GeneratedCheckpoint {
 public:
  // Errors: kCorrupt for a manifest that does not have its form or asks for more than 8 GiB.
  GeneratedCheckpoint(const GoldenSet& set, int threads);

  const std::shared_ptr<const SafetensorsFile>& file() const { return file_; }

 private:
  std::unique_ptr<std::byte[]> bytes_;  // outlives file_
  std::shared_ptr<const SafetensorsFile> file_;
};

// The generator's known values, and of every tensor its first and last values and sums.
void check_generated_weights(const GoldenSet& set, const SafetensorsFile& file, Report& report);

}  // namespace echo::parity
