#include "engine/block_plan.h"

#include <gtest/gtest.h>

#include <numeric>

namespace echo {
namespace {

using Blocks = std::vector<int64_t>;

TEST(BlockPlan, AFastWindowStaysWhole) {
  EXPECT_EQ(plan_blocks({.frames = 640, .window = 0.34, .budget = 0.4}), Blocks{640});
  EXPECT_EQ(plan_blocks({.frames = 640, .window = 0.4, .budget = 0.4}), Blocks{640});
}

TEST(BlockPlan, ASlowFirstChunkBeginsSmall) {
  EXPECT_EQ(plan_blocks({.frames = 640, .window = 0.41, .budget = 0.4}), (Blocks{32, 128, 480}));
  EXPECT_EQ(plan_blocks({.frames = 640, .budget = 0.4}), (Blocks{32, 128, 480})) << "not known yet";
  EXPECT_EQ(plan_blocks({.frames = 192, .budget = 0.4}), (Blocks{32, 128, 32}));
  EXPECT_EQ(plan_blocks({.frames = 188, .budget = 0.4}), (Blocks{32, 156}));
  EXPECT_EQ(plan_blocks({.frames = 96, .budget = 0.4}), (Blocks{32, 64}));
  EXPECT_EQ(plan_blocks({.frames = 60, .budget = 0.4}), Blocks{60});
}

TEST(BlockPlan, ALaterChunkIsAWindowWhereThereIsTimeForIt) {
  EXPECT_EQ(plan_blocks({.frames = 640, .window = 8, .first = false, .ahead = 10}), Blocks{640});
  EXPECT_EQ(plan_blocks({.frames = 640, .window = 8.1, .first = false, .ahead = 10}),
            (Blocks{128, 512}));
  EXPECT_EQ(plan_blocks({.frames = 140, .window = 8, .first = false}), Blocks{140});
}

TEST(BlockPlan, BlocksHoldEveryFrame) {
  for (int64_t frames = 1; frames <= 640; ++frames) {
    for (const bool first : {true, false}) {
      const Blocks blocks = plan_blocks({.frames = frames, .first = first});
      EXPECT_EQ(std::accumulate(blocks.begin(), blocks.end(), int64_t{0}), frames);
      for (const int64_t block : blocks) EXPECT_GT(block, 0);
      // What comes after a block begins at a patch of the prefix.
      for (size_t i = 0; i + 1 < blocks.size(); ++i) EXPECT_EQ(blocks[i] % 4, 0);
    }
  }
}

TEST(EvaluationPace, FollowsLargeEvaluations) {
  EvaluationPace pace;
  SamplerParameters parameters;
  parameters.num_steps = 10;
  parameters.cfg_min_t = 0.5;
  EXPECT_FALSE(predicted_seconds(pace, parameters, false, 640));
  pace.add(96, 5);
  EXPECT_FALSE(pace.seconds_per_row()) << "a small one says little";
  pace.add(1000, 1);
  EXPECT_DOUBLE_EQ(*pace.seconds_per_row(), 0.001);
  for (int i = 0; i < 200; ++i) pace.add(1000, 2);
  EXPECT_NEAR(*pace.seconds_per_row(), 0.002, 1e-6);
  // One sequence always, that without the text for half of the time, and with a voice that too.
  const double one = 640 * 10 * *pace.seconds_per_row();
  EXPECT_NEAR(*predicted_seconds(pace, parameters, false, 640), 1.5 * one, 1e-9);
  EXPECT_NEAR(*predicted_seconds(pace, parameters, true, 640), 2 * one, 1e-9);
  parameters.solver = Solver::kHeun;
  parameters.cfg_scale_text = 0;
  EXPECT_NEAR(*predicted_seconds(pace, parameters, false, 640), 2 * one, 1e-9);
}

}  // namespace
}  // namespace echo
