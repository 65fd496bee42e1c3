// What is kept of an attempt in a strand is one run of the decoder over the rows that are kept.
#include "engine/chunk_attempt.h"

#include <gtest/gtest.h>

#include <numeric>

#include "engine/models_fixture.h"
#include "engine/schedule.h"
#include "text/tokens.h"

namespace echo {
namespace {

class ChunkAttemptTest : public ModelsFixture<> {
 protected:
  ChunkAttemptTest() : ModelsFixture(test_backend()) {}

  // Sampled and decoded to its end; `samples` become what it gave.
  std::unique_ptr<ChunkAttempt> made(uint64_t seed, std::vector<float>& samples,
                                     std::optional<Codec::Decoder> decoder = {}) {
    SamplerParameters parameters;
    parameters.num_steps = 2;
    parameters.sequence_length = 150;
    Conditions conditions;
    conditions.text = std::make_shared<KeyValueCache>(dit_.encode_text(tokenize("[S1] Hello.")));
    auto attempt = std::make_unique<ChunkAttempt>(models_, parameters, seed, std::move(conditions),
                                                  false, std::move(decoder));
    while (Trajectory* trajectory = attempt->trajectory()) {
      Trajectory* const batch[] = {trajectory};
      attempt->apply(velocities(session_, modulations_, batch));
    }
    samples.clear();
    while (attempt->has_undecoded()) {
      const std::vector<float> piece = attempt->decode_piece({});
      samples.insert(samples.end(), piece.begin(), piece.end());
    }
    return attempt;
  }

  // An attempt that grows from `window`, by a sampler that is told what to give: speech of `end`
  // frames, and silence after it. `blocks` become the frames of each block. It hears `heard` frames
  // before it.
  std::unique_ptr<ChunkAttempt> scripted(int64_t window, int64_t end, std::vector<int64_t>& blocks,
                                         int64_t heard = 0) {
    SamplerParameters parameters;
    parameters.num_steps = 1;
    parameters.cfg_scale_text = parameters.cfg_scale_speaker = 0;
    parameters.sequence_length = window;
    Conditions conditions;
    conditions.text = std::make_shared<KeyValueCache>(dit_.encode_text(tokenize("[S1] Hello.")));
    if (heard > 0) conditions.continuation = zeros(*backend_, heard, 80, DType::kFloat32);
    auto attempt =
        std::make_unique<ChunkAttempt>(models_, parameters, 1, std::move(conditions), true);
    const float step = time_schedule(1)[1] - time_schedule(1)[0];
    int64_t done = 0;
    blocks.clear();
    while (const Trajectory* trajectory = attempt->trajectory()) {
      const Tensor& x = trajectory->x();
      std::vector<float> velocity = x.to_host();
      for (size_t i = 0; i < velocity.size(); ++i) {
        const int64_t frame = done + static_cast<int64_t>(i) / x.cols();
        const float wanted = frame >= end ? 0.0F : i % 2 == 0 ? 1.0F : -1.0F;
        velocity[i] = (wanted - velocity[i]) / step;
      }
      blocks.push_back(x.rows());
      done += x.rows();
      attempt->apply(from_host(*backend_, velocity, x.rows(), x.cols()));
    }
    return attempt;
  }

  // The first rows without `count` of them from `first` on.
  Tensor without(const Tensor& rows, int64_t first, int64_t count) {
    const int64_t rest = rows.rows() - first - count;
    const Tensor kept = empty(*backend_, first + rest, rows.cols(), rows.dtype());
    copy(rows.row_range(0, first), kept.row_range(0, first));
    copy(rows.row_range(first + count, rest), kept.row_range(first, rest));
    return kept;
  }
};

TEST_F(ChunkAttemptTest, LeavesRowsOutAsIfTheyHadNeverBeen) {
  std::vector<float> samples;
  const auto attempt = made(1, samples);
  const int64_t frames = attempt->frames();
  ASSERT_GT(frames, 20);
  const Tensor kept = without(attempt->first_latents(frames), 2, 7);
  attempt->leave_out(2, 7, samples, {});
  EXPECT_EQ(attempt->frames(), frames - 7);
  EXPECT_EQ(attempt->first_latents(frames - 7).to_host(), kept.to_host());
  EXPECT_EQ(samples, codec_.decode(kept));
}

TEST_F(ChunkAttemptTest, GrowsUntilTheSpeechEndsAndNoFurther) {
  const struct {
    int64_t window, end;
    std::vector<int64_t> blocks;
  } cases[] = {
      {96, 95, {96}},        {96, 96, {96, 96}},  // nothing shows yet that it has ended
      {96, 146, {96, 96}},   {96, 639, {96, 96, 96, 96, 96, 96, 64}},
      {304, 303, {304}},     {304, 304, {304, 96}},
      {304, 354, {304, 96}}, {304, 639, {304, 96, 96, 96, 48}},
      {600, 639, {600, 40}}, {640, 639, {640}},
  };
  for (const auto& [window, end, expected] : cases) {
    SCOPED_TRACE(std::to_string(window) + " " + std::to_string(end));
    std::vector<int64_t> blocks;
    const auto attempt = scripted(window, end, blocks);
    EXPECT_EQ(blocks, expected);
    EXPECT_TRUE(attempt->ended());
    EXPECT_EQ(attempt->frames(), end);
    EXPECT_EQ(attempt->window_frames(),
              std::accumulate(expected.begin(), expected.end(), int64_t{0}));
  }
  std::vector<int64_t> blocks;
  const auto endless = scripted(96, 1000, blocks);
  EXPECT_FALSE(endless->ended());
  EXPECT_EQ(endless->frames(), kMaxFrames) << "the model can hear no further";
}

TEST_F(ChunkAttemptTest, GrowsAsFarAsWhatItHearsLeavesRoom) {
  std::vector<int64_t> blocks;
  const auto beside = scripted(200, 250, blocks, 280);
  EXPECT_EQ(blocks, (std::vector<int64_t>{200, 96}));
  EXPECT_TRUE(beside->ended());
  EXPECT_EQ(beside->frames(), 250);
  const auto endless = scripted(200, 1000, blocks, 280);
  EXPECT_EQ(blocks, (std::vector<int64_t>{200, 96, 64}));
  EXPECT_FALSE(endless->ended());
  EXPECT_EQ(endless->frames(), kMaxFrames - 280);
}

TEST_F(ChunkAttemptTest, IsCutAtAnyPatchAndTheNextGoesOnFromThere) {
  std::vector<float> whole;
  made(1, whole);
  for (const int64_t cut : {4, 60, 64, 68, 128, 148}) {
    SCOPED_TRACE(cut);
    std::vector<float> first, second;
    const auto before = made(1, first);
    Codec::Decoder decoder = before->cut(cut, first, {});
    ASSERT_EQ(first.size(), static_cast<size_t>(cut * kFrameSamples));
    EXPECT_TRUE(std::equal(first.begin(), first.end(), whole.begin())) << "decoding is causal";
    const auto after = made(2, second, decoder);
    const Tensor rows = empty(*backend_, cut + after->frames(), 80, DType::kFloat32);
    copy(before->first_latents(cut), rows.row_range(0, cut));
    copy(after->first_latents(after->frames()), rows.row_range(cut, after->frames()));
    first.insert(first.end(), second.begin(), second.end());
    EXPECT_EQ(first, codec_.decode(rows));
  }
}

}  // namespace
}  // namespace echo
