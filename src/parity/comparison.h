// One run of a model against a set, in one precision.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "models/echo_dit.h"
#include "parity/report.h"

namespace echo::parity {

enum class RunPrecision { kFloat32, kBFloat16 };

// Puts the values of one run into a report: float32 runs against float32 limits, bfloat16 runs
// against theirs in rows of their own. Refers to both.
class Comparison {
 public:
  Comparison(const GoldenSet& golden_set, Report& target,
             RunPrecision precision = RunPrecision::kFloat32)
      : set(golden_set), report(target), precision_(precision) {}

  // The same in rows of their own, "trajectories, rounded t".
  Comparison variant(std::string_view name) const {
    Comparison other(set, report, precision_);
    other.variant_ = ", " + std::string(name);
    return other;
  }

  bool bfloat16() const { return precision_ == RunPrecision::kBFloat16; }
  // The row's name: the stage, the variant, and the precision unless it is float32.
  std::string row(std::string_view stage) const;

  void compare(std::string_view stage, const std::string& tensor,
               std::span<const float> values) const;
  // Sequences that the model runs once for all, and the recording repeats, are repeated; where the
  // recording holds the first sequences only, those are compared.
  void compare(std::string_view stage, const std::string& tensor, const Tensor& value) const;
  // Runs cases; what they throw is a failure of `name`.
  void attempt(std::string_view stage, std::string_view name,
               const std::function<void()>& cases) const;

  // Compares what a model shows under `name` with the recorded tensor prefix + name, if there is
  // one.
  Probe probe(std::string_view stage, const std::string& prefix) const;
  // Keys and values of every recorded layer, prefix + "layer0.k" or, for models of one layer, "k".
  void compare_cache(std::string_view stage, const std::string& prefix,
                     const KeyValueCache& cache) const;

  const GoldenSet& set;
  Report& report;

 private:
  RunPrecision precision_;
  std::string variant_;
};

}  // namespace echo::parity
