// The scheduler on a device that takes several trajectories at once, and that may break.
#include "engine/scheduler.h"

#include <gtest/gtest.h>
#include <algorithm>

#include "base/error.h"
#include "engine/engine_fixture.h"
#include "engine/forwarding_backend.h"
#include "models/pca_state.h"

namespace echo {
namespace {

// Takes four trajectories at once, counts forward passes by their guided steps' products, and fails
// or gives what is not a number when told to.
class TestBackend : public ForwardingBackend {
 public:
  TestBackend() : ForwardingBackend(test_backend()) {}
  int64_t batch_width() const override { return 4; }

  void attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionShape& shape,
                 const Lanes& lanes, std::span<const Sections> sections,
                 const Tensor& out) override {
    // The transformer's own attention is the one with sections.
    if (!sections.empty()) {
      most_lanes = std::max(most_lanes, lanes.size());
      for (const Lane& lane : lanes) {
        if (lane.rows == failing_rows) throw_internal("the device broke");
      }
    }
    ForwardingBackend::attention(q, k, v, shape, lanes, sections, out);
  }
  void guided_step(const Tensor& x, const Tensor& v, const Tensor& v_text, const Tensor& v_speaker,
                   const GuidedStep& step) override {
    ForwardingBackend::guided_step(x, v, v_text, v_speaker, step);
    if (x.rows() == poisoned_rows) {
      const float bad = NAN;
      upload(&bad, x.row_range(0, 1).column_range(0, 1));
    }
  }

  struct NumberedMark : TimeMark {
    explicit NumberedMark(int64_t n) : number(n) {}
    int64_t number;
  };
  std::shared_ptr<TimeMark> mark() override {
    most_ahead = std::max(most_ahead, marks - reached);
    return std::make_shared<NumberedMark>(++marks);
  }
  void wait(const TimeMark& mark) const override {
    reached = dynamic_cast<const NumberedMark&>(mark).number;
  }

  int64_t marks = 0, most_ahead = 0;
  mutable int64_t reached = 0;
  size_t most_lanes = 0;
  int64_t failing_rows = -1;
  int64_t poisoned_rows = -1;
};

class SchedulerTest : public ::testing::Test {
 protected:
  std::shared_ptr<SpeechTask> task(uint64_t seed, int64_t frames, int chunks = 1) {
    PreparedSpeech prepared;
    for (int i = 0; i < chunks; ++i) {
      prepared.chunks.push_back({"Hello there.", "[S1] Hello there."});
    }
    prepared.parameters.num_steps = 3;
    prepared.parameters.sequence_length = frames;
    prepared.parameters.seed = seed;
    prepared.submitted = std::chrono::steady_clock::now();
    return std::make_shared<SpeechTask>(std::move(prepared), SpeechCallbacks{});
  }

  void run_all() {
    while (scheduler_.jobs() > 0) scheduler_.pass();
  }

  std::vector<float> alone(uint64_t seed, int64_t frames, int chunks = 1) {
    const auto only = task(seed, frames, chunks);
    auto result = only->outcome();
    scheduler_.add(only);
    run_all();
    return result_of(result.get()).samples;
  }

  ErrorCode code_of(std::future<SpeechOutcome>& result) {
    try {
      result_of(result.get());
    } catch (const Error& error) {
      return error.code();
    }
    ADD_FAILURE() << "nothing was thrown";
    return ErrorCode::kUnavailable;
  }

  TestBackend backend_;
  EchoDit dit_{{backend_, DType::kFloat32}, Weights::open(tiny_files().dit), true};
  Codec codec_{{backend_, DType::kFloat32},
               Weights::open(tiny_files().codec),
               read_pca_state(Weights::open(tiny_files().pca))};
  VoiceCache voices_{1 << 20};
  VoiceStore voice_store_{"", "", 80, 0};
  SpeechModels models_{backend_, dit_, codec_, voices_, voice_store_, NoiseKind::kCuda, {}, 0};
  ModulationCache modulations_{dit_, false};
  std::stop_source stop_;
  Scheduler scheduler_{models_, modulations_, stop_.get_token()};
};

// Products of other shapes round otherwise; two steps of guidance enlarge that.
constexpr double kBatchTolerance = 2e-3;

TEST_F(SchedulerTest, AsksForOneStepWhileTheDeviceIsAtWorkOnTheLast) {
  const auto only = task(1, 20);
  auto result = only->outcome();
  scheduler_.add(only);
  run_all();
  result_of(result.get());
  EXPECT_EQ(backend_.marks, 3);  // steps
  EXPECT_EQ(backend_.reached, 2);
  EXPECT_EQ(backend_.most_ahead, 1);
}

TEST_F(SchedulerTest, ChunksOfOneRequestShareForwardPasses) {
  const std::vector<float> first = alone(1, 6);
  backend_.most_lanes = 0;
  const std::vector<float> samples = alone(1, 6, 3);
  EXPECT_EQ(backend_.most_lanes, 6u);  // three trajectories without a voice, two lanes each
  EXPECT_LT(relative_l2(std::span(samples).first(8000), std::span(first).first(8000)),
            kBatchTolerance);
}

TEST_F(SchedulerTest, RequestsShareForwardPassesAndKeepTheirResults) {
  std::vector<std::vector<float>> expected;
  for (uint64_t i = 0; i < 6; ++i) expected.push_back(alone(i, 5 + static_cast<int64_t>(i)));
  std::vector<std::future<SpeechOutcome>> results;
  backend_.most_lanes = 0;
  for (uint64_t i = 0; i < 6; ++i) {
    const auto one = task(i, 5 + static_cast<int64_t>(i));
    results.push_back(one->outcome());
    scheduler_.add(one);
  }
  run_all();
  EXPECT_EQ(backend_.most_lanes, 8u);
  for (uint64_t i = 0; i < 6; ++i) {
    EXPECT_LT(relative_l2(result_of(results[i].get()).samples, expected[i]), kBatchTolerance) << i;
  }
}

TEST_F(SchedulerTest, FreePlacesGoToTheRequestsWithFewest) {
  const auto large = task(1, 6, 9);
  const auto small = task(2, 6, 2);
  auto large_result = large->outcome(), small_result = small->outcome();
  scheduler_.add(large);
  scheduler_.pass();
  EXPECT_EQ(scheduler_.trajectories(), 4u);
  scheduler_.add(small);
  // The four that run are not stopped, but the next places are the newcomer's.
  while (small_result.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
    scheduler_.pass();
    EXPECT_LE(scheduler_.trajectories(), 4u);
  }
  EXPECT_NE(large_result.wait_for(std::chrono::seconds(0)), std::future_status::ready);
  run_all();
  EXPECT_EQ(result_of(large_result.get()).chunks.size(), 9u);
}

TEST_F(SchedulerTest, BrokenPassFailsOnlyTheRequestThatBreaksIt) {
  const std::vector<float> expected = alone(1, 6);
  backend_.failing_rows = 7;
  const auto good = task(1, 6), bad = task(2, 7), other = task(1, 6);
  auto good_result = good->outcome(), bad_result = bad->outcome(), other_result = other->outcome();
  for (const auto& each : {good, bad, other}) scheduler_.add(each);
  run_all();
  EXPECT_EQ(code_of(bad_result), ErrorCode::kInternal);
  EXPECT_LT(relative_l2(result_of(good_result.get()).samples, expected), kBatchTolerance);
  EXPECT_LT(relative_l2(result_of(other_result.get()).samples, expected), kBatchTolerance);
}

TEST_F(SchedulerTest, ValuesThatAreNotNumbersAreAnErrorNotSpeech) {
  backend_.poisoned_rows = 7;
  const auto good = task(1, 6), bad = task(2, 7);
  auto good_result = good->outcome(), bad_result = bad->outcome();
  scheduler_.add(good);
  scheduler_.add(bad);
  run_all();
  EXPECT_EQ(code_of(bad_result), ErrorCode::kInternal);
  EXPECT_FALSE(result_of(good_result.get()).samples.empty());
}

TEST_F(SchedulerTest, CancelledTaskLeavesAtTheNextPass) {
  const auto first = task(1, 6), second = task(2, 6);
  auto first_result = first->outcome(), second_result = second->outcome();
  scheduler_.add(first);
  scheduler_.add(second);
  scheduler_.pass();
  first->cancel();
  scheduler_.pass();
  EXPECT_EQ(scheduler_.jobs(), 1u);
  EXPECT_EQ(code_of(first_result), ErrorCode::kCancelled);
  run_all();
  EXPECT_FALSE(result_of(second_result.get()).samples.empty());
}

TEST_F(SchedulerTest, TaskThatWasCancelledWhileItWaitedNeverStarts) {
  const auto cancelled = task(1, 6);
  auto result = cancelled->outcome();
  cancelled->cancel();
  scheduler_.add(cancelled);
  EXPECT_EQ(scheduler_.jobs(), 0u);
  EXPECT_EQ(code_of(result), ErrorCode::kCancelled);
}

TEST_F(SchedulerTest, StopAnswersEverything) {
  const auto running = task(1, 6);
  auto result = running->outcome();
  scheduler_.add(running);
  scheduler_.pass();
  stop_.request_stop();
  scheduler_.pass();
  EXPECT_EQ(scheduler_.jobs(), 0u);
  EXPECT_EQ(code_of(result), ErrorCode::kCancelled);
}

TEST_F(SchedulerTest, CancelEndsTheEncodingOfAVoice) {
  PreparedSpeech prepared;
  prepared.chunks.push_back({"Hello there.", "[S1] Hello there."});
  prepared.parameters.num_steps = 1;
  prepared.has_voice = true;
  prepared.voice_key = "long";
  prepared.voice_samples.assign(60 * 44100, 0.25f);
  const auto encoding = std::make_shared<SpeechTask>(std::move(prepared), SpeechCallbacks{});
  auto result = encoding->outcome();
  scheduler_.add(encoding);
  encoding->cancel();
  scheduler_.pass();
  EXPECT_EQ(code_of(result), ErrorCode::kCancelled);
  EXPECT_EQ(voices_.statistics().voices, 0u);
}

}  // namespace
}  // namespace echo
