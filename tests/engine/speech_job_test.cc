// What becomes of a strand whose sound changes, and of chunks that wait.
#include "engine/speech_job.h"

#include <gtest/gtest.h>

#include <span>

#include "engine/models_fixture.h"
#include "tensor/forwarding_backend.h"
#include "text/chunk.h"

namespace echo {
namespace {

// The tiny autoencoder gives much the same sound of whatever it is given. Here what it decodes can
// be made quieter, as if its speaker had gone away from the microphone.
class FadingBackend : public ForwardingBackend {
 public:
  FadingBackend() : ForwardingBackend(test_backend()) {}
  void download(const Tensor& from, void* to) const override {
    ForwardingBackend::download(from, to);
    const int64_t count = from.rows() * from.cols();
    if (count % kFrameSamples != 0) return;  // no samples
    for (float& sample : std::span(static_cast<float*>(to), static_cast<size_t>(count))) {
      sample *= gain;
    }
  }

  float gain = 1;
};

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

}  // namespace
}  // namespace echo
