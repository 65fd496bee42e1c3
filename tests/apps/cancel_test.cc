// A job that is no longer wanted leaves the engine within a step, whoever says so.
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <thread>

#include "engine/engine_fixture.h"
#include "net/curl_http_client.h"
#include "runpod/worker.h"
#include "server/api_server.h"
#include "speech/job_handler.h"
#include "support/fake_platform.h"
#include "support/fake_speech.h"
#include "support/temp_dir.h"

namespace echo {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

// Far more steps than any test waits for.
const json kEndless = {{"text", "Hello there."},
                       {"parameters", {{"num_steps", 1000}, {"sequence_length", 640}}}};

class CancelledJob : public testing::Test {
 protected:
  Handler handler() { return make_speech_handler(service_); }

  // The job was on its way, so many steps at least, then it left: one step may have begun before
  // the stop was seen.
  void expect_left_within_a_step(int least_steps = 2) {
    // The engine answers a request before it counts it out.
    const auto idle = [] {
      const EngineStatus status = tiny_engine().status();
      return status.running == 0 && status.trajectories == 0;
    };
    const auto deadline = std::chrono::steady_clock::now() + 2min;
    const auto has_left = [&] { return cancelled_.stop_requested() && steps_ >= least_steps; };
    while (!(has_left() && idle()) && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(1ms);
    }
    EXPECT_TRUE(cancelled_.stop_requested());
    EXPECT_TRUE(idle());
    EXPECT_GE(steps_, least_steps);
    EXPECT_LT(steps_, 1000);
    EXPECT_LE(late_steps_, 1);
    EXPECT_TRUE(store_.objects().empty());
  }
  bool under_way() const { return steps_ >= 2; }

  SpeechStream start(SpeechRequest request, SpeechCallbacks callbacks) {
    const auto token = std::make_shared<std::promise<std::stop_token>>();
    callbacks.progress = [this, tell = callbacks.progress,
                          cancelled = token->get_future().share()](const SpeechProgress& progress) {
      if (cancelled.get().stop_requested()) ++late_steps_;
      ++steps_;
      tell(progress);
    };
    SpeechStream stream = tiny_engine().start(std::move(request), std::move(callbacks));
    cancelled_ = stream.cancelled();
    token->set_value(cancelled_);
    return stream;
  }

  std::atomic<int> steps_{0};
  std::atomic<int> late_steps_{0};
  std::stop_token cancelled_;  // of the one request
  TempDir root_;
  FakePlatform platform_;
  FakeStore store_;
  VoiceDirectory voice_directory_{(root_ / "voices").string()};
  VoiceLibrary voices_{voice_directory_};
  OutputDirectory output_{{.path = (root_ / "output").string()}};
  Logger logger_{{.level = LogLevel::kDebug}, std::make_shared<KeptLog>()};
  SpeechService service_{{.limits = {}, .model = "tiny", .device = "cpu"},
                         {[this](SpeechRequest request, SpeechCallbacks callbacks) {
                            return start(std::move(request), std::move(callbacks));
                          },
                          voices_,
                          &store_,
                          {},
                          output_,
                          logger_}};
};

// A queue worker with that handler until the end of the test.
class QueueWorker {
 public:
  QueueWorker(const FakePlatform& platform, const Handler& handler, Logger& logger,
              std::chrono::milliseconds drain_limit = 0ms)
      : worker_(options(platform, drain_limit), *http_, logger), thread_([this, handler] {
          runpod::WorkerSetup setup;
          setup.load = [handler] { return handler; };
          exit_code_ = worker_.run(setup);
        }) {}
  ~QueueWorker() { end(); }

  int end() {
    if (thread_.joinable()) {
      worker_.request_shutdown();
      thread_.join();
    }
    return exit_code_;
  }

 private:
  static runpod::WorkerOptions options(const FakePlatform& platform,
                                       std::chrono::milliseconds drain_limit) {
    const auto variables = platform.environment();
    runpod::WorkerOptions options = runpod::worker_options_from(
        [&](const std::string& name) -> std::optional<std::string> {
          const auto found = variables.find(name);
          if (found == variables.end()) return std::nullopt;
          return found->second;
        },
        nullptr);
    options.timing.drain_limit = drain_limit;
    return options;
  }

  std::unique_ptr<HttpClient> http_ = make_http_client();
  runpod::Worker worker_;
  int exit_code_ = -1;
  std::thread thread_;
};

TEST_F(CancelledJob, ByTheStopChannel) {
  QueueWorker worker(platform_, handler(), logger_);
  platform_.add_job("endless", kEndless);
  ASSERT_TRUE(platform_.wait([&] { return under_way(); }));
  platform_.stop_jobs(json::array({"endless"}));
  expect_left_within_a_step();
  EXPECT_TRUE(platform_.results().empty());
}

TEST_F(CancelledJob, ByItsExecutionTimeout) {
  QueueWorker worker(platform_, handler(), logger_);
  platform_.add_job(
      {{"id", "endless"}, {"input", kEndless}, {"policy", {{"executionTimeout", 2000}}}});
  ASSERT_TRUE(platform_.wait_for_results(1));
  expect_left_within_a_step(0);
  EXPECT_EQ(platform_.result_of("endless")->at("error"), "timed_out: the job ran longer than 2 s");
}

TEST_F(CancelledJob, ByTheEndOfTheDrain) {
  QueueWorker worker(platform_, handler(), logger_, 200ms);
  platform_.add_job("endless", kEndless);
  ASSERT_TRUE(platform_.wait([&] { return under_way(); }));
  EXPECT_EQ(worker.end(), 0);
  expect_left_within_a_step();
  EXPECT_TRUE(platform_.results().empty()) << "the platform tries it again elsewhere";
}

class CancelledApiJob : public CancelledJob {
 protected:
  CancelledApiJob() {
    api_.start();
    api_.set_ready(handler());
  }

  json post(const std::string& path, const json& body) {
    HttpRequest request;
    request.method = "POST";
    request.url = api_.url() + path;
    request.body = body.dump();
    return json::parse(http_->perform(request).body);
  }
  std::string run_endless(const json& policy = json::object()) {
    return post("/v2/local/run", {{"input", kEndless}, {"policy", policy}}).at("id");
  }
  void wait_until_under_way() {
    while (!under_way()) std::this_thread::sleep_for(1ms);
  }

  static server::ServerOptions options() {
    server::ServerOptions options;
    options.routes.min_execution_timeout = 100ms;
    options.jobs.tick = 5ms;
    return options;
  }

  std::unique_ptr<HttpClient> http_ = make_http_client();
  server::ApiServer api_{options(), {.logger = logger_}};
};

TEST_F(CancelledApiJob, ByTheClient) {
  const std::string id = run_endless();
  wait_until_under_way();
  EXPECT_EQ(post("/cancel/" + id, json::object()).at("status"), "CANCELLED");
  expect_left_within_a_step();
}

TEST_F(CancelledApiJob, ByItsExecutionTimeout) {
  const std::string id = run_endless({{"executionTimeout", 2000}});
  EXPECT_EQ(post("/v2/local/status-sync/" + id, json::object()).at("status"), "TIMED_OUT");
  expect_left_within_a_step(0);
}

TEST_F(CancelledApiJob, ByTheEndOfTheDrain) {
  run_endless();
  wait_until_under_way();
  api_.shutdown(100ms);
  expect_left_within_a_step();
}

}  // namespace
}  // namespace echo
