// `echo-tts worker --prepare`: what is wrong with a worker's settings, and its weights, before it
// starts; and what the container's health check is told of a worker.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/file_io.h"
#include "support/paths.h"
#include "support/subprocess.h"
#include "support/temp_dir.h"

namespace echo {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class Prepare : public testing::Test {
 protected:
  Prepare() {
    set("HF_HUB_OFFLINE", "1");
    set("HF_HUB_CACHE", (dir_ / "hub").string());
    set("HOME", dir_.path().string());
    set("AUDIO_VOICES_DIR", (dir_ / "voices").string());
    set("OUTPUT_AUDIO_DIR", (dir_ / "output").string());
    set("ECHO_SERVED_DIR", (dir_ / "served").string());
    set("ECHO_HEALTH_FILE", (dir_ / "health").string());
  }

  void set(const std::string& name, const std::string& value) { variables_[name] = value; }
  void set_queue() {
    set("RUNPOD_WEBHOOK_GET_JOB", "http://127.0.0.1:9/job-take/$ID");
    set("RUNPOD_WEBHOOK_POST_OUTPUT", "http://127.0.0.1:9/job-done/$ID");
    set("RUNPOD_WEBHOOK_PING", "http://127.0.0.1:9/ping");
    set("RUNPOD_AI_API_KEY", "canary-key");
    set("RUNPOD_POD_ID", "pod");
    set("S3_ENDPOINT_URL", "https://s3.example");
    set("S3_ACCESS_KEY_ID", "id");
    set("S3_SECRET_ACCESS_KEY", "canary-secret");
    set("BUCKET_NAME", "tts");
  }

  ProcessResult worker(std::vector<std::string> arguments) const {
    ProcessOptions options;
    for (const auto& [name, value] : variables_) {
      options.environment.push_back(name + "=" + value);
    }
    arguments.insert(arguments.begin(), {program_path(), "worker"});
    return run_process(arguments, options);
  }
  ProcessResult prepare(std::vector<std::string> arguments = {}) const {
    arguments.insert(arguments.begin(), "--prepare");
    return worker(arguments);
  }

  TempDir dir_;
  std::map<std::string, std::string> variables_;
};

TEST_F(Prepare, SaysNothingWhenAServerCanStart) {
  set("ECHO_SERVE_API", "yes");
  const ProcessResult result = prepare();
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  EXPECT_THAT(result.out, IsEmpty());
  EXPECT_TRUE(fs::is_empty(dir_ / "served"));  // it can be written, and the probe is gone
  EXPECT_FALSE(fs::exists(dir_ / "health"));
}

TEST_F(Prepare, HasALineForEveryProblem) {
  set("RUNPOD_WEBHOOK_GET_JOB", "http://127.0.0.1:9/$ID");
  set("S3_SECRET_ACCESS_KEY", "canary-secret");
  set("BUCKET_ACCESS_KEY_ID", "id");
  set("MAX_TEXT_CHARS", "many");
  set("S3_PRESIGN_TTL_SECONDS", "604801");
  set("ECHO_CONCURRENCY", "-1");
  set("ECHO_DRAIN_SECONDS", "99999999");
  set("OUTPUT_RETENTION_HOURS", "0012");
  set("HF_ENDPOINT", "hub.example");
  set("HF_TOKEN", "canary token");
  const ProcessResult result = prepare();
  EXPECT_EQ(result.exit_code, 2) << result.out << result.err;
  for (const char* line :
       {"MAX_TEXT_CHARS: found \"many\", expected an integer from 1 to 1000000",
        "S3_PRESIGN_TTL_SECONDS: found \"604801\", expected an integer from 1 to 604800",
        "ECHO_CONCURRENCY: found \"-1\", expected an integer from 0 to 256",
        "ECHO_DRAIN_SECONDS: found \"99999999\", expected an integer from 0 to 86400",
        "HF_ENDPOINT: expected an address that begins with https:// or http://",
        "HF_TOKEN has a space or a line break", "S3_ENDPOINT_URL is not set",
        "S3_BUCKET_NAME is not set", "RUNPOD_WEBHOOK_POST_OUTPUT is not set"}) {
    EXPECT_THAT(result.out, HasSubstr("ERROR  | " + std::string(line)));
  }
  EXPECT_THAT(result.out, HasSubstr("The environment has 9 problem(s), listed above"));
  for (const char* absent :
       {"S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY is", "OUTPUT_RETENTION", "canary"}) {
    EXPECT_THAT(result.out + result.err, Not(HasSubstr(absent)));
  }
}

TEST_F(Prepare, ReadsWhatTheServerWillRead) {
  set("ECHO_QUEUE_CAPACITY", "0");
  set("ECHO_PUBLIC_URL", "tts.example");
  set("ECHO_SERVED_DIR", (dir_ / "output/below").string());
  const ProcessResult result = prepare({"--rp_serve_api"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.out, HasSubstr("ECHO_QUEUE_CAPACITY: found \"0\", expected an integer from 1"));
  EXPECT_THAT(result.out, HasSubstr("ECHO_PUBLIC_URL: expected an address"));
  EXPECT_THAT(result.out, HasSubstr("two directories apart from each other"));
}

TEST_F(Prepare, AFolderOfResultsMustBeWritable) {
  set("ECHO_STORAGE_DIR", "/dev/null/results");
  const ProcessResult result = prepare({"--mode", "queue"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.out, HasSubstr("/dev/null/results"));
  EXPECT_THAT(result.out, Not(HasSubstr("S3_BUCKET_NAME")));  // a folder takes the bucket's place
}

TEST_F(Prepare, AnUnknownModeIsRefused) {
  const ProcessResult given = prepare({"--mode=other"});
  EXPECT_EQ(given.exit_code, 2);
  set("ECHO_WORKER_MODE", "other");
  const ProcessResult set = prepare();
  EXPECT_EQ(set.exit_code, 2);
  EXPECT_THAT(set.out, HasSubstr("ECHO_WORKER_MODE: found \"other\", expected auto, queue"));
}

TEST_F(Prepare, AQueueWorkerNeedsItsWeights) {
  set_queue();
  ProcessResult result = prepare();
  EXPECT_EQ(result.exit_code, 1) << result.out << result.err;
  EXPECT_THAT(result.out,
              HasSubstr("ERROR  | The weights are not there and cannot be downloaded: "));
  EXPECT_THAT(result.out, HasSubstr("HF_HUB_OFFLINE is set"));
  EXPECT_THAT(result.out, HasSubstr("ERROR  | HF_TOKEN is not set"));
  set("HF_TOKEN", "canary-token");
  result = prepare();
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, Not(HasSubstr("HF_TOKEN is")));
  EXPECT_THAT(result.out + result.err, Not(HasSubstr("canary")));
  set("ECHO_MODEL_DIR", "small");
  EXPECT_EQ(prepare().exit_code, 0);
}

TEST_F(Prepare, LinesAreJsonOnThePlatformAndInTheLogFile) {
  set("RUNPOD_ENDPOINT_ID", "ep");
  set("ECHO_LOG_FILE", (dir_ / "worker.log").string());
  set("MAX_TEXT_CHARS", "nonsense \"quoted\" \\ and more");
  const ProcessResult result = prepare();
  EXPECT_EQ(result.exit_code, 2);
  std::istringstream lines(result.out);
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    EXPECT_FALSE(nlohmann::json::parse(line).at("message").get<std::string>().empty());
  }
  EXPECT_EQ(count, 2);
  EXPECT_THAT(read_file(dir_ / "worker.log"), HasSubstr("MAX_TEXT_CHARS"));
}

// The worker itself ends at once: there are no weights.
TEST_F(Prepare, TheHealthCheckIsToldWhereAServerAnswers) {
  const auto told = [&](const std::vector<std::string>& arguments) {
    fs::remove(dir_ / "health");
    worker(arguments);
    const std::string line = read_file(dir_ / "health");
    return line.substr(line.find(' ') + 1);
  };
  EXPECT_EQ(told({"--mode", "local"}), "\n");
  set("PORT", "1");
  set("PORT_HEALTH", "2");
  set("HEALTH_CHECK_PATH", "/alive");
  set("ECHO_MODEL_DIR", (dir_ / "nowhere").string());
  EXPECT_EQ(told({"--mode", "load-balancer"}), "2 /alive\n");
  set_queue();
  EXPECT_EQ(told({"--mode", "queue", "--metrics-port", "1"}), "1 /ping\n");
  EXPECT_EQ(told({"--mode", "queue"}), "\n");
}

}  // namespace
}  // namespace echo
