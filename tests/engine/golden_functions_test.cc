// The sampler's small functions against recorded values.
#include <gtest/gtest.h>

#include <string>

#include "engine/engine_fixture.h"
#include "engine/flattening.h"
#include "engine/schedule.h"
#include "support/golden.h"
#include "tensor/ops.h"

namespace echo {
namespace {

TEST(GoldenSchedule, EveryRecordedOneBitForBit) {
  int schedules = 0;
  for (const TensorView& tensor : golden("tiny").file("schedule")->tensors()) {
    const int64_t steps = tensor.elements() - 1;
    EXPECT_EQ(time_schedule(steps), tensor.to_float32()) << tensor.name;
    ++schedules;
  }
  EXPECT_GT(schedules, 20);
}

TEST(GoldenFlattening, EveryRecordedCase) {
  const GoldenSet& set = golden("tiny");
  for (const auto& entry : set.manifest().at("flattening")) {
    const auto name = entry.at("name").get<std::string>();
    const auto& arguments = entry.at("kwargs");
    FlatteningOptions options;
    options.target_value = arguments.value("target_value", options.target_value);
    options.window_size = arguments.value("window_size", options.window_size);
    options.std_threshold = arguments.value("std_threshold", options.std_threshold);
    EXPECT_EQ(flattening_point(set.floats("flattening/" + name), 80, options),
              entry.at("result").get<int64_t>())
        << name;
  }
}

// A step of length one, from t to t + 1, adds the rescaled velocity itself.
TEST(GoldenRescale, EveryRecordedCase) {
  const auto backend = test_backend();
  for (const auto& entry : golden("tiny").manifest().at("temporal_score_rescale")) {
    const auto x = entry.at("x").get<std::vector<float>>();
    const auto v = entry.at("v").get<std::vector<float>>();
    const auto expected = entry.at("out").get<std::vector<float>>();
    GuidedStep step;
    step.t = entry.at("t").get<float>();
    step.t_next = step.t + 1;
    step.rescale = true;
    step.rescale_k = entry.at("k").get<float>();
    step.rescale_sigma = entry.at("sigma").get<float>();
    const Tensor state = from_host(*backend, x, 1, static_cast<int64_t>(x.size()));
    guided_step(state, from_host(*backend, v, 1, static_cast<int64_t>(v.size())), {}, {}, step);
    const std::vector<float> moved = state.to_host();
    for (size_t i = 0; i < x.size(); ++i) {
      // At t = 0.999 the formula divides by 0.001, which makes a thousand units of rounding.
      EXPECT_NEAR(moved[i] - x[i], expected[i], 2e-4) << entry.dump();
    }
  }
}

}  // namespace
}  // namespace echo
