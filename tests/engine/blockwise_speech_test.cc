// Speech of several blocks: each block is heard before the next is sampled, and is what the whole
// would be.
#include <gtest/gtest.h>

#include "audio/join.h"
#include "engine/engine.h"
#include "engine/engine_fixture.h"
#include "engine/flattening.h"
#include "engine/noise.h"
#include "engine/trajectory.h"
#include "models/codec.h"
#include "models/pca_state.h"
#include "text/plan.h"
#include "text/tokens.h"

namespace echo {
namespace {

SpeechRequest block_request(std::vector<int64_t> blocks, int64_t max_chars = 300) {
  SpeechRequest request = short_request(5);
  request.text = "This is the first sentence of two. This is the second sentence, after it.";
  request.parameters.max_chars_per_chunk = max_chars;
  request.parameters.block_sizes = std::move(blocks);
  return request;
}

// The request without an engine: every chunk sampled to its end, then decoded in one piece.
Samples spoken_whole(const SpeechRequest& request) {
  const std::unique_ptr<Backend> backend = test_backend();
  const ModelFiles files = tiny_files();
  const LayerContext context{*backend, DType::kFloat32};
  const EchoDit dit(context, Weights::open(files.dit), true);
  DitSession session(dit);
  const Codec codec(context, Weights::open(files.codec), read_pca_state(Weights::open(files.pca)));
  ModulationCache modulations(dit, false);
  ChunkOptions options;
  options.max_chars = static_cast<size_t>(request.parameters.max_chars_per_chunk);
  options.target_duration_seconds = request.parameters.target_duration_seconds;
  std::vector<Samples> spoken;
  uint64_t seed = request.parameters.seed;
  for (const TextChunk& chunk : plan_chunks(request.text, options)) {
    Conditions conditions;
    conditions.text = std::make_shared<KeyValueCache>(dit.encode_text(tokenize(chunk.normalised)));
    const auto noise = [generator = NoiseGenerator(NoiseKind::kCpu, seed)](int64_t n) mutable {
      return generator.draw(n);
    };
    Trajectory trajectory(session, request.parameters, noise, std::move(conditions));
    const Tensor latent = sample(session, modulations, trajectory);
    const int64_t frames = flattening_point(latent.to_host(), latent.cols());
    spoken.push_back(codec.decode(latent.row_range(0, frames)));
    seed += 1000;
  }
  return join_chunks(spoken);
}

class BlockwiseSpeech : public ::testing::Test {
 protected:
  static Engine& engine() { return tiny_engine(); }
};

TEST_F(BlockwiseSpeech, GivesABlocksSamplesBeforeTheNextBlockIsSampled) {
  std::vector<int64_t> frames_heard;  // after each step
  SpeechCallbacks callbacks;
  callbacks.progress = [&](const SpeechProgress& progress) {
    frames_heard.push_back(static_cast<int64_t>(progress.samples) / kFrameSamples);
  };
  const SpeechResult result = engine().speak(block_request({24, 40, 16}), callbacks);
  // All of every block, since no frame of it may still turn out to be the first of silence.
  EXPECT_EQ(frames_heard, (std::vector<int64_t>{0, 0, 0, 24, 24, 24, 64, 64, 64}));
  EXPECT_EQ(result.samples.size(), 80u * kFrameSamples);
  EXPECT_EQ(result.chunks.at(0).seconds, result.seconds());
}

TEST_F(BlockwiseSpeech, IsWhatTheWholeWouldBe) {
  for (const auto& blocks : std::vector<std::vector<int64_t>>{
           {24, 40, 16}, {7, 5, 9, 30}, {100, 12}, {20, 1, 1}, {19, 3}}) {
    const SpeechRequest request = block_request(blocks);
    EXPECT_EQ(engine().speak(request).samples, spoken_whole(request)) << blocks.size();
  }
}

TEST_F(BlockwiseSpeech, WhoListensHearsTheFirstChunkInBlocks) {
  SpeechRequest request = block_request({});
  request.parameters.num_steps = 1;
  request.parameters.sequence_length = 200;
  request.first_sound_seconds = 0;
  const auto blocks_of = [&](SpeechDelivery delivery) {
    request.delivery = delivery;
    return engine().speak(request).chunks.at(0).blocks;
  };
  const std::vector<int64_t> blocks = {32, 128, 40};
  EXPECT_EQ(blocks_of(SpeechDelivery::kInOrder), blocks);
  const Samples heard = engine().speak(request).samples;
  EXPECT_EQ(blocks_of(SpeechDelivery::kWhole), std::vector<int64_t>{200}) << "nobody listens";
  // It is what would have been made had they been asked for.
  SpeechRequest asked = request;
  asked.first_sound_seconds.reset();
  asked.parameters.block_sizes = blocks;
  EXPECT_EQ(engine().speak(asked).samples, heard);
  // By now it is known how fast it is.
  request.first_sound_seconds = 1e6;
  EXPECT_EQ(blocks_of(SpeechDelivery::kInOrder), std::vector<int64_t>{200});
}

TEST_F(BlockwiseSpeech, ChunksOfBlocksAreJoinedAsWholeOnes) {
  const SpeechRequest request = block_request({30, 26}, 40);
  const SpeechResult result = engine().speak(request);
  ASSERT_EQ(result.chunks.size(), 2u);
  EXPECT_EQ(result.samples, spoken_whole(request));
}

TEST_F(BlockwiseSpeech, DoesNotDependOnOtherRequests) {
  const SpeechRequest request = block_request({24, 40, 16}, 40);
  const std::vector<float> alone = engine().speak(request).samples;
  std::vector<SpeechStream> others;
  for (uint64_t seed = 0; seed < 3; ++seed) others.push_back(engine().start(short_request(seed)));
  EXPECT_EQ(engine().speak(request).samples, alone);
}

}  // namespace
}  // namespace echo
