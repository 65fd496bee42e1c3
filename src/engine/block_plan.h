// In which blocks a chunk is made that somebody listens to: small ones first sound early, one window
// sounds best.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/sampler_parameters.h"

namespace echo {

// How fast this process evaluates the model, from what it has done so far. Used by the device's
// thread alone.
class EvaluationPace {
 public:
  // Takes in that `rows` rows of all sequences together took so long. Evaluations of few rows say
  // little about those of a window, and are left out.
  void add(int64_t rows, double seconds);
  // Seconds a row; nothing before the first.
  std::optional<double> seconds_per_row() const { return seconds_per_row_; }

 private:
  std::optional<double> seconds_per_row_;
};

// Returns about how many seconds a window of so many frames takes; nothing when that is not known
// yet.
std::optional<double> predicted_seconds(const EvaluationPace& pace,
                                        const SamplerParameters& parameters, bool has_voice,
                                        int64_t frames);

struct BlockQuestion {
  int64_t frames = 0;                 // of the chunk
  std::optional<double> window = {};  // seconds that it takes as one window
  bool first = true;                  // nothing has been heard yet
  double budget = 0;  // seconds that a listener may wait for the first sound of one window
  double ahead = 0;   // seconds of sound that have been given out and are not due yet
};

// Returns the frames of the blocks: one, or 32, 128 and the rest of the first chunk, 128 and the
// rest of a later one. What is not known is taken to be slow.
std::vector<int64_t> plan_blocks(const BlockQuestion& question);

}  // namespace echo
