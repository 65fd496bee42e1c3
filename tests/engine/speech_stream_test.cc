// A stream between its maker and its listener.
#include "engine/speech_stream.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "base/error.h"
#include "engine/speech_pipe.h"
#include "support/thrown_error.h"

namespace echo {
namespace {

using namespace std::chrono_literals;

struct Ends {
  explicit Ends(size_t limit = SIZE_MAX, std::function<void()> wake = {},
                SpeechCallbacks callbacks = {})
      : pipe(std::make_shared<SpeechPipe>(std::move(callbacks), limit, std::move(wake))),
        stream(pipe) {
    pipe->start();
  }
  std::shared_ptr<SpeechPipe> pipe;
  SpeechStream stream;
};

TEST(SpeechStream, GivesWhatWasMadeInItsOrderThenTheEnd) {
  Ends ends;
  ends.pipe->push({1, 2});
  ends.pipe->push({});
  ends.pipe->push({3});
  SpeechSummary summary;
  summary.warnings = {"a word"};
  ends.pipe->succeed(summary);
  EXPECT_EQ(ends.stream.next(), (std::vector<float>{1, 2}));
  EXPECT_EQ(ends.stream.next(), (std::vector<float>{3}));
  EXPECT_EQ(ends.stream.next(), std::nullopt);
  EXPECT_EQ(ends.stream.next(), std::nullopt);
  EXPECT_EQ(ends.stream.finish().sample_count, 3u);
  EXPECT_EQ(ends.stream.finish().warnings, (std::vector<std::string>{"a word"}));
}

TEST(SpeechStream, CollectsWhatIsLeft) {
  Ends ends;
  for (const float x : {1, 2, 3}) ends.pipe->push({x});
  ends.pipe->succeed({});
  ends.stream.next();
  const SpeechResult result = ends.stream.collect();
  EXPECT_EQ(result.samples, (std::vector<float>{2, 3}));
  EXPECT_EQ(result.sample_count, 3u);
}

TEST(SpeechStream, WaitsForItsMaker) {
  Ends ends;
  EXPECT_FALSE(ends.stream.wait_for(0ms));
  auto heard = std::async(std::launch::async, [&] { return ends.stream.next(); });
  ends.pipe->push({7});
  EXPECT_EQ(heard.get(), (std::vector<float>{7}));
}

TEST(SpeechStream, GivesWhatCameBeforeAFailureThenThrowsIt) {
  Ends ends;
  ends.pipe->push({1});
  ends.pipe->fail({ErrorCode::kUnavailable, "no memory"});
  ends.pipe->succeed({});  // it has ended
  EXPECT_EQ(ends.stream.next(), (std::vector<float>{1}));
  const Error error = error_of([&] { ends.stream.next(); });
  EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
  EXPECT_STREQ(error.what(), "no memory");
  EXPECT_EQ(error_of([&] { ends.stream.finish(); }).code(), ErrorCode::kUnavailable);
}

TEST(SpeechStream, CancelledOneEndsAtOnceForTheListenerAndSoonForTheMaker) {
  int wakes = 0;
  Ends ends(SIZE_MAX, [&] { ++wakes; });
  ends.pipe->push({1});
  ends.stream.cancel();
  EXPECT_TRUE(ends.pipe->cancelled().stop_requested());
  EXPECT_EQ(wakes, 1);
  EXPECT_EQ(error_of([&] { ends.stream.next(); }).code(), ErrorCode::kCancelled);
  ends.pipe->push({2});
  ends.pipe->succeed({});
  EXPECT_EQ(error_of([&] { ends.stream.finish(); }).code(), ErrorCode::kCancelled);
}

TEST(SpeechStream, ARequestedStopCancels) {
  Ends ends;
  std::stop_source stop;
  auto heard = std::async(std::launch::async, [&] {
    return error_of([&] { ends.stream.next(stop.get_token()); }).code();
  });
  stop.request_stop();
  EXPECT_EQ(heard.get(), ErrorCode::kCancelled);
  EXPECT_TRUE(ends.pipe->cancelled().stop_requested());
}

TEST(SpeechStream, ARequestThatIsCancelledWhileItWaitsNeverStarts) {
  const auto pipe = std::make_shared<SpeechPipe>();
  EXPECT_TRUE(pipe->waiting());
  { const SpeechStream dropped(pipe); }
  EXPECT_FALSE(pipe->waiting());
  EXPECT_FALSE(pipe->start());
}

TEST(SpeechStream, AFullPipeWakesItsMakerWhenItHasBeenRead) {
  int wakes = 0;
  Ends ends(3, [&] { ++wakes; });
  ends.pipe->push({1, 2, 3});
  EXPECT_FALSE(ends.pipe->full());
  ends.pipe->push({4});
  ends.pipe->push({5});
  EXPECT_TRUE(ends.pipe->full());
  ends.stream.next();
  EXPECT_FALSE(ends.pipe->full());
  EXPECT_EQ(wakes, 1);
  ends.stream.next();
  EXPECT_EQ(wakes, 1) << "it did not wait";
}

TEST(SpeechStream, WhoOnlyWantsTheEndNeverHoldsUpTheMaker) {
  Ends ends(3);
  ends.pipe->push({1, 2, 3, 4});
  auto summary = std::async(std::launch::async, [&] { return ends.stream.finish(); });
  while (ends.pipe->full()) std::this_thread::yield();
  ends.pipe->push({5, 6, 7, 8});
  EXPECT_FALSE(ends.pipe->full());
  ends.pipe->succeed({});
  EXPECT_EQ(summary.get().sample_count, 8u);
}

TEST(SpeechStream, TellsTheLastStep) {
  std::vector<int64_t> told;
  Ends ends(SIZE_MAX, {}, {[&](const SpeechProgress& progress) { told.push_back(progress.step); }});
  EXPECT_EQ(ends.stream.progress().step, 0);
  ends.pipe->tell({.chunk = 1, .chunks = 1, .step = 2, .steps = 9, .blocks = {}});
  EXPECT_EQ(ends.stream.progress().step, 2);
  ends.stream.cancel();
  ends.pipe->tell({.chunk = 1, .chunks = 1, .step = 3, .steps = 9, .blocks = {}});
  EXPECT_EQ(told, (std::vector<int64_t>{2}));
}

TEST(SpeechStream, NoCallbackRunsAfterCancelHasReturned) {
  std::promise<void> entered, leave;
  std::atomic<bool> running{false};
  Ends ends(SIZE_MAX, {}, {[&](const SpeechProgress&) {
              running = true;
              entered.set_value();
              leave.get_future().wait();
              running = false;
            }});
  std::thread maker([&] { ends.pipe->tell({}); });
  entered.get_future().wait();
  std::thread canceller([&] {
    ends.stream.cancel();
    EXPECT_FALSE(running);
  });
  leave.set_value();
  canceller.join();
  maker.join();
}

// The callback lasts long enough to be seen if it begins while the cancellation is under way.
TEST(SpeechStream, NoCallbackBeginsWhileARequestIsCancelled) {
  for (int round = 0; round < 2000; ++round) {
    std::atomic<bool> began = false, gone = false, late = false;
    SpeechCallbacks callbacks;
    callbacks.progress = [&](const SpeechProgress&) {
      began = true;
      const auto end = std::chrono::steady_clock::now() + 20us;
      while (std::chrono::steady_clock::now() < end) {
      }
      late = late || gone;
    };
    Ends ends(SIZE_MAX, {}, std::move(callbacks));
    std::thread maker([&] {
      while (!ends.pipe->ended()) ends.pipe->tell({});
    });
    while (!began) std::this_thread::yield();
    ends.stream.cancel();
    gone = true;
    maker.join();
    ASSERT_FALSE(late) << "round " << round;
  }
}

TEST(SpeechStream, ACallbackMayCancel) {
  SpeechStream* stream = nullptr;
  Ends ends(SIZE_MAX, {}, {[&](const SpeechProgress&) { stream->cancel(); }});
  stream = &ends.stream;
  ends.pipe->tell({});
  EXPECT_EQ(error_of([&] { ends.stream.finish(); }).code(), ErrorCode::kCancelled);
}

}  // namespace
}  // namespace echo
