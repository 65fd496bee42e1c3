// The scheduler on a device that takes several trajectories at once, and that may break.
#include "engine/scheduler.h"

#include <gtest/gtest.h>
#include <algorithm>

#include "base/error.h"
#include "engine/engine_fixture.h"
#include "models/pca_state.h"
#include "tensor/forwarding_backend.h"

namespace echo {
namespace {

// Takes four trajectories at once, counts forward passes by their guided steps' products, and fails
// or gives what is not a number when told to.
class TestBackend : public ForwardingBackend {
 public:
  TestBackend() : ForwardingBackend(test_backend()) {}
  int64_t batch_width() const override { return width; }

  void attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionShape& shape,
                 const Sequences& sequences, std::span<const Sections> sections,
                 const Tensor& out) override {
    // The transformer's own attention is the one with sections.
    if (!sections.empty()) {
      most_sequences = std::max(most_sequences, sequences.size());
      for (const Sequence& sequence : sequences) {
        if (sequence.rows == failing_rows) throw_internal("the device broke");
      }
    }
    ForwardingBackend::attention(q, k, v, shape, sequences, sections, out);
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

  int64_t width = 4;
  int64_t marks = 0, most_ahead = 0;
  mutable int64_t reached = 0;
  size_t most_sequences = 0;
  int64_t failing_rows = -1;
  int64_t poisoned_rows = -1;
};

class SchedulerTest : public ::testing::Test {
 protected:
  // A request that is handed to the scheduler, and its listener.
  struct Request {
    SpeechTask task;
    SpeechStream stream;
  };
  static Request make_request(PreparedSpeech prepared) {
    prepared.submitted = std::chrono::steady_clock::now();
    auto pipe = std::make_shared<SpeechPipe>();
    return {{std::move(prepared), pipe}, SpeechStream(pipe)};
  }
  SpeechStream added(Request request) {
    scheduler_.add(std::move(request.task));
    return std::move(request.stream);
  }
  static bool ended(const SpeechStream& stream) {
    return stream.wait_for(std::chrono::milliseconds(0));
  }

  static Request task(uint64_t seed, int64_t frames, int chunks = 1) {
    PreparedSpeech prepared;
    for (int i = 0; i < chunks; ++i) {
      prepared.chunks.push_back({"Hello there.", "[S1] Hello there."});
    }
    prepared.parameters.num_steps = 3;
    prepared.parameters.sequence_length = frames;
    prepared.parameters.seed = seed;
    return make_request(std::move(prepared));
  }

  void run_all() {
    while (scheduler_.jobs() > 0) scheduler_.pass();
  }

  std::vector<float> alone(uint64_t seed, int64_t frames, int chunks = 1) {
    SpeechStream only = added(task(seed, frames, chunks));
    run_all();
    return only.collect().samples;
  }

  ErrorCode code_of(SpeechStream& stream) {
    try {
      stream.finish();
    } catch (const Error& error) {
      return error.code();
    }
    ADD_FAILURE() << "nothing was thrown";
    return ErrorCode::kUnavailable;
  }

  TestBackend backend_;
  EchoDit dit_{{backend_, DType::kFloat32}, Weights::open(tiny_files().dit), true};
  DitSession session_{dit_};
  Codec codec_{{backend_, DType::kFloat32},
               Weights::open(tiny_files().codec),
               read_pca_state(Weights::open(tiny_files().pca))};
  VoiceCache voices_{1 << 20};
  VoiceStore voice_store_{"", "", 80, 0};
  SpeechModels models_{backend_, session_, codec_, voices_, voice_store_, NoiseKind::kCuda, {}, 0};
  ModulationCache modulations_{dit_, false};
  std::stop_source stop_;
  Scheduler scheduler_{models_, modulations_, stop_.get_token()};
};

// Products of other shapes round otherwise; two steps of guidance enlarge that.
constexpr double kBatchTolerance = 2e-3;

TEST_F(SchedulerTest, AsksForOneStepWhileTheDeviceIsAtWorkOnTheLast) {
  SpeechStream only = added(task(1, 20));
  run_all();
  only.finish();
  EXPECT_EQ(backend_.marks, 3);  // steps
  EXPECT_EQ(backend_.reached, 2);
  EXPECT_EQ(backend_.most_ahead, 1);
}

TEST_F(SchedulerTest, ChunksOfOneRequestShareForwardPasses) {
  const std::vector<float> first = alone(1, 6);
  backend_.most_sequences = 0;
  const std::vector<float> samples = alone(1, 6, 3);
  EXPECT_EQ(backend_.most_sequences, 6u);  // three trajectories without a voice, two sequences each
  EXPECT_LT(relative_l2(std::span(samples).first(8000), std::span(first).first(8000)),
            kBatchTolerance);
}

TEST_F(SchedulerTest, RequestsShareForwardPassesAndKeepTheirResults) {
  std::vector<std::vector<float>> expected;
  for (uint64_t i = 0; i < 6; ++i) expected.push_back(alone(i, 5 + static_cast<int64_t>(i)));
  std::vector<SpeechStream> results;
  backend_.most_sequences = 0;
  for (uint64_t i = 0; i < 6; ++i) {
    results.push_back(added(task(i, 5 + static_cast<int64_t>(i))));
  }
  run_all();
  EXPECT_EQ(backend_.most_sequences, 8u);
  for (uint64_t i = 0; i < 6; ++i) {
    EXPECT_LT(relative_l2(results[i].collect().samples, expected[i]), kBatchTolerance) << i;
  }
}

TEST_F(SchedulerTest, FreePlacesGoToTheRequestsWithFewest) {
  SpeechStream large = added(task(1, 6, 9));
  scheduler_.pass();
  EXPECT_EQ(scheduler_.trajectories(), 4u);
  SpeechStream small = added(task(2, 6, 2));
  // The four that run are not stopped, but the next places are the newcomer's.
  while (scheduler_.jobs() == 2) {
    scheduler_.pass();
    EXPECT_LE(scheduler_.trajectories(), 4u);
  }
  EXPECT_EQ(small.finish().chunks.size(), 2u);
  run_all();
  EXPECT_EQ(large.finish().chunks.size(), 9u);
}

TEST_F(SchedulerTest, BrokenPassFailsOnlyTheRequestThatBreaksIt) {
  const std::vector<float> expected = alone(1, 6);
  backend_.failing_rows = 7;
  SpeechStream good = added(task(1, 6)), bad = added(task(2, 7)), other = added(task(1, 6));
  run_all();
  EXPECT_EQ(code_of(bad), ErrorCode::kInternal);
  EXPECT_LT(relative_l2(good.collect().samples, expected), kBatchTolerance);
  EXPECT_LT(relative_l2(other.collect().samples, expected), kBatchTolerance);
}

TEST_F(SchedulerTest, ValuesThatAreNotNumbersAreAnErrorNotSpeech) {
  backend_.poisoned_rows = 7;
  SpeechStream good = added(task(1, 6)), bad = added(task(2, 7));
  run_all();
  EXPECT_EQ(code_of(bad), ErrorCode::kInternal);
  EXPECT_FALSE(good.collect().samples.empty());
}

TEST_F(SchedulerTest, CancelledTaskLeavesAtTheNextPass) {
  SpeechStream first = added(task(1, 6)), second = added(task(2, 6));
  scheduler_.pass();
  first.cancel();
  scheduler_.pass();
  EXPECT_EQ(scheduler_.jobs(), 1u);
  EXPECT_EQ(code_of(first), ErrorCode::kCancelled);
  run_all();
  EXPECT_FALSE(second.collect().samples.empty());
}

TEST_F(SchedulerTest, TaskThatWasCancelledWhileItWaitedNeverStarts) {
  Request request = task(1, 6);
  request.stream.cancel();
  SpeechStream cancelled = added(std::move(request));
  EXPECT_EQ(scheduler_.jobs(), 0u);
  EXPECT_EQ(code_of(cancelled), ErrorCode::kCancelled);
}

TEST_F(SchedulerTest, StopAnswersEverything) {
  SpeechStream running = added(task(1, 6));
  scheduler_.pass();
  stop_.request_stop();
  scheduler_.pass();
  EXPECT_EQ(scheduler_.jobs(), 0u);
  EXPECT_EQ(code_of(running), ErrorCode::kCancelled);
}

TEST_F(SchedulerTest, CancelEndsTheEncodingOfAVoice) {
  PreparedSpeech prepared;
  prepared.chunks.push_back({"Hello there.", "[S1] Hello there."});
  prepared.parameters.num_steps = 1;
  prepared.has_voice = true;
  prepared.voice_key = "long";
  prepared.voice_samples.assign(60 * 44100, 0.25f);
  SpeechStream encoding = added(make_request(std::move(prepared)));
  encoding.cancel();
  scheduler_.pass();
  EXPECT_EQ(code_of(encoding), ErrorCode::kCancelled);
  EXPECT_EQ(voices_.statistics().voices, 0u);
}

// A listener, a judge and what it asks for.

TEST_F(SchedulerTest, ChunksThatAreListenedToComeOneAfterTheOther) {
  const std::vector<float> together = alone(1, 6, 3);
  Request request = task(1, 6, 3);
  request.task.prepared.delivery = SpeechDelivery::kInOrder;
  SpeechStream stream = added(std::move(request));
  std::vector<float> heard;
  size_t pieces = 0;
  while (scheduler_.jobs() > 0) {
    scheduler_.pass();
    EXPECT_LE(scheduler_.trajectories(), 1u);
    while (ended(stream)) {
      const auto samples = stream.next();
      if (!samples) break;
      heard.insert(heard.end(), samples->begin(), samples->end());
      ++pieces;
    }
  }
  EXPECT_GT(pieces, 1u);
  EXPECT_EQ(heard.size(), together.size());
  EXPECT_LT(relative_l2(heard, together), kBatchTolerance);
}

TEST_F(SchedulerTest, NoFurtherChunkIsStartedWhileTooMuchIsUnread) {
  Request request = task(1, 6, 12);
  request.task.prepared.delivery = SpeechDelivery::kInOrder;
  const auto pipe = std::make_shared<SpeechPipe>(SpeechCallbacks{}, 2 * 6 * 2048);
  request.task.pipe = pipe;
  SpeechStream stream(pipe);
  scheduler_.add(std::move(request.task));
  while (scheduler_.pass()) {
  }
  EXPECT_EQ(scheduler_.jobs(), 1u);
  EXPECT_EQ(scheduler_.trajectories(), 0u);
  EXPECT_TRUE(pipe->full());
  size_t samples = 0;
  while (const auto piece = stream.wait_for({}) ? stream.next() : std::nullopt) {
    samples += piece->size();
    while (scheduler_.pass()) {
    }
  }
  EXPECT_EQ(scheduler_.jobs(), 0u);
  EXPECT_EQ(stream.finish().sample_count, samples);
}

TEST_F(SchedulerTest, AListenerWhoLeavesAFullPipeFreesTheRequest) {
  Request request = task(1, 6, 12);
  request.task.pipe = std::make_shared<SpeechPipe>(SpeechCallbacks{}, 0);
  SpeechStream stream(request.task.pipe);
  scheduler_.add(std::move(request.task));
  while (scheduler_.pass()) {
  }
  EXPECT_EQ(scheduler_.jobs(), 1u);
  stream.cancel();
  EXPECT_TRUE(scheduler_.pass());
  EXPECT_EQ(scheduler_.jobs(), 0u);
}

TEST_F(SchedulerTest, AJudgeMayAskForOtherTakesAndTheBestIsKept) {
  const std::vector<float> second = alone(8, 6);
  std::vector<std::pair<uint64_t, int64_t>> takes;
  Request request = task(7, 6);
  request.task.prepared.parameters.max_rerolls = 2;
  request.task.prepared.judge = [&](const ChunkTake& take) {
    takes.emplace_back(take.seed, take.attempt);
    EXPECT_TRUE(take.complete);
    EXPECT_FALSE(take.samples.empty());
    EXPECT_EQ(take.text, "Hello there.");
    ChunkVerdict verdict{.action = ChunkVerdict::Action::kRetake};
    verdict.score = take.attempt == 1 ? 1 : 5;
    verdict.reasons = {"dull"};
    verdict.warnings = {"take " + std::to_string(take.attempt)};
    return verdict;
  };
  SpeechStream stream = added(std::move(request));
  run_all();
  const SpeechResult result = stream.collect();
  EXPECT_EQ(takes, (std::vector<std::pair<uint64_t, int64_t>>{{7, 0}, {8, 1}, {9, 2}}));
  EXPECT_EQ(result.samples, second);
  EXPECT_EQ(result.chunks.at(0).seed, 8u);
  EXPECT_EQ(result.chunks.at(0).attempts, 3);
  EXPECT_EQ(result.chunks.at(0).retake_reasons, (std::vector<std::string>{"dull", "dull"}));
  EXPECT_EQ(result.warnings.at(0), "chunk 1: take 1");
}

TEST_F(SchedulerTest, AJudgeThatIsContentChangesNothing) {
  const std::vector<float> expected = alone(7, 6, 3);
  Request request = task(7, 6, 3);
  request.task.prepared.parameters.max_rerolls = 2;
  request.task.prepared.judge = [](const ChunkTake&) { return ChunkVerdict{}; };
  SpeechStream stream = added(std::move(request));
  run_all();
  EXPECT_EQ(stream.collect().samples, expected);
}

TEST_F(SchedulerTest, WithoutRetakesABadTakeIsWhatItIs) {
  const std::vector<float> expected = alone(7, 6, 3);
  Request request = task(7, 6, 3);
  request.task.prepared.parameters.max_rerolls = 0;
  request.task.prepared.judge = [](const ChunkTake&) {
    return ChunkVerdict{ChunkVerdict::Action::kRetake, 100, {"empty"}, {"nobody speaks in it"}};
  };
  SpeechStream stream = added(std::move(request));
  run_all();
  const SpeechResult result = stream.collect();
  EXPECT_EQ(result.samples, expected);
  for (const SpokenChunk& chunk : result.chunks) {
    EXPECT_EQ(chunk.attempts, 1);
    EXPECT_EQ(chunk.reasons, std::vector<std::string>{"empty"});
  }
}

TEST_F(SchedulerTest, AfterTwoBadTakesTheThirdIsDelivered) {
  const std::vector<float> third = alone(9, 6);
  Request request = task(7, 6);
  request.task.prepared.parameters.max_rerolls = 2;
  request.task.prepared.judge = [](const ChunkTake& take) {
    ChunkVerdict verdict;
    if (take.attempt < 2) verdict = {ChunkVerdict::Action::kRetake, 5, {"noise"}, {"it is noise"}};
    return verdict;
  };
  SpeechStream stream = added(std::move(request));
  run_all();
  const SpeechResult result = stream.collect();
  EXPECT_EQ(result.samples, third);
  EXPECT_EQ(result.chunks.at(0).seed, 9u);
  EXPECT_EQ(result.chunks.at(0).attempts, 3);
  EXPECT_EQ(result.chunks.at(0).retake_reasons, (std::vector<std::string>{"noise", "noise"}));
  EXPECT_TRUE(result.chunks.at(0).reasons.empty());
  for (const std::string& warning : result.warnings) {
    EXPECT_EQ(warning.find("it is noise"), std::string::npos) << warning;
  }
}

// However many trajectories the device takes at once, and whoever listens.
TEST_F(SchedulerTest, AStrandGivesTheSameOnAnyDevice) {
  std::vector<float> expected;
  for (const int64_t width : {1, 3}) {
    for (const SpeechDelivery delivery : {SpeechDelivery::kWhole, SpeechDelivery::kInOrder}) {
      for (const Continuity continuity : {Continuity::kText, Continuity::kParagraph}) {
        backend_.width = width;
        Request request = task(7, 8, 3);
        request.task.prepared.delivery = delivery;
        request.task.prepared.parameters.continuity = continuity;
        request.task.prepared.parameters.max_chars_per_chunk = 5;  // each of the three by itself
        SpeechStream stream = added(std::move(request));
        run_all();
        const SpeechResult result = stream.collect();
        ASSERT_EQ(result.chunks.size(), 3u);
        EXPECT_GT(result.chunks[2].prefix_frames, 0);
        if (expected.empty()) expected = result.samples;
        EXPECT_EQ(result.samples, expected);
      }
    }
  }
}

TEST_F(SchedulerTest, OfAChunkInBlocksTheFirstIsJudgedBeforeItIsHeard) {
  std::vector<std::pair<int64_t, bool>> takes;
  Request request = task(7, 6);
  request.task.prepared.delivery = SpeechDelivery::kInOrder;
  request.task.prepared.parameters.block_sizes = {4, 5, 6};
  request.task.prepared.parameters.max_rerolls = 1;
  request.task.prepared.judge = [&](const ChunkTake& take) {
    takes.emplace_back(static_cast<int64_t>(take.samples.size()) / 2048, take.complete);
    return ChunkVerdict{.action = ChunkVerdict::Action::kRetake, .score = 1};
  };
  SpeechStream stream = added(std::move(request));
  run_all();
  EXPECT_EQ(stream.collect().chunks.at(0).attempts, 2);
  // Twice a first block, then the whole, of which nothing can be taken back.
  EXPECT_EQ(takes, (std::vector<std::pair<int64_t, bool>>{{4, false}, {4, false}, {15, true}}));
}

TEST_F(SchedulerTest, RetakesLeaveTheVoiceAsItIs) {
  const auto voice = std::make_shared<EncodedVoice>(
      EncodedVoice{dit_.encode_speaker(zeros(backend_, 32, 80, DType::kFloat32), 32)});
  const auto values = [&] {
    std::vector<float> all;
    for (const auto& layer : voice->keys_values.layers) {
      for (const Tensor& tensor : {layer.k, layer.v}) {
        const std::vector<float> more = tensor.to_host();
        all.insert(all.end(), more.begin(), more.end());
      }
    }
    return all;
  };
  const std::vector<float> before = values();
  Request request = task(7, 6);
  request.task.prepared.has_voice = true;
  request.task.prepared.voice = voice;
  request.task.prepared.parameters.speaker_kv_scale = 1.5;
  request.task.prepared.parameters.max_rerolls = 3;
  request.task.prepared.judge = [](const ChunkTake&) {
    return ChunkVerdict{.action = ChunkVerdict::Action::kRetake, .score = 1};
  };
  SpeechStream stream = added(std::move(request));
  run_all();
  EXPECT_EQ(stream.finish().chunks.at(0).attempts, 4);
  EXPECT_EQ(values(), before);
}

TEST_F(SchedulerTest, AJudgeThatThrowsEndsItsRequestAlone) {
  Request request = task(7, 6);
  request.task.prepared.judge = [](const ChunkTake&) -> ChunkVerdict {
    throw std::runtime_error("no verdict");
  };
  SpeechStream bad = added(std::move(request)), good = added(task(1, 6));
  run_all();
  EXPECT_EQ(code_of(bad), ErrorCode::kInternal);
  EXPECT_FALSE(good.collect().samples.empty());
}

}  // namespace
}  // namespace echo
