// An hour of speech costs no more memory than a minute of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>

#include "engine/speech_pipe.h"
#include "net/object_store.h"
#include "speech/document_of.h"
#include "speech/service_fixture.h"
#include "speech/spoken_audio.h"

namespace echo {
namespace {

constexpr size_t kSeconds = 3600;
constexpr size_t kUnread = 60 * kModelRate;  // samples, as the engine's own limit
constexpr int64_t kMaxGrowth = 32 << 20;     // bytes; an hour of samples has 635 MB

// Of this process and backed by no file.
int64_t memory_in_use() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    int64_t kilobytes = 0;
    if (word == "RssAnon:" && status >> kilobytes) return kilobytes * 1024;
  }
  ADD_FAILURE() << "the system does not tell";
  return 0;
}

// Speaks an hour as fast as it is read, as the engine does: no second is begun while a minute is
// unread.
class HourOfSpeech {
 public:
  SpeechStream operator()(SpeechRequest, SpeechCallbacks callbacks) {
    auto pipe = std::make_shared<SpeechPipe>(std::move(callbacks), kUnread, [this] {
      const std::scoped_lock lock(mutex_);
      changed_.notify_all();
    });
    pipe->start();
    thread_ = std::jthread([this, pipe] {
      const std::vector<float> second = FakeSpeech::tone(kModelRate);
      for (size_t i = 0; i < kSeconds; ++i) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return !pipe->full() || pipe->cancelled().stop_requested(); });
        lock.unlock();
        if (pipe->cancelled().stop_requested()) return;
        pipe->push(second);
        seconds_made_ = i + 1;
      }
      SpeechSummary summary;
      summary.chunks.resize(1);
      summary.chunks[0].text = "An hour.";
      pipe->succeed(std::move(summary));
    });
    return SpeechStream(pipe);
  }
  size_t seconds_made() const { return seconds_made_; }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<size_t> seconds_made_{0};
  std::jthread thread_;
};

// Takes an object and keeps its size.
class MeasuringStore final : public ObjectStore {
 public:
  std::string key(const std::string& name) const override { return name; }
  void put(const std::string&, std::string_view data, const std::string&,
           std::stop_token) override {
    size = data.size();
    memory = memory_in_use();
  }
  std::string get(const std::string&, std::stop_token) override { return {}; }
  std::optional<ObjectInfo> head(const std::string&, std::stop_token) override { return {}; }
  void remove(const std::string&, std::stop_token) override {}
  std::string link(const std::string& name, std::chrono::seconds) const override { return name; }
  std::string read_link(const std::string&, std::stop_token) override { return {}; }
  std::string describe() const override { return "a measure"; }

  size_t size = 0;
  int64_t memory = 0;
};

TEST(LongSpeech, StreamsInFlatMemory) {
  HourOfSpeech speech;
  SpeechStream stream = speech({}, {});
  SpokenAudioOptions options;
  options.encoding = {AudioFormat::kWav, kModelRate, 0};
  SpokenAudio audio(std::move(stream), options);
  audio.wait_for(std::chrono::minutes(2));
  const int64_t before = memory_in_use();
  int64_t most = before;
  size_t bytes = 0;
  for (size_t pieces = 0; const auto piece = audio.next(); ++pieces) {
    bytes += piece->size();
    if (pieces % 100 == 0) most = std::max(most, memory_in_use());
  }
  EXPECT_EQ(bytes, 44 + kSeconds * kModelRate * 2);
  // What may be unread of samples and of bytes comes on top.
  const auto unread =
      static_cast<int64_t>(kUnread * sizeof(float) + options.unread_bytes);
  EXPECT_LE(most - before, kMaxGrowth + unread);
}

TEST(LongSpeech, AListenerThatDoesNotReadStopsTheMaker) {
  HourOfSpeech speech;
  SpokenAudioOptions options;
  options.encoding = {AudioFormat::kWav, kModelRate, 0};
  options.unread_bytes = 1 << 20;
  SpokenAudio audio(speech({}, {}), options);
  const auto most = kUnread / kModelRate + options.unread_bytes / (2 * kModelRate) + 4;
  while (speech.seconds_made() < kUnread / kModelRate) std::this_thread::yield();
  // Who did not stop would be far beyond it by now.
  for (int look = 0; look < 100 && speech.seconds_made() <= most; ++look) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_LE(speech.seconds_made(), most);
  EXPECT_TRUE(audio.next());
}

class LongJob : public ServiceFixture {};

TEST_F(LongJob, IsStoredInFlatMemory) {
  HourOfSpeech speech;
  MeasuringStore store;
  std::string text;  // what takes a minute of a WAV file says enough
  while (text.size() < 800) text += "An hour is what this takes. ";
  SpeechService service(options_, SpeechServiceParts{std::ref(speech), voices_, &store, {}, output_,
                                                     logger_, clock_});
  const int64_t before = memory_in_use();
  const Json result = document_of(service.run(
      {{"input",
        {{"text", text},
         {"parameters", {{"output_format", "wav"}, {"sample_rate", kModelRate}}}}}},
      {}));
  EXPECT_EQ(result.value("error", ""), "");
  EXPECT_EQ(store.size, 44 + kSeconds * kModelRate * 2);
  EXPECT_EQ(result["metadata"]["duration"], kSeconds);
  EXPECT_LE(store.memory - before, kMaxGrowth + static_cast<int64_t>(kUnread * sizeof(float)));
}

}  // namespace
}  // namespace echo
