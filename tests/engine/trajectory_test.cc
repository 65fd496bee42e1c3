#include "engine/trajectory.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "engine/engine_fixture.h"
#include "engine/noise.h"
#include "engine/schedule.h"
#include "nn/weights.h"
#include "support/golden.h"

namespace echo {
namespace {

NoiseSource noise_of(uint64_t seed) {
  return [generator = NoiseGenerator(NoiseKind::kCuda, seed)](int64_t n) mutable {
    return generator.draw(n);
  };
}

class TrajectoryTest : public ::testing::Test {
 protected:
  std::shared_ptr<const KeyValueCache> text(int32_t tokens) const {
    std::vector<int32_t> ids = {0};
    for (int32_t i = 1; i < tokens; ++i) ids.push_back('a' + i % 26);
    return std::make_shared<KeyValueCache>(dit_.encode_text(ids));
  }

  Tensor latent(int64_t frames) const {
    const std::vector<float> values = noise_of(99)(frames * 80);
    return from_host(*backend_, values, frames, 80);
  }

  std::shared_ptr<const KeyValueCache> speaker(int64_t frames) const {
    return std::make_shared<KeyValueCache>(dit_.encode_speaker(latent(frames), frames));
  }

  SamplerParameters parameters(int64_t steps, int64_t frames) const {
    SamplerParameters p;
    p.num_steps = steps;
    p.sequence_length = frames;
    return p;
  }

  // Sequences of every step, run to the end.
  std::vector<size_t> sequence_counts(const SamplerParameters& p, const Conditions& conditions) {
    Trajectory trajectory(session_, p, noise_of(0), conditions);
    std::vector<size_t> counts;
    Trajectory* const batch[] = {&trajectory};
    while (!trajectory.finished()) {
      counts.push_back(trajectory.sequences().size());
      trajectory.apply(velocities(session_, modulations_, batch));
    }
    return counts;
  }

  std::unique_ptr<Backend> backend_ = test_backend();
  EchoDit dit_{{*backend_, DType::kFloat32}, Weights(golden("tiny").file("dit")), true};
  DitSession session_{dit_};
  ModulationCache modulations_{dit_, false};
};

TEST_F(TrajectoryTest, HasThreeSequencesInsideTheGuidanceWindowAndOneOutside) {
  EXPECT_EQ(sequence_counts(parameters(4, 8), {text(9), speaker(16), {}}),
            (std::vector<size_t>{3, 3, 1, 1}));  // 0.999 0.749 0.4995 0.25
}

TEST_F(TrajectoryTest, HasNoSpeakerSequenceWithoutAVoice) {
  EXPECT_EQ(sequence_counts(parameters(4, 8), {text(9), nullptr, {}}),
            (std::vector<size_t>{2, 2, 1, 1}));
}

TEST_F(TrajectoryTest, HasNoSequenceForAScaleOfZero) {
  SamplerParameters p = parameters(2, 8);
  p.cfg_min_t = 0;
  p.cfg_scale_text = 0;
  EXPECT_EQ(sequence_counts(p, {text(9), speaker(16), {}}), (std::vector<size_t>{2, 2}));
  p.cfg_scale_speaker = 0;
  EXPECT_EQ(sequence_counts(p, {text(9), speaker(16), {}}), (std::vector<size_t>{1, 1}));
}

TEST_F(TrajectoryTest, HasGuidanceInEveryNthEvaluation) {
  SamplerParameters p = parameters(8, 8);
  p.cfg_interval = 3;
  EXPECT_EQ(sequence_counts(p, {text(9), speaker(16), {}}),
            (std::vector<size_t>{3, 1, 1, 3, 1, 1, 1, 1}));  // guided down to 0.6244
  p.block_sizes = {8, 8};
  p.num_steps = 4;
  EXPECT_EQ(sequence_counts(p, {text(9), speaker(16), {}}),
            (std::vector<size_t>{3, 1, 1, 1, 3, 1, 1, 1}));
}

TEST_F(TrajectoryTest, EachBlockHasItsSteps) {
  SamplerParameters p = parameters(3, 8);
  p.block_sizes = {8, 12};
  p.block_steps = {2, 4};
  Trajectory trajectory(session_, p, noise_of(0), {text(9), nullptr, {}});
  EXPECT_EQ(trajectory.steps_total(), 6);
  Trajectory* const batch[] = {&trajectory};
  for (int64_t step = 0; step < 2; ++step) {
    EXPECT_EQ(trajectory.num_steps(), 2);
    EXPECT_EQ(trajectory.steps_done(), step);
    trajectory.apply(velocities(session_, modulations_, batch));
  }
  EXPECT_EQ(trajectory.num_steps(), 4);
  EXPECT_EQ(trajectory.steps_done(), 2);
  const std::vector<float> first = trajectory.latent().row_range(0, 8).to_host();
  while (!trajectory.finished()) trajectory.apply(velocities(session_, modulations_, batch));
  EXPECT_EQ(trajectory.steps_done(), 6);
  Trajectory alone(session_, parameters(2, 8), noise_of(0), {text(9), nullptr, {}});
  EXPECT_EQ(first, sample(session_, modulations_, alone).to_host());
}

TEST_F(TrajectoryTest, HeunEvaluatesTwiceButInTheLastStep) {
  SamplerParameters p = parameters(4, 8);
  p.solver = Solver::kHeun;
  EXPECT_EQ(sequence_counts(p, {text(9), speaker(16), {}}),
            (std::vector<size_t>{3, 3, 3, 3, 1, 1, 1}));
  Trajectory trajectory(session_, p, noise_of(0), {text(9), speaker(16), {}});
  Trajectory* const batch[] = {&trajectory};
  std::vector<int64_t> times, steps;
  while (!trajectory.finished()) {
    times.push_back(trajectory.schedule_step());
    trajectory.apply(velocities(session_, modulations_, batch));
    steps.push_back(trajectory.steps_done());
  }
  EXPECT_EQ(times, (std::vector<int64_t>{0, 1, 1, 2, 2, 3, 3}));
  EXPECT_EQ(steps, (std::vector<int64_t>{0, 1, 1, 2, 2, 3, 4}));
}

// Two steps by hand on the model's own velocities.
TEST_F(TrajectoryTest, Ab2UsesTheVelocityOfTheStepBefore) {
  SamplerParameters p = parameters(2, 8);
  p.solver = Solver::kAb2;
  p.cfg_min_t = 1;  // unguided
  Trajectory trajectory(session_, p, noise_of(0), {text(9), speaker(16), {}});
  Trajectory* const batch[] = {&trajectory};
  const std::vector<float> x = trajectory.x().to_host();
  const std::vector<float> first = velocities(session_, modulations_, batch).to_host();
  trajectory.apply(velocities(session_, modulations_, batch));
  const std::vector<float> second = velocities(session_, modulations_, batch).to_host();
  trajectory.apply(velocities(session_, modulations_, batch));
  const std::vector<float> found = trajectory.latent().to_host();
  const std::vector<float> t = time_schedule(2);
  for (size_t i = 0; i < x.size(); ++i) {
    const double expected = x[i] + (t[1] - t[0]) * double{first[i]} +
                            (t[2] - t[1]) * (1.5 * second[i] - 0.5 * first[i]);
    EXPECT_NEAR(found[i], expected, 1e-4);
  }
}

TEST_F(TrajectoryTest, OfAScaleOfZeroMasksTheRightCondition) {
  SamplerParameters p = parameters(2, 8);
  p.cfg_scale_text = 0;
  Trajectory trajectory(session_, p, noise_of(0), {text(9), speaker(16), {}});
  const std::vector<DitSequence> sequences = trajectory.sequences();
  ASSERT_EQ(sequences.size(), 2u);
  EXPECT_NE(sequences[1].text, nullptr);
  EXPECT_EQ(sequences[1].speaker, nullptr);
}

TEST_F(TrajectoryTest, CountsStepsOverAllBlocks) {
  SamplerParameters p = parameters(3, 640);
  p.block_sizes = {8, 6};
  Trajectory trajectory(session_, p, noise_of(0), {text(9), nullptr, {}});
  EXPECT_EQ(trajectory.steps_total(), 6);
  EXPECT_EQ(trajectory.steps_done(), 0);
  Trajectory* const batch[] = {&trajectory};
  for (int64_t done = 1; done <= 6; ++done) {
    EXPECT_FALSE(trajectory.finished());
    trajectory.apply(velocities(session_, modulations_, batch));
    EXPECT_EQ(trajectory.steps_done(), done);
  }
  EXPECT_TRUE(trajectory.finished());
  EXPECT_EQ(trajectory.latent().rows(), 14);
}

TEST_F(TrajectoryTest, SpeakerScaleEndsAtItsLimitAndReturnsWithTheNextBlock) {
  SamplerParameters p = parameters(4, 640);
  p.block_sizes = {4, 4};
  p.speaker_kv_scale = 1.5;
  p.speaker_kv_min_t = 0.6;
  p.speaker_kv_max_layers = 2;
  Trajectory trajectory(session_, p, noise_of(0), {text(9), speaker(16), {}});
  Trajectory* const batch[] = {&trajectory};
  std::vector<float> scales;
  while (!trajectory.finished()) {
    EXPECT_EQ(trajectory.sequences()[0].speaker_scaled_layers, 2);
    scales.push_back(trajectory.sequences()[0].speaker_scale);
    trajectory.apply(velocities(session_, modulations_, batch));
  }
  EXPECT_EQ(scales, (std::vector<float>{1.5f, 1.5f, 1, 1, 1.5f, 1.5f, 1, 1}));
}

TEST_F(TrajectoryTest, SpeakerScaleCompoundsOverBlocksThatNeverCrossItsLimit) {
  SamplerParameters p = parameters(1, 640);
  p.block_sizes = {4, 4, 4};
  p.speaker_kv_scale = 1.5;
  Trajectory trajectory(session_, p, noise_of(0), {text(9), speaker(16), {}});
  Trajectory* const batch[] = {&trajectory};
  for (const float expected : {1.5f, 2.25f, 3.375f}) {
    EXPECT_EQ(trajectory.sequences()[0].speaker_scale, expected);
    trajectory.apply(velocities(session_, modulations_, batch));
  }
}

TEST_F(TrajectoryTest, ABlockThatIsAddedIsAsIfItHadBeenAskedFor) {
  SamplerParameters p = parameters(2, 12);
  Trajectory grown(session_, p, noise_of(0), {text(9), speaker(16), {}});
  sample(session_, modulations_, grown);
  grown.extend(8);
  EXPECT_FALSE(grown.finished());
  EXPECT_EQ(grown.steps_total(), 4);
  const Tensor all = sample(session_, modulations_, grown);
  p.block_sizes = {12, 8};
  Trajectory asked(session_, p, noise_of(0), {text(9), speaker(16), {}});
  EXPECT_EQ(all.to_host(), sample(session_, modulations_, asked).to_host());
}

TEST_F(TrajectoryTest, ContinuationStandsInFrontUnchanged) {
  SamplerParameters p = parameters(2, 12);
  const Tensor before = latent(10);
  Trajectory trajectory(session_, p, noise_of(0), {text(9), nullptr, before});
  const Tensor all = sample(session_, modulations_, trajectory);
  ASSERT_EQ(all.rows(), 22);
  EXPECT_EQ(all.row_range(0, 10).to_host(), before.to_host());
}

TEST_F(TrajectoryTest, RefusesMoreFramesThanTheModelKnows) {
  SamplerParameters p = parameters(2, 639);
  EXPECT_THROW(Trajectory(session_, p, noise_of(0), {text(9), nullptr, latent(2)}), Error);
  Trajectory(session_, p, noise_of(0), {text(9), nullptr, latent(1)});
}

TEST_F(TrajectoryTest, RefusesBlocksWhenTheirWeightsAreNotLoaded) {
  const EchoDit small({*backend_, DType::kFloat32}, Weights(golden("tiny").file("dit")), false);
  DitSession session(small);
  SamplerParameters p = parameters(2, 640);
  p.block_sizes = {8};
  Trajectory(session, p, noise_of(0), {text(9), nullptr, {}});
  p.block_sizes = {8, 8};
  EXPECT_THROW(Trajectory(session, p, noise_of(0), {text(9), nullptr, {}}), Error);
}

// Different texts, lengths, steps and settings, one step each in turn.
TEST_F(TrajectoryTest, InterleavedIsBitForBitAsAlone) {
  const auto make = [&](int which) {
    SamplerParameters p = parameters(3 + which, 20 + 13 * which);
    p.cfg_scale_text = 2 + which;
    if (which == 1) p.truncation_factor = 0.8;
    if (which == 2) p.block_sizes = {9, 11};
    const auto voice = which == 1 ? nullptr : speaker(16 + 8 * which);
    return std::make_unique<Trajectory>(session_, p, noise_of(which),
                                        Conditions{text(20 + which), voice, {}});
  };
  std::vector<std::vector<float>> alone;
  for (int which = 0; which < 3; ++which) {
    ModulationCache modulations(dit_, false);
    alone.push_back(sample(session_, modulations, *make(which)).to_host());
  }
  std::vector<std::unique_ptr<Trajectory>> together;
  for (int which = 0; which < 3; ++which) together.push_back(make(which));
  for (bool moved = true; moved;) {
    moved = false;
    for (const auto& trajectory : together) {
      if (trajectory->finished()) continue;
      Trajectory* const batch[] = {trajectory.get()};
      trajectory->apply(velocities(session_, modulations_, batch));
      moved = true;
    }
  }
  for (int which = 0; which < 3; ++which) {
    EXPECT_EQ(together[which]->latent().to_host(), alone[which]) << which;
  }
}

// One forward pass for trajectories at different steps of different schedules.
TEST_F(TrajectoryTest, BatchedIsNearToAlone) {
  const auto make = [&](int which) {
    return std::make_unique<Trajectory>(
        session_, parameters(4 + which, 16 + 5 * which), noise_of(which),
        Conditions{text(20 + which), which == 0 ? nullptr : speaker(16), {}});
  };
  std::vector<std::unique_ptr<Trajectory>> together;
  for (int which = 0; which < 3; ++which) together.push_back(make(which));
  Trajectory* first[] = {together[1].get()};
  together[1]->apply(velocities(session_, modulations_, first));
  while (!together[0]->finished()) {
    Trajectory* const batch[] = {together[0].get(), together[1].get(), together[2].get()};
    const Tensor v = velocities(session_, modulations_, batch);
    int64_t row = 0;
    for (Trajectory* trajectory : batch) {
      const auto rows =
          static_cast<int64_t>(trajectory->sequences().size()) * trajectory->x().rows();
      trajectory->apply(v.row_range(row, rows));
      row += rows;
    }
    EXPECT_EQ(row, v.rows());
  }
  const auto alone = make(0);
  EXPECT_LT(relative_l2(together[0]->latent().to_host(),
                        sample(session_, modulations_, *alone).to_host()),
            1e-4);
}

TEST_F(TrajectoryTest, ModulationRowsAreTheModelsWhateverIsKept) {
  ModulationCache small(dit_, false, 1);  // keeps one run only
  for (const auto& [steps, step] : std::vector<std::pair<int64_t, int64_t>>{
           {120, 3}, {120, 119}, {7, 6}, {120, 3}, {7, 0}, {120, 50}}) {
    const float t = time_schedule(steps)[step];
    const std::vector<float> row = dit_.modulation(std::span(&t, 1)).to_host();
    EXPECT_LT(relative_l2(small.row(steps, step).to_host(), row), 1e-6) << steps << " " << step;
    EXPECT_LT(relative_l2(modulations_.row(steps, step).to_host(), row), 1e-6);
  }
}

}  // namespace
}  // namespace echo
