// How near this program comes to recorded runs of the published code, stage by stage.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "parity/golden_set.h"

namespace echo::parity {

// One row of the table: a stage of the pipeline in one precision.
struct StageResult {
  std::string stage;
  int64_t cases = 0;
  int64_t failures = 0;
  // The case that comes nearest to its limit, or passes it farthest.
  std::string worst_case;
  double worst = 0;  // relative L2, unless the stage says otherwise
  double limit = 0;  // 0: must be equal
  bool passed() const { return failures == 0 && cases > 0; }
};

// The largest |computed - expected|. Infinity when sizes differ or a value is not finite.
double largest_difference(std::span<const float> computed, std::span<const float> expected);

// Collects comparisons into rows. Rows keep the order of their first case.
class Report {
 public:
  // float32_multiple: how many times its noise floor a float32 result may be away.
  explicit Report(double float32_multiple = kFloat32Multiple)
      : float32_multiple_(float32_multiple) {}
  double float32_multiple() const { return float32_multiple_; }

  // `computed` against a recorded tensor, see GoldenSet::compare.
  void compare(std::string_view stage, const GoldenSet& set, std::string_view tensor,
               std::span<const float> computed);
  void compare_bfloat16(std::string_view stage, const GoldenSet& set, std::string_view tensor,
                        std::span<const float> computed);
  // A difference measured in another way.
  void add(std::string_view stage, std::string_view name, const GoldenDifference& difference);
  // A case that is right or wrong.
  void add(std::string_view stage, std::string_view name, bool equal);
  // A case that could not be compared: it counts as wrong.
  void fail(std::string_view stage, std::string_view name, std::string_view reason);
  // Runs one or more cases. What they throw becomes a failure of `name`.
  void attempt(std::string_view stage, std::string_view name, const std::function<void()>& cases);
  // A recorded value that the comparison of others relies on.
  void use(std::string_view name) { names_.emplace(name); }
  // A recorded case that is not compared, and why.
  void leave_out(std::string_view name, std::string_view reason);

  const std::vector<StageResult>& stages() const { return stages_; }
  struct Note {
    std::string name, reason;
  };
  const std::vector<Note>& left_out() const { return left_out_; }
  // Cases outside their limits, "stage: case", with what was found.
  const std::vector<Note>& failures() const { return failures_; }
  // Whether a case of this name was compared, failed, or was used.
  bool has(std::string_view name) const { return names_.contains(name); }
  int64_t cases() const;

  bool passed() const;
  // "stage  cases  worst  limit  verdict", with the failures and the cases left out below.
  std::string table() const;

 private:
  StageResult& row(std::string_view stage);

  double float32_multiple_;
  std::vector<StageResult> stages_;
  std::vector<Note> failures_, left_out_;
  std::set<std::string, std::less<>> names_;
};

}  // namespace echo::parity
