#include "engine/block_plan.h"

#include <algorithm>

namespace echo {
namespace {

constexpr int64_t kFirstBlock = 32, kSecondBlock = 128;  // frames: 1.5 s and 6 s
constexpr int64_t kMinRest = 32;        // a smaller last block becomes part of the one before
constexpr int64_t kTellingRows = 256;   // of an evaluation that says something about a window
constexpr double kWeight = 0.1;         // of the newest evaluation in the moving average
constexpr double kPartOfAhead = 0.8;    // that a chunk may take until it is due

}  // namespace

void EvaluationPace::add(int64_t rows, double seconds) {
  if (rows < kTellingRows) return;
  const double now = seconds / static_cast<double>(rows);
  seconds_per_row_ = seconds_per_row_ ? *seconds_per_row_ + kWeight * (now - *seconds_per_row_) : now;
}

std::optional<double> predicted_seconds(const EvaluationPace& pace,
                                        const SamplerParameters& parameters, bool has_voice,
                                        int64_t frames) {
  if (!pace.seconds_per_row()) return std::nullopt;
  const int guidances = (parameters.cfg_scale_text != 0 ? 1 : 0) +
                        (parameters.cfg_scale_speaker != 0 && has_voice ? 1 : 0);
  const double guided = std::max(0.0, parameters.cfg_max_t - parameters.cfg_min_t);
  const double sequences = 1 + guidances * guided / static_cast<double>(parameters.cfg_interval);
  const double evaluations =
      static_cast<double>(parameters.num_steps) * (parameters.solver == Solver::kHeun ? 2 : 1);
  return *pace.seconds_per_row() * static_cast<double>(frames) * sequences * evaluations;
}

std::vector<int64_t> plan_blocks(const BlockQuestion& question) {
  const double patience = question.first ? question.budget : kPartOfAhead * question.ahead;
  if (question.window && *question.window <= patience) return {question.frames};
  std::vector<int64_t> blocks;
  int64_t rest = question.frames;
  if (question.first && rest >= kFirstBlock + kMinRest) {
    blocks.push_back(kFirstBlock);
    rest -= kFirstBlock;
  }
  if (rest >= kSecondBlock + kMinRest) {
    blocks.push_back(kSecondBlock);
    rest -= kSecondBlock;
  }
  blocks.push_back(rest);
  return blocks;
}

}  // namespace echo
