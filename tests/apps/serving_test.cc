// The worker's modes as processes, with a tiny model and nothing else around them.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "audio/decode.h"
#include "net/curl_http_client.h"
#include "support/child_process.h"
#include "support/fake_platform.h"
#include "support/paths.h"
#include "support/subprocess.h"
#include "support/temp_dir.h"

namespace echo {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

const json kShortJob = {{"text", "Words of the user."},
                        {"parameters", {{"num_steps", 2}, {"sequence_length", 32}}}};

// A port that nobody else takes meanwhile: below those that the system gives to whoever asks for
// any, and where no other test process looks first.
int free_port() {
  constexpr int kFirst = 20'000, kCount = 12'000;
  static int tries = 0;
  while (true) {
    const int port = kFirst + (::getpid() + 997 * tries++) % kCount;
    const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(port));
    const bool free = ::bind(probe, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    ::close(probe);
    if (free) return port;
  }
}

class Serving : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    model_ = std::make_unique<TempDir>();
    const ProcessResult made =
        run_process({program_path(), "make-model", (*model_ / "tiny").string()});
    ASSERT_EQ(made.exit_code, 0) << made.err;
  }
  static void TearDownTestSuite() { model_.reset(); }

  Serving() { std::filesystem::create_directories(dir_ / "voices"); }

  std::vector<std::string> command(std::vector<std::string> more = {}) const {
    std::vector<std::string> words = {program_path(), "worker",
                                      "--model",      (*model_ / "tiny").string(),
                                      "--storage",    (dir_ / "results").string()};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  // Of a name that is there twice the first one counts.
  std::vector<std::string> environment(std::vector<std::string> variables = {}) const {
    // The model speaks noise: a judge would have every chunk spoken anew.
    variables.emplace_back("ECHO_PROFILE=published");
    variables.push_back("AUDIO_VOICES_DIR=" + (dir_ / "voices").string());
    variables.push_back("OUTPUT_AUDIO_DIR=" + (dir_ / "output").string());
    return variables;
  }
  std::vector<std::string> queue_environment() const {
    std::vector<std::string> variables = environment();
    for (const auto& [name, value] : platform_.environment()) {
      variables.push_back(name + "=" + value);
    }
    return variables;
  }

  HttpResponse ask(const std::string& url, const json& body = nullptr) const {
    HttpRequest request;
    request.url = url;
    if (!body.is_null()) {
      request.method = "POST";
      request.body = body.dump();
    }
    return http_->perform(request);
  }
  // Asks until that status comes; the last answer.
  HttpResponse ask_until(const std::string& url, int status) const {
    const auto deadline = std::chrono::steady_clock::now() + 4min;
    HttpResponse answer = ask(url);
    while (answer.status != status && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(5ms);
      answer = ask(url);
    }
    return answer;
  }
  // The address in the line "Listening on ...", and everything up to it.
  static std::string listening_address(ChildProcess& server) {
    constexpr std::string_view kMark = "Listening on ";
    while (const auto line = server.read_line(4min)) {
      const size_t at = line->find(kMark);
      if (at != line->npos) return line->substr(at + kMark.size());
    }
    return {};
  }

  static inline std::unique_ptr<TempDir> model_;
  TempDir dir_;
  FakePlatform platform_;
  std::unique_ptr<HttpClient> http_ = make_http_client();
};

TEST_F(Serving, AQueueWorkerShowsItsNumbersOnAPortOfItsOwn) {
  const std::string monitor = "http://127.0.0.1:" + std::to_string(free_port());
  ChildProcess worker(command({"--metrics-port", monitor.substr(monitor.rfind(':') + 1)}),
                      queue_environment());
  EXPECT_EQ(ask_until(monitor + "/ping", 200).status, 200);
  platform_.add_job("a", kShortJob);
  platform_.add_job("b", {{"text", ""}});
  ASSERT_TRUE(platform_.wait_for_results(2, 2min));
  // The platform has a result before it is counted.
  std::string numbers;
  const auto deadline = std::chrono::steady_clock::now() + 2min;
  while (numbers.find("status=\"failed\"") == numbers.npos &&
         std::chrono::steady_clock::now() < deadline) {
    numbers = ask(monitor + "/metrics").body;
  }
  for (const char* line :
       {"echotts_requests_total{format=\"ogg\",route=\"queue\",status=\"completed\"} 1\n",
        "echotts_requests_total{format=\"none\",route=\"queue\",status=\"failed\"} 1\n",
        "echotts_chunks_total{result=",
        "echotts_stage_duration_seconds_count{stage=\"decode\"} 1\n",
        "echotts_stage_duration_seconds_count{stage=\"upload\"} 1\n",
        "echotts_time_to_first_audio_seconds_count{format=\"ogg\",route=\"job\"} 1\n",
        "echotts_batch_size 0\n", "echotts_build_info{", "process_resident_memory_bytes "}) {
    EXPECT_THAT(numbers, HasSubstr(line));
  }
  worker.signal(SIGTERM);
  EXPECT_EQ(worker.wait(), 0);
  EXPECT_THAT(worker.read_all(), HasSubstr("{\"event\":\"job\",\"id\":\"a\""));
}

TEST_F(Serving, DirectoriesThatOverlapAreRefusedAtOnce) {
  for (const char* voices : {"/output", "/output/voices", ""}) {
    ChildProcess worker(command(),
                        environment({"AUDIO_VOICES_DIR=" + dir_.path().string() + voices,
                                     "RUNPOD_WEBHOOK_GET_JOB=http://127.0.0.1:9/x",
                                     "RUNPOD_WEBHOOK_POST_OUTPUT=http://127.0.0.1:9/y"}));
    EXPECT_EQ(worker.wait(), 1);
    const std::string log = worker.read_all();
    EXPECT_THAT(log, HasSubstr("AUDIO_VOICES_DIR"));
    EXPECT_THAT(log, HasSubstr("OUTPUT_AUDIO_DIR"));
    EXPECT_THAT(log, Not(HasSubstr("Model loaded"))) << "before anything is loaded";
  }
}

TEST_F(Serving, TheLocalApiSpeaksAndHandsOutTheFile) {
  ChildProcess server(command({"--rp_serve_api", "--rp_api_port", "0"}), environment());
  const std::string url = listening_address(server);
  ASSERT_FALSE(url.empty());
  const json job = json::parse(ask(url + "/runsync", {{"input", kShortJob}}).body);
  ASSERT_EQ(job.at("status"), "COMPLETED") << job.dump();
  const HttpResponse file = ask(job.at("output").at("url").get<std::string>());
  ASSERT_EQ(file.status, 200);
  EXPECT_EQ(file.header("content-type"), "audio/ogg; codecs=opus");
  const DecodedAudio audio = decode_audio_bytes(file.body, "result.ogg");
  EXPECT_NEAR(static_cast<double>(audio.samples.size()) / audio.sample_rate,
              job.at("output").at("metadata").at("duration").get<double>(), 0.02);
  const std::string numbers = ask(url + "/metrics").body;
  EXPECT_THAT(numbers, HasSubstr("{format=\"ogg\",route=\"runsync\",status=\"completed\"} 1\n"));
  EXPECT_THAT(numbers, HasSubstr("echotts_chunks_total{result="));
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait(), 0);
  const std::string log = server.read_all();
  EXPECT_THAT(log, HasSubstr("{\"event\":\"job\",\"id\":\"test-"));
  EXPECT_THAT(log, Not(HasSubstr("Words of the user")));
}

TEST_F(Serving, M52ALoadBalancersWorkerIsReadyWhenItsModelIs) {
  const std::string port = std::to_string(free_port());
  const std::string url = "http://127.0.0.1:" + port;
  ChildProcess server(command(), environment({"PORT=" + port, "RUNPOD_ENDPOINT_ID=ep1",
                                              "HEALTH_CHECK_PATH=/alive"}));
  EXPECT_EQ(ask_until(url + "/alive", 200).status, 200);
  const json job = json::parse(ask(url + "/runsync", {{"input", kShortJob}}).body);
  EXPECT_EQ(job.at("status"), "COMPLETED") << job.dump();
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait(), 0);
  const std::string log = server.read_all();
  EXPECT_THAT(log, HasSubstr("ECHO_PUBLIC_URL")) << "links to this machine help nobody else";
  EXPECT_THAT(log, HasSubstr(R"("message": "{\"event\":\"job\")"));
}

TEST_F(Serving, TheModeMayBeGivenByName) {
  // The environment of a queue worker, and still one job and the end.
  ChildProcess one(command({"--mode", "local", "--test_input", json{{"input", kShortJob}}.dump()}),
                   queue_environment());
  EXPECT_EQ(one.wait(), 0);
  EXPECT_THAT(one.read_all(), HasSubstr("Job local_test completed successfully."));
  EXPECT_TRUE(platform_.requests(PlatformRoute::kTake).empty());
  ChildProcess bad(command(), environment({"ECHO_WORKER_MODE=serverless"}));
  EXPECT_EQ(bad.wait(), 2);
}

TEST_F(Serving, AFlagGivesTheProfileOfWhatAsksForNone) {
  // Over the variable, which says published.
  ChildProcess natural(
      command({"--profile", "natural", "--test_input", json{{"input", {{"text", "Hi."}}}}.dump()}),
      environment());
  EXPECT_EQ(natural.wait(), 0);
  EXPECT_THAT(natural.read_all(), HasSubstr("profile natural"));
  ChildProcess loud(command({"--profile", "loud"}), environment());
  EXPECT_EQ(loud.wait(), 2);
}

TEST_F(Serving, VariablesSetPartsOfTheProfile) {
  const auto told = [&](const std::string& variable) {
    ChildProcess worker(command({"--test_input", json{{"input", {{"text", "Hi."}}}}.dump()}),
                        environment({variable}));
    const std::string text = worker.read_all();
    worker.wait();
    return text;
  };
  EXPECT_THAT(told("ECHO_CONTINUITY=paragraph"), ContainsRegex("continuity\": ?\"paragraph\""));
  for (const char* wrong : {"ECHO_CONTINUITY=sometimes", "ECHO_MAX_REROLLS=6"}) {
    ChildProcess worker(command({"--test_input", "{}"}), environment({wrong}));
    EXPECT_EQ(worker.wait(), 2) << wrong;
  }
}

TEST_F(Serving, M39ATestJobEndsTheProcessWithItsFate) {
  ChildProcess good(command({"--test_input", json{{"input", kShortJob}}.dump()}), environment());
  EXPECT_EQ(good.wait(), 0);
  const std::string log = good.read_all();
  EXPECT_THAT(log, HasSubstr("{\"event\":\"job\",\"id\":\"local_test\""));
  EXPECT_THAT(log, HasSubstr("Job result: {\"output\":"));
  ChildProcess bad(command({"--test_input", json{{"input", kShortJob}}.dump()}),
                   environment({"MAX_TEXT_CHARS=5"}));
  EXPECT_EQ(bad.wait(), 1);
  EXPECT_THAT(bad.read_all(), HasSubstr("Job local_test failed with error: invalid_input: text: "
                                        "found 18 characters, expected at most 5"));
  ChildProcess broken(command({"--test_input", "{"}), environment());
  EXPECT_EQ(broken.wait(), 1);
  ChildProcess usage(command({"--rp_api_port", "many"}), environment());
  EXPECT_EQ(usage.wait(), 2);
}

TEST_F(Serving, WarmUpSpeaksOnceAndEnds) {
  ChildProcess worker(command({"--warmup"}), environment());
  EXPECT_EQ(worker.wait(), 0);
  EXPECT_THAT(worker.read_all(), HasSubstr("Warmed up in"));
}

TEST_F(Serving, AHalfDescribedBucketIsToldOf) {
  std::vector<std::string> words = command({"--test_input", json{{"input", kShortJob}}.dump()});
  words.erase(words.begin() + 4, words.begin() + 6);  // --storage
  const ProcessResult result = [&] {
    std::vector<std::string> variables = environment({"S3_BUCKET_NAME=tts"});
    ProcessOptions options;
    options.environment = variables;
    const auto before = std::filesystem::current_path();
    std::filesystem::current_path(dir_.path());  // results go to ./echo-tts-output
    const ProcessResult ended = run_process(words, options);
    std::filesystem::current_path(before);
    return ended;
  }();
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  EXPECT_THAT(result.out, HasSubstr("Results go to a folder. | S3_ENDPOINT_URL"));
  EXPECT_TRUE(std::filesystem::exists(dir_ / "echo-tts-output"));
}

}  // namespace
}  // namespace echo
