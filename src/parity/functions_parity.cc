#include "parity/functions_parity.h"

#include <algorithm>

#include "base/error.h"
#include "engine/flattening.h"
#include "engine/schedule.h"
#include "parity/recorded_inputs.h"
#include "tensor/ops.h"

namespace echo::parity {
namespace {

using nlohmann::json;

constexpr const char* kScheduleRow = "time schedules";
constexpr const char* kFlatteningRow = "flattening points";
constexpr const char* kRescaleRow = "score rescaling (largest difference)";
// At t = 0.999 the formula divides by 0.001, which makes a thousand units of rounding.
constexpr double kRescaleTolerance = 2e-4;

// What a step of length one adds: the rescaled velocity.
std::vector<float> rescaled(const json& entry, Backend& backend) {
  const auto x = entry.at("x").get<std::vector<float>>();
  const auto v = entry.at("v").get<std::vector<float>>();
  if (x.empty() || x.size() != v.size()) throw_corrupt("x and v: expected equal lengths");
  GuidedStep step;
  step.t = entry.at("t").get<float>();
  step.t_next = step.t + 1;
  step.rescale = true;
  step.rescale_k = entry.at("k").get<float>();
  step.rescale_sigma = entry.at("sigma").get<float>();
  const auto cols = static_cast<int64_t>(x.size());
  const Tensor state = from_host(backend, x, 1, cols);
  guided_step(state, from_host(backend, v, 1, cols), {}, {}, step);
  std::vector<float> moved = state.to_host();
  for (size_t i = 0; i < x.size(); ++i) moved[i] -= x[i];
  return moved;
}

}  // namespace

void check_schedules(const GoldenSet& set, Report& report) {
  for (const TensorView& tensor : set.file("schedule")->tensors()) {
    const std::string name = "schedule/" + tensor.name;
    report.attempt(kScheduleRow, name, [&] {
      const std::vector<float> recorded = tensor.to_float32();
      const auto steps = static_cast<int64_t>(recorded.size()) - 1;
      if (steps < 1) throw_corrupt(tensor.label() + ": expected at least two times");
      report.add(
          kScheduleRow, name,
          tensor.name == "t_schedule_" + std::to_string(steps) && time_schedule(steps) == recorded);
    });
  }
}

void check_flattening(const GoldenSet& set, Report& report) {
  for (const json& entry : set.manifest().at("flattening")) {
    const auto name = "flattening/" + entry.at("name").get<std::string>();
    report.attempt(kFlatteningRow, name, [&] {
      const json& arguments = entry.at("kwargs");
      FlatteningOptions options;
      options.target_value = arguments.value("target_value", options.target_value);
      options.window_size = integer_or(arguments, "window_size", 1, 10000, options.window_size);
      options.std_threshold = arguments.value("std_threshold", options.std_threshold);
      const int64_t channels = std::max<int64_t>(axis(set, name, 1), 1);
      report.add(kFlatteningRow, name,
                 flattening_point(set.floats(name), channels, options) ==
                     entry.at("result").get<int64_t>());
    });
  }
}

void check_rescaling(const GoldenSet& set, Backend& backend, Report& report) {
  const json& entries = set.manifest().at("temporal_score_rescale");
  for (size_t i = 0; i < entries.size(); ++i) {
    const json& entry = entries.at(i);
    const std::string name = "temporal_score_rescale " + std::to_string(i);
    report.attempt(kRescaleRow, name, [&] {
      report.add(
          kRescaleRow, name,
          {largest_difference(rescaled(entry, backend), entry.at("out").get<std::vector<float>>()),
           kRescaleTolerance});
    });
  }
}

}  // namespace echo::parity
