// How near this program comes to recorded runs of the published code, stage by stage.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nn/golden_set.h"

namespace echo::parity {

// One row of the table: a stage of the pipeline in one precision.
struct StageResult {
  std::string stage;
  int64_t cases = 0;
  int64_t failures = 0;
  // The case that comes nearest to its limit, or passes it farthest.
  std::string worst_case;
  double worst = 0;  // relative L2, unless the stage says otherwise
  double limit = 0;
  bool passed() const { return failures == 0 && cases > 0; }
};

// Collects comparisons into rows. Rows keep the order of their first case.
class Report {
 public:
  // `computed` against a recorded tensor, see GoldenSet::compare.
  void compare(std::string_view stage, const GoldenSet& set, std::string_view tensor,
               std::span<const float> computed);
  void compare_bfloat16(std::string_view stage, const GoldenSet& set, std::string_view tensor,
                        std::span<const float> computed);
  // A difference measured in another way.
  void add(std::string_view stage, std::string_view name, const GoldenDifference& difference);
  // A case that is right or wrong.
  void add(std::string_view stage, std::string_view name, bool equal);
  // A recorded case that is not compared, and why.
  void leave_out(std::string_view name, std::string_view reason);

  const std::vector<StageResult>& stages() const { return stages_; }
  struct LeftOut {
    std::string name, reason;
  };
  const std::vector<LeftOut>& left_out() const { return left_out_; }
  bool passed() const;
  // "stage  cases  worst  limit  verdict", with the cases left out below.
  std::string table() const;

 private:
  std::vector<StageResult> stages_;
  std::vector<LeftOut> left_out_;
};

}  // namespace echo::parity
