// Forty listeners at once, of whom twenty leave at some moment: what they asked for ends in the
// step it was in, and nothing of them is left.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <climits>
#include <condition_variable>
#include <latch>
#include <optional>
#include <random>
#include <semaphore>
#include <thread>

#include "server/openai_fixture.h"
#include "support/peak_memory.h"

namespace echo::server {
namespace {

constexpr int kListeners = 40, kSentences = 4, kSteps = 3;
constexpr auto kLongWait = std::chrono::minutes(2);

// One who listens to all of it, or leaves when so many steps have begun: none, while the request
// may still be waiting.
struct Listener {
  std::optional<int> leaves_after;
  std::binary_semaphore leave{0};
  std::atomic<int> steps{0};
  bool complete = false;
};

class LeavingListeners : public OpenAiApi {
 protected:
  // Half of them leave, at moments that the seed tells.
  void round(unsigned seed) {
    std::mt19937 random(seed);
    std::array<Listener, kListeners> listeners;
    for (int i = 0; i < kListeners; i += 2) {
      listeners[static_cast<size_t>(i)].leaves_after =
          std::uniform_int_distribution(0, kSentences * kSteps)(random);
    }
    std::array<FakeSpeech, kListeners> engines;  // that tell whose step it is
    for (size_t i = 0; i < kListeners; ++i) {
      engines[i].at_step = [&listener = listeners[i]](const SpeechProgress&,
                                                      const std::stop_token& stop) {
        if (++listener.steps < listener.leaves_after.value_or(INT_MAX)) return;
        // The step lasts until the server knows that nobody listens; the engine then begins no
        // more.
        listener.leave.release();
        EXPECT_TRUE(requested(stop)) << "nobody ended what nobody hears";
      };
    }
    speak_ = [&](SpeechRequest request, SpeechCallbacks callbacks) {
      FakeSpeech& engine = engines.at(static_cast<size_t>(request.parameters.seed));
      return engine(std::move(request), std::move(callbacks));
    };
    listen(listeners);
    EXPECT_TRUE(server_->api().work().wait_idle(kLongWait));
    for (FakeSpeech& engine : engines) engine.wait();
    for (const Listener& listener : listeners) {
      EXPECT_EQ(listener.complete, !listener.leaves_after);
      if (listener.leaves_after) {
        EXPECT_LE(listener.steps, std::max(1, *listener.leaves_after));
      }
    }
    const WorkQueue::Counts counts = server_->api().work().counts();
    EXPECT_EQ(counts.waiting + counts.running, 0U);
    speak_ = std::ref(fake_);
  }

 private:
  static bool requested(const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any changed;
    std::unique_lock lock(mutex);
    changed.wait_for(lock, stop, kLongWait, [] { return false; });
    return stop.stop_requested();
  }

  void listen(std::array<Listener, kListeners>& listeners) {
    std::string text;
    for (int i = 0; i < kSentences; ++i) text += "It goes on " + std::string(40, 'x') + ". ";
    std::latch begin(kListeners);
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < kListeners; ++i) {
      threads.emplace_back([&, i] {
        Listener& listener = listeners[i];
        RawClient client(server_->port());
        begin.arrive_and_wait();
        client.send(raw_request({{"input", text},
                                 {"seed", i},
                                 {"num_steps", kSteps},
                                 {"max_chars_per_chunk", 60},
                                 {"response_format", i % 20 < 2 ? "mp3" : "pcm"}}));
        if (!listener.leaves_after) {
          const std::string heard = client.read_until("\r\n0\r\n\r\n");
          listener.complete = heard.starts_with("HTTP/1.1 200") && heard.ends_with("\r\n0\r\n\r\n");
        } else if (*listener.leaves_after > 0) {
          EXPECT_TRUE(listener.leave.try_acquire_for(kLongWait)) << "it was not spoken to it";
        }
      });
    }
  }
};

TEST_F(LeavingListeners, EndTheirSpeechInAStepAndLeaveNothing) {
  allocate_from_one_heap();
  logger_.set_level(LogLevel::kError);  // what a test's log keeps would count
  ServerOptions options;
  options.work.slots = 4;
  serve(options);
  round(1);  // what is done once stays: threads, tables, buffers
  round(2);
  const int64_t before = held_memory();
  round(3);
  // Whoever made the last sounds may still be about to let them go.
  int64_t after = held_memory();
  const auto end = std::chrono::steady_clock::now() + kLongWait;
  while (after > before + before / 20 && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    after = held_memory();
  }
  RecordProperty("held_bytes", std::to_string(before) + ", " + std::to_string(after));
  if (kMemoryCounts) {
    EXPECT_LE(after, before + before / 20);
  }
}

}  // namespace
}  // namespace echo::server
