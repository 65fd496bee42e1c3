// What becomes of a strand whose sound changes, and of chunks that wait.
#include "engine/speech_job.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>
#include <vector>

#include "audio/speech_level.h"
#include "engine/models_fixture.h"
#include "engine/noise.h"
#include "engine/schedule.h"
#include "tensor/forwarding_backend.h"
#include "text/chunk.h"
#include "text/tokens.h"

namespace echo {
namespace {

// The tiny autoencoder gives much the same sound of whatever it is given. Here what it decodes can
// be made quieter, as if its speaker had gone away from the microphone, and be silent at first.
class FadingBackend : public ForwardingBackend {
 public:
  FadingBackend() : ForwardingBackend(test_backend()) {}
  void download(const Tensor& from, void* to) const override {
    ForwardingBackend::download(from, to);
    const int64_t count = from.rows() * from.cols();
    if (from.cols() != 1) return;  // no samples
    for (float& sample : std::span(static_cast<float*>(to), static_cast<size_t>(count))) {
      const int64_t frame = decoded_samples++ / kFrameSamples;
      const bool silent = std::ranges::any_of(silences, [&](const auto& silence) {
        return frame >= silence.first && frame < silence.second;
      });
      sample *= silent ? 0 : gain;
    }
  }

  float gain = 1;
  // From one frame to another of all that are decoded.
  std::vector<std::pair<int64_t, int64_t>> silences;
  mutable int64_t decoded_samples = 0;
};

constexpr int64_t kLongestPrefix = 320, kShortestWindow = 96;

// Frames that a chunk of so many characters needs.
int64_t frames_needed(size_t chars, double rate) {
  return 4 * static_cast<int64_t>(
                 std::ceil((1.25 * static_cast<double>(chars) / rate + 24) / 4));
}

// One chunk of a strand that has been spoken.
struct SpokenRows {
  std::string text;
  int speaker;
  std::vector<float> rows;  // that are kept of it
  int64_t frames() const { return static_cast<int64_t>(rows.size()) / 80; }
};

// What a chunk should hear of those before it, and the window it should have.
struct ExpectedContinuation {
  std::vector<float> prefix;
  std::string model_text;
  int64_t prefix_frames = 0, window = 0;
};

ExpectedContinuation continuation_of(const std::vector<SpokenRows>& said, const PlannedChunk& next,
                                     double rate) {
  const int64_t need = frames_needed(next.text.size(), rate);
  size_t first = said.size();
  int64_t frames = 0;
  size_t tokens = 1 + next.model_text.size(), chars = next.text.size();
  for (size_t i = said.size(); i > 0 && said.size() - i < 3; --i) {
    const SpokenRows& one = said[i - 1];
    frames += one.frames();
    tokens += one.text.size() + 6;
    chars += one.text.size();
    const bool alone = i == said.size();
    if (frames + need > kMaxFrames || tokens > 768 || (!alone && frames > kLongestPrefix) ||
        static_cast<double>(chars) > 0.95 * kMaxFrames * rate) {
      break;
    }
    first = i - 1;
  }
  ExpectedContinuation expected;
  int speaker = 0;
  const auto add = [&](const std::string& text, int by) {
    if (speaker != 0) expected.model_text += ' ';
    if (by != speaker) expected.model_text += "[S" + std::to_string(by) + "] ";
    expected.model_text += text;
    speaker = by;
  };
  for (size_t i = first; i < said.size(); ++i) {
    expected.prefix.insert(expected.prefix.end(), said[i].rows.begin(), said[i].rows.end());
    expected.prefix_frames += said[i].frames();
    add(said[i].text, said[i].speaker);
  }
  add(next.text, next.speaker);
  expected.window = std::min(kMaxFrames - expected.prefix_frames, std::max(kShortestWindow, need));
  return expected;
}

class SpeechJobTest : public ModelsFixture<FadingBackend> {
 protected:
  SpeechJobTest() : ModelsFixture(std::make_unique<FadingBackend>()) {}

  static constexpr int64_t kFrames = 60;

  static PreparedSpeech prepared_chunks(size_t count, Continuity continuity) {
    PreparedSpeech prepared;
    for (size_t i = 0; i < count; ++i) {
      PlannedChunk chunk;
      chunk.text = "This is one of its chunks.";
      chunk.model_text = "[S1] " + chunk.text;
      chunk.estimated_seconds = static_cast<double>(chunk.text.size()) / kCharsPerSecond;
      chunk.end = i + 1 < count ? ChunkEnd::kSentence : ChunkEnd::kText;
      prepared.chunks.push_back(chunk);
    }
    prepared.parameters.continuity = continuity;
    prepared.parameters.max_chars_per_chunk = 30;
    prepared.parameters.num_steps = 1;
    prepared.parameters.cfg_scale_text = prepared.parameters.cfg_scale_speaker = 0;
    prepared.parameters.sequence_length = kFrames;
    prepared.submitted = std::chrono::steady_clock::now();
    return prepared;
  }

  void sample(SpeechJob& job) {
    for (Trajectory* trajectory : job.running()) {
      Trajectory* const batch[] = {trajectory};
      job.apply(*trajectory, velocities(session_, modulations_, batch), 0);
    }
  }

  // What the sampler is given for a block, and what it gives.
  struct Block {
    int64_t frames = 0, start_pos = 0;
    std::vector<float> heard, noise, text, rows;
  };

  static std::vector<float> values_of(const KeyValueCache& cache) {
    std::vector<float> all;
    for (const KeyValueSection& layer : cache.layers) {
      for (const Tensor& tensor : {layer.k, layer.v}) {
        const std::vector<float> values = tensor.to_host();
        all.insert(all.end(), values.begin(), values.end());
      }
    }
    return all;
  }

  // Samples the block at hand by a sampler that is told what to give: speech of `end` frames, and
  // silence after it.
  Block sample_as_told(SpeechJob& job, int64_t end) {
    Trajectory& trajectory = *job.running().at(0);
    const Tensor x = trajectory.x();
    Block block;
    block.frames = x.rows();
    block.start_pos = trajectory.sequences().at(0).start_pos;
    block.heard = trajectory.latent().row_range(0, trajectory.latent().rows() - x.rows()).to_host();
    block.noise = x.to_host();
    block.text = values_of(*trajectory.sequences().at(0).text);
    const float step = time_schedule(1)[1] - time_schedule(1)[0];
    std::vector<float> velocity = block.noise;
    for (size_t i = 0; i < velocity.size(); ++i) {
      const bool speech = static_cast<int64_t>(i) / x.cols() < end;
      const auto sign = (i * 2654435761U >> 7 & 1) == 0 ? 1.0F : -1.0F;
      velocity[i] = ((speech ? sign : 0.0F) - velocity[i]) / step;
    }
    job.apply(trajectory, from_host(*backend_, velocity, x.rows(), x.cols()), 0);
    block.rows = x.to_host();
    return block;
  }

  struct Told {
    std::vector<Block> blocks;
    SpeechSummary summary;
    std::vector<float> samples;
  };

  // Speaks a text by takes that end after so many frames, one after the other.
  Told spoken_as_told(PreparedSpeech prepared, const std::vector<int64_t>& ends) {
    const auto pipe = std::make_shared<SpeechPipe>();
    pipe->start();
    SpeechJob job(models_, {std::move(prepared), pipe}, {});
    Told told;
    while (!job.finished()) {
      job.start_chunk();
      told.blocks.push_back(sample_as_told(job, ends.at(told.blocks.size())));
      while (job.decode_piece()) {
      }
    }
    told.summary = job.take_summary();
    pipe->succeed(told.summary);
    while (const auto piece = pipe->next({})) {
      told.samples.insert(told.samples.end(), piece->begin(), piece->end());
    }
    return told;
  }

  // Chunks within a sentence by two speakers, in a strand.
  static PreparedSpeech prepared_clauses() {
    PreparedSpeech prepared = prepared_chunks(6, Continuity::kText);
    for (size_t i = 0; i < prepared.chunks.size(); ++i) {
      PlannedChunk& chunk = prepared.chunks[i];
      chunk.text = "This is chunk number " + std::to_string(i) + " of it,";
      chunk.speaker = i == 2 ? 2 : 1;
      chunk.model_text = "[S" + std::to_string(chunk.speaker) + "] " + chunk.text;
      if (chunk.end == ChunkEnd::kSentence) chunk.end = ChunkEnd::kClause;
    }
    prepared.parameters.sequence_length = kAutoFrames;
    prepared.parameters.seed = 7;
    return prepared;
  }

  // A text in one strand, its chunks as loud as the gains say.
  SpeechSummary spoken(const std::vector<float>& gains) {
    const auto pipe = std::make_shared<SpeechPipe>();
    pipe->start();
    SpeechJob job(models_, {prepared_chunks(gains.size(), Continuity::kText), pipe}, {});
    for (size_t started = 0; !job.finished();) {
      if (job.can_start_chunk()) {
        job.start_chunk();
        backend_->gain = gains.at(started++);
      }
      sample(job);
      while (job.decode_piece()) {
      }
    }
    return job.take_summary();
  }
};

// However quickly it is sampled: what waits to be decoded takes memory.
TEST_F(SpeechJobTest, SamplingDoesNotRunAwayFromDecoding) {
  const auto pipe = std::make_shared<SpeechPipe>();
  pipe->start();
  SpeechJob job(models_, {prepared_chunks(9, Continuity::kNone), pipe}, {});
  for (int decoded = 0; decoded < 9; ++decoded) {
    int waiting = decoded == 0 ? 0 : 1;
    for (; job.can_start_chunk(); ++waiting) {
      job.start_chunk();
      sample(job);
    }
    EXPECT_EQ(waiting, decoded < 8 ? 2 : 1) << decoded;
    ASSERT_TRUE(job.decode_piece()) << "a chunk is one piece";
  }
  EXPECT_TRUE(job.finished());
}

TEST_F(SpeechJobTest, AVoiceThatWandersOffInTwoChunksRunningBeginsANewStrand) {
  constexpr float kFar = 0.4F;  // 8 dB
  const SpeechSummary summary = spoken({1, kFar, 1, kFar, kFar, 1, 1});
  std::vector<std::string> joined;
  for (const SpokenChunk& chunk : summary.chunks) {
    joined.push_back(chunk.joined);
    EXPECT_EQ(chunk.prefix_frames > 0, chunk.joined == "continued");
  }
  EXPECT_EQ(joined, (std::vector<std::string>{"first", "continued", "continued", "continued",
                                              "continued", "reset", "continued"}));
}

// The prefix to the bit, the tokens, the window, the position and the noise of every take; and what
// is given out is one run of the decoder over all rows that are kept.
TEST_F(SpeechJobTest, AStrandGivesTheModelWhatItsPlanSays) {
  const std::vector<PlannedChunk> texts = prepared_clauses().chunks;
  const std::vector<int64_t> ends = {60, 71, 33, 50, 84, 46, 58};
  const auto chunk_of = [](size_t take) { return take < 3 ? take : take - 1; };  // 2 is made twice
  std::vector<float> heard;
  for (const SpeechDelivery delivery : {SpeechDelivery::kWhole, SpeechDelivery::kInOrder}) {
    PreparedSpeech prepared = prepared_clauses();
    prepared.delivery = delivery;
    prepared.parameters.max_rerolls = 2;
    prepared.judge = [&](const ChunkTake& take) {
      ChunkVerdict verdict;
      if (take.text == texts[2].text && take.attempt == 0) {
        verdict = {ChunkVerdict::Action::kRetake, 5, {"noise"}, {"it is noise"}};
      }
      return verdict;
    };
    const Told told = spoken_as_told(std::move(prepared), ends);
    ASSERT_EQ(told.blocks.size(), ends.size());
    ASSERT_EQ(told.summary.chunks.size(), texts.size());
    std::vector<SpokenRows> said;
    std::vector<double> rates;
    double rate = 0.557;
    std::vector<float> kept;
    size_t continued = 0;
    for (size_t take = 0; take < told.blocks.size(); ++take) {
      SCOPED_TRACE(take);
      const Block& block = told.blocks[take];
      const size_t index = chunk_of(take);
      const ExpectedContinuation expected = continuation_of(said, texts[index], rate);
      EXPECT_EQ(block.heard, expected.prefix);
      EXPECT_EQ(block.start_pos, expected.prefix_frames);
      EXPECT_EQ(block.frames, expected.window);
      EXPECT_EQ(block.text, values_of(dit_.encode_text(tokenize(expected.model_text))));
      const uint64_t seed = 7 + 1000 * index + (take == 3 ? 1 : 0);
      EXPECT_EQ(block.noise,
                NoiseGenerator(NoiseKind::kCpu, seed).draw(80 * expected.window));
      continued += expected.prefix_frames > 0 ? 1 : 0;
      if (take == 2) continue;  // it is not kept
      const SpokenChunk& chunk = told.summary.chunks[index];
      EXPECT_EQ(chunk.seed, seed);
      EXPECT_EQ(chunk.prefix_frames, expected.prefix_frames);
      // Its sound, of which the speech and the speaker's pace are told.
      const auto begin = told.samples.begin() + static_cast<ptrdiff_t>(kept.size() / 80 * 2048);
      const std::span<const float> sound(begin, static_cast<size_t>(ends[take] * kFrameSamples));
      const SpeechActivity activity = find_speech(sound, kModelRate);
      ASSERT_TRUE(activity.any());
      const auto first = static_cast<int64_t>(activity.begin * activity.hop) / kFrameSamples;
      const auto last = static_cast<int64_t>(activity.end * activity.hop - 1) / kFrameSamples;
      const auto patches = [](int64_t frames) { return (frames + 3) / 4 * 4; };
      const bool ends_text = index + 1 == texts.size();
      EXPECT_EQ(chunk.new_frames, ends_text ? ends[take]
                                            : std::min(patches(last + 1 + 1), patches(ends[take])));
      SpokenRows one{texts[index].text, texts[index].speaker, block.rows};
      one.rows.resize(static_cast<size_t>(80 * chunk.new_frames));
      kept.insert(kept.end(), one.rows.begin(), one.rows.end());
      said.push_back(std::move(one));
      rates.push_back(static_cast<double>(texts[index].text.size()) /
                      static_cast<double>(last + 1 - first));
      if (rates.size() > 5) rates.erase(rates.begin());
      std::vector<double> sorted = rates;
      std::sort(sorted.begin(), sorted.end());
      rate = std::clamp(sorted[sorted.size() / 2], 0.3, 1.1);
    }
    EXPECT_EQ(continued, told.blocks.size() - 1);
    const auto rows = static_cast<int64_t>(kept.size()) / 80;
    EXPECT_EQ(told.samples, codec_.decode(from_host(*backend_, kept, rows, 80)));
    if (heard.empty()) heard = told.samples;
    EXPECT_EQ(told.samples, heard) << "whoever listens";
  }
}

// What lasts less than any word is no speech, whatever the judge calls it.
TEST_F(SpeechJobTest, ATakeOfHardlyAnySpeechHearsLess) {
  for (const bool hardly : {true, false}) {
    PreparedSpeech prepared = prepared_clauses();
    const std::string second = prepared.chunks[1].text;
    prepared.parameters.max_rerolls = 2;
    prepared.judge = [second](const ChunkTake& take) {
      ChunkVerdict verdict;
      if (take.text == second && take.attempt == 0) {
        verdict = {ChunkVerdict::Action::kRetake, 20, {"short"}, {"it is short"}};
      }
      return verdict;
    };
    backend_->decoded_samples = 0;
    backend_->silences.clear();
    // Two frames of the second chunk's first take are heard: 0.09 s.
    if (hardly) backend_->silences = {{60, 100}, {102, 130}};
    const Told told = spoken_as_told(std::move(prepared), {60, 70, 70, 60, 60, 60, 60});
    EXPECT_EQ(told.blocks.at(1).start_pos, 60);
    EXPECT_EQ(told.blocks.at(2).start_pos, hardly ? 0 : 60);
    EXPECT_EQ(told.summary.chunks.at(1).attempts, 2);
    EXPECT_EQ(std::string(told.summary.chunks.at(1).joined), hardly ? "fresh" : "continued");
  }
}

// The same where the pause was too long: rows of it are left out, as if they had never been.
TEST_F(SpeechJobTest, AStrandIsOneRunOfTheDecoderWithoutTheRowsThatAreLeftOut) {
  constexpr int64_t kSilent = 40;  // frames before the second chunk's speech: 1.86 s
  constexpr int64_t kLeftOut = 21;  // so that 0.9 s stay
  PreparedSpeech prepared = prepared_chunks(3, Continuity::kText);
  prepared.parameters.sequence_length = 96;
  // The first chunk is decoded, then the second, then the second again.
  backend_->silences = {{60, 60 + kSilent}, {60 + 72, 60 + 72 + kSilent - kLeftOut}};
  const Told told = spoken_as_told(std::move(prepared), {60, 72, 44});
  const auto new_frames = [&](size_t i) { return told.summary.chunks.at(i).new_frames; };
  EXPECT_EQ(new_frames(0), 60);
  EXPECT_EQ(new_frames(1), (72 - kLeftOut + 3) / 4 * 4);
  EXPECT_EQ(told.summary.chunks.at(2).prefix_frames, new_frames(0) + new_frames(1));
  std::vector<float> kept = told.blocks[0].rows;
  kept.resize(static_cast<size_t>(80 * new_frames(0)));
  std::vector<float> second = told.blocks[1].rows;
  second.erase(second.begin() + 80 * 2, second.begin() + 80 * (2 + kLeftOut));
  kept.insert(kept.end(), second.begin(), second.begin() + 80 * new_frames(1));
  EXPECT_EQ(told.blocks[2].heard, kept);
  kept.insert(kept.end(), told.blocks[2].rows.begin(),
              told.blocks[2].rows.begin() + 80 * new_frames(2));
  backend_->silences.clear();
  const auto rows = static_cast<int64_t>(kept.size()) / 80;
  std::vector<float> expected = codec_.decode(from_host(*backend_, kept, rows, 80));
  const auto silence = expected.begin() + new_frames(0) * kFrameSamples;
  std::fill(silence, silence + (kSilent - kLeftOut) * kFrameSamples, 0.0F);
  // The third sentence begins at once, so it is parted from the second, of which a row beyond its
  // speech was kept.
  const auto third = static_cast<size_t>((new_frames(0) + new_frames(1)) * kFrameSamples);
  const size_t added = told.samples.size() - expected.size();
  EXPECT_NEAR(static_cast<double>(added + kFrameSamples) / kModelRate, 0.15, 0.01);
  EXPECT_TRUE(std::equal(expected.begin(), expected.begin() + static_cast<ptrdiff_t>(third),
                         told.samples.begin()));
  EXPECT_TRUE(std::equal(expected.begin() + static_cast<ptrdiff_t>(third), expected.end(),
                         told.samples.begin() + static_cast<ptrdiff_t>(third + added)));
}

}  // namespace
}  // namespace echo
