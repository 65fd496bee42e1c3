// Texts of an hour, and pauses in them.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <optional>

#include "audio/voice.h"
#include "engine/engine_fixture.h"

namespace echo {
namespace {

// Of this process.
uint64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  uint64_t size = 0, resident = 0;
  file >> size >> resident;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

// Speaks 45,000 characters, an hour, to somebody who listens, by the tiny model. The memory beyond
// what the first twenty seconds needed must not grow, and where it is made in half of its time or
// less, the listener must never wait.
SpeechSummary expect_flat_memory(int64_t sequence_length) {
  using Clock = std::chrono::steady_clock;
  EngineOptions options = tiny_options();
  options.max_text_chars = 60'000;
  const auto engine = Engine::load(options);
  SpeechRequest request;
  int sentences = 0;
  while (request.text.size() < 45'000) {
    request.text += "This is sentence number " + std::to_string(++sentences) +
                    " of a text that is read for an hour.";
    request.text += sentences % 7 == 0 ? "\n\n" : " ";
  }
  request.parameters = parameters_of(Profile::kNatural);
  request.parameters.num_steps = 1;
  request.parameters.sequence_length = sequence_length;
  request.parameters.max_rerolls = 0;
  request.delivery = SpeechDelivery::kInOrder;
  request.unread_seconds = 5;
  SpeechStream stream = engine->start(std::move(request));
  uint64_t samples = 0, begun = 0, most = 0;
  int waits = 0;
  std::optional<Clock::time_point> first;
  double elapsed = 0;  // since the first sound
  while (const auto piece = stream.next()) {
    if (!first) first = Clock::now();
    elapsed = std::chrono::duration<double>(Clock::now() - *first).count();
    waits += static_cast<double>(samples) / kModelRate < elapsed && samples > 0 ? 1 : 0;
    samples += piece->size();
    const uint64_t memory = resident_bytes();
    EXPECT_GT(memory, 0u);
    if (samples < 20 * kModelRate) begun = std::max(begun, memory);
    most = std::max(most, memory);
  }
  const SpeechSummary summary = stream.finish();
  EXPECT_EQ(summary.sample_count, samples);
  double end = 0;
  for (const SpokenChunk& chunk : summary.chunks) {
    EXPECT_GE(chunk.start_seconds, end - 0.05) << "in their order";
    end = chunk.start_seconds;
  }
  testing::Test::RecordProperty("begun_mib", std::to_string(begun >> 20));
  testing::Test::RecordProperty("most_mib", std::to_string(most >> 20));
  EXPECT_LE(most - begun, uint64_t{32} << 20);
  if (elapsed < 0.5 * summary.seconds()) {
    EXPECT_EQ(waits, 0);
  }
  return summary;
}

// Windows are short, so the hour takes seconds; the text, its chunks and all that is kept of them
// are those of an hour.
TEST(LongText, AnHourNeedsNoMoreMemoryThanItsBeginning) {
  const SpeechSummary summary = expect_flat_memory(32);
  EXPECT_GE(summary.chunks.size(), 185u);
  EXPECT_GT(summary.seconds(), 180);
}

// Windows as the text needs them, so that what is made is an hour, too.
TEST(SlowLongText, AnHourOfSpeechNeedsNoMoreMemoryThanItsBeginning) {
  const SpeechSummary summary = expect_flat_memory(kAutoFrames);
  EXPECT_GE(summary.chunks.size(), 185u);
  EXPECT_GT(summary.seconds(), 3000);
}

TEST(LongText, APauseIsInsertedToTheSample) {
  const auto engine = Engine::load(tiny_options());
  for (const double seconds : {0.5, 1.25}) {
    SpeechRequest request;
    request.text = "Hello there, my friend. [pause:" + std::to_string(seconds) + "s] And so on.";
    request.parameters = parameters_of(Profile::kNatural);
    request.parameters.num_steps = 2;
    request.parameters.sequence_length = 16;
    request.parameters.max_rerolls = 0;
    const SpeechResult result = engine->speak(request);
    ASSERT_EQ(result.chunks.size(), 2u);
    EXPECT_DOUBLE_EQ(result.chunks[0].pause_seconds, seconds);
    // The one long run of zeros lies between the two, and the metadata tell where.
    size_t longest = 0, longest_begin = 0;
    for (size_t at = 0; at < result.samples.size();) {
      size_t end = at;
      while (end < result.samples.size() && result.samples[end] == 0) ++end;
      if (end - at > longest) {
        longest = end - at;
        longest_begin = at;
      }
      at = std::max(end, at + 1);
    }
    EXPECT_NEAR(static_cast<double>(longest), std::round(seconds * kModelRate), 1);
    const double begin = static_cast<double>(longest_begin) / kModelRate;
    EXPECT_LE(result.chunks[0].end_seconds, begin + 0.03);
    EXPECT_GE(result.chunks[1].start_seconds, begin + seconds - 0.03);
  }
}

}  // namespace
}  // namespace echo
