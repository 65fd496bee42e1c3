// Streaming handlers.
#include "base/error.h"
#include "worker_fixture.h"

namespace echo::runpod {
namespace {

using Route = PlatformRoute;

// Pieces 0 to count - 1.
Handler counting(int count) {
  return [count](const Job&, JobContext& context) {
    for (int i = 0; i < count; ++i) context.stream({{"n", i}});
    return JobOutcome::success(nullptr);
  };
}

WorkerOptions streaming_on(const FakePlatform& platform, bool aggregate = false) {
  WorkerOptions options = options_on(platform);
  options.streaming_handler = true;
  options.aggregate_stream = aggregate;
  return options;
}

TEST(WorkerStream, S4_M22_M23_PiecesThenAnEmptyResult) {
  FakePlatform platform;
  RunningWorker worker(streaming_on(platform), counting(5));
  platform.add_job("a", 1);
  ASSERT_TRUE(platform.wait_for_results(1));
  const auto pieces = platform.requests(Route::kStream);
  ASSERT_EQ(pieces.size(), 5u);
  const auto result = platform.results().at(0);
  for (size_t i = 0; i < pieces.size(); ++i) {
    EXPECT_EQ(pieces[i].target,
              "/v2/ep1/job-stream/podA/a?gpu=NVIDIA+GeForce+RTX+4090&isStream=false");
    EXPECT_EQ(pieces[i].body, "{\"output\": {\"n\":" + std::to_string(i) + "}}") << "in order";
    EXPECT_EQ(pieces[i].header("Content-Type"), "application/x-www-form-urlencoded");
    EXPECT_EQ(pieces[i].header("X-Request-ID"), "a");
    EXPECT_LE(pieces[i].ended, result.at) << "answered before the result was sent";
  }
  EXPECT_EQ(result.query(), "gpu=NVIDIA+GeForce+RTX+4090&isStream=true");
  EXPECT_EQ(result.body, R"({"output": []})");
  EXPECT_TRUE(worker.logs("Finished running generator.", 1));
}

TEST(WorkerStream, S4_M23_AggregatesWhenAskedTo) {
  FakePlatform platform;
  RunningWorker worker(streaming_on(platform, true), counting(3));
  platform.add_job("a", 1);
  ASSERT_TRUE(platform.wait_for_results(1));
  EXPECT_EQ(platform.requests(Route::kStream).size(), 3u);
  EXPECT_EQ(platform.results().at(0).body, R"({"output": [{"n":0},{"n":1},{"n":2}]})");
}

TEST(WorkerStream, S4_M23_NothingStreamedIsAnEmptyResult) {
  FakePlatform platform;
  RunningWorker worker(streaming_on(platform), counting(0));
  platform.add_job("a", 1);
  ASSERT_TRUE(platform.wait_for_results(1));
  EXPECT_EQ(platform.results().at(0).body, R"({"output": []})");
  EXPECT_EQ(platform.results().at(0).parameter("isStream"), "true");
}

TEST(WorkerStream, S4_M23_AStreamedErrorEndsTheJob) {
  FakePlatform platform;
  std::atomic<bool> went_on{false};
  RunningWorker worker(streaming_on(platform, true), [&](const Job& job, JobContext& context) {
    context.stream(1);
    context.stream({{"error", job.input()}, {"more", 1}, {"refresh_worker", true}});
    went_on = true;
    context.stream(2);
    return JobOutcome::success(nullptr);
  });
  platform.add_job("text", "bad voice");
  platform.add_job("object", {{"code", 5}});
  ASSERT_TRUE(platform.wait_for_results(2));
  EXPECT_EQ(platform.results().at(0).body, R"({"error": "bad voice"})");
  EXPECT_EQ(platform.results().at(0).parameter("isStream"), "true");
  EXPECT_EQ(platform.results().at(1).json(), Json({{"error", R"({"code":5})"}}));
  EXPECT_EQ(platform.requests(Route::kStream).size(), 2u) << "the first piece of each";
  EXPECT_FALSE(went_on);
}

TEST(WorkerStream, S4_M23_AnExceptionIsReportedInALine) {
  FakePlatform platform;
  RunningWorker worker(streaming_on(platform, true),
                       [](const Job& job, JobContext& context) -> JobOutcome {
                         context.stream(1);
                         if (job.id() == "known") throw_invalid("no such voice");
                         throw std::runtime_error("boom");
                       });
  platform.add_job("unknown", 1);
  platform.add_job("known", 1);
  ASSERT_TRUE(platform.wait_for_results(2));
  EXPECT_EQ(platform.result_of("unknown")->at("error"),
            "handler: boom \ntraceback: native code, handler of the job");
  EXPECT_EQ(platform.result_of("known"), Json({{"error", "invalid_input: no such voice"}}));
  EXPECT_EQ(platform.requests(Route::kStream).size(), 2u) << "what was streamed stays";
}

TEST(WorkerStream, AJobMayStreamOnItsOwnAccount) {
  FakePlatform platform;
  RunningWorker worker(options_on(platform), [](const Job& job, JobContext& context) {
    if (job.id() == "streams") context.stream("piece");
    return JobOutcome::success({{"seconds", 3}});
  });
  platform.add_job("streams", 1);
  platform.add_job("returns", 1);
  ASSERT_TRUE(platform.wait_for_results(2));
  EXPECT_EQ(platform.results().at(0).parameter("isStream"), "true");
  EXPECT_EQ(platform.results().at(0).body, R"({"output": {"seconds":3}})");
  EXPECT_EQ(platform.results().at(1).parameter("isStream"), "false");
}

TEST(WorkerStream, M22_ALostPieceIsRepeatedInItsPlace) {
  FakePlatform platform;
  PlatformAnswer reset;
  reset.reset = true;
  platform.script(Route::kStream, {PlatformAnswer::json({}), PlatformAnswer::with_status(500),
                                   reset, PlatformAnswer::with_status(429)});
  RunningWorker worker(streaming_on(platform), counting(4));
  platform.add_job("a", 1);
  ASSERT_TRUE(platform.wait_for_results(1));
  std::vector<int> answered;
  for (const auto& piece : platform.requests(Route::kStream)) {
    if (piece.status == 200) answered.push_back(piece.json()["output"]["n"]);
  }
  EXPECT_EQ(answered, (std::vector<int>{0, 1, 2, 3}));
}

TEST(WorkerStream, M22_APieceThatCannotBeSentIsDroppedAndTheJobGoesOn) {
  FakePlatform platform;
  platform.script(Route::kStream, {PlatformAnswer::with_status(400)});
  RunningWorker worker(streaming_on(platform), counting(3));
  platform.add_job("a", 1);
  ASSERT_TRUE(platform.wait_for_results(1));
  EXPECT_EQ(platform.requests(Route::kStream).size(), 3u);
  EXPECT_EQ(platform.results().at(0).body, R"({"output": []})");
  EXPECT_TRUE(worker.logs("Failed to send a stream piece", 1));
}

TEST(WorkerStream, M28_APieceOfMoreThanAMegabyteIsRefused) {
  EXPECT_EQ(SizeLimits{}.stream_piece, 1'000'000u);
  FakePlatform platform;
  const size_t around = std::string(R"({"output": ""})").size();
  RunningWorker worker(streaming_on(platform), [&](const Job&, JobContext& context) {
    context.stream(std::string(1'000'000 - around, 'x'));
    context.stream(std::string(1'000'001 - around, 'x'));
    return JobOutcome::success(nullptr);
  });
  platform.add_job("a", 1);
  ASSERT_TRUE(platform.wait_for_results(1));
  const auto pieces = platform.requests(Route::kStream);
  ASSERT_EQ(pieces.size(), 1u);
  EXPECT_EQ(pieces[0].body.size(), 1'000'000u);
  EXPECT_EQ(platform.result_of("a")->at("error"),
            "invalid_input: stream piece of 1000001 bytes, at most 1000000 are taken");
}

TEST(WorkerStream, TheHandlerRunsAheadOfTheNetworkButNotWithoutBound) {
  FakePlatform platform;
  Gate gate;
  platform.on(Route::kStream, [&](const auto&) -> std::optional<PlatformAnswer> {
    gate.wait();
    return std::nullopt;
  });
  WorkerOptions options = streaming_on(platform);
  options.limits.stream_queue = 4;
  std::atomic<int> streamed{0};
  RunningWorker worker(options, [&](const Job&, JobContext& context) {
    for (int i = 0; i < 20; ++i) {
      context.stream(i);
      ++streamed;
    }
    return JobOutcome::success(nullptr);
  });
  platform.add_job("a", 1);
  ASSERT_TRUE(platform.wait([&] { return streamed == 5; })) << "one on its way, four waiting";
  std::this_thread::sleep_for(milliseconds(30));
  EXPECT_EQ(streamed, 5);
  gate.open();
  ASSERT_TRUE(platform.wait_for_results(1));
  EXPECT_EQ(platform.requests(Route::kStream).size(), 20u);
}

TEST(WorkerStream, WithoutAStreamUrlThePiecesComeAsTheResult) {
  FakePlatform platform;
  WorkerOptions options = streaming_on(platform);
  options.stream_url.clear();
  RunningWorker worker(options, counting(2));
  platform.add_job("a", 1);
  ASSERT_TRUE(platform.wait_for_results(1));
  EXPECT_EQ(platform.results().at(0).body, R"({"output": [{"n":0},{"n":1}]})");
}

}  // namespace
}  // namespace echo::runpod
