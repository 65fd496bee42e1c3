// The whole path as deployed: platform, worker process, model, voice, bucket, link.
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "audio/decode.h"
#include "audio/encode.h"
#include "net/curl_http_client.h"
#include "support/child_process.h"
#include "support/fake_platform.h"
#include "support/paths.h"
#include "support/subprocess.h"
#include "support/temp_dir.h"

namespace echo {
namespace {

// Must be in no log: the user's words and the store's secret.
const std::string kCanaryText = "Canary words that belong to the user.";
const std::string kCanarySecret = "S3RVER";

// A second of something that is not silence.
std::string voice_file() {
  std::vector<float> samples(44100);
  for (size_t i = 0; i < samples.size(); ++i) {
    samples[i] = 0.3f * static_cast<float>(i % 200) / 200.0f - 0.15f;
  }
  EncodeOptions options;
  options.format = AudioFormat::kWav;
  return encode_audio(samples, options);
}

// The report about a job in a log of platform lines.
nlohmann::json report_of(const std::string& log, const std::string& id) {
  std::istringstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    const auto parsed = nlohmann::json::parse(line, nullptr, false);
    if (!parsed.is_object() || parsed.value("requestId", nlohmann::json()) != id) continue;
    const auto report = nlohmann::json::parse(parsed.value("message", ""), nullptr, false);
    if (report.is_object() && report.value("event", "") == "job") return report;
  }
  return nlohmann::json::object();
}

class NetWorkerProcess : public ::testing::Test {
 protected:
  void SetUp() override {
    bucket_server_ = std::make_unique<ChildProcess>(std::vector<std::string>{
        "node", source_path("/tests/js/s3_server.js"), (dir_ / "bucket").string(), "tts"});
    const auto port = bucket_server_->read_line(std::chrono::minutes(4));
    ASSERT_TRUE(port) << "the S3 server did not start; run scripts/test-clients";
    const ProcessResult made =
        run_process({program_path(), "make-model", (dir_ / "model").string()});
    ASSERT_EQ(made.exit_code, 0) << made.err;
    std::filesystem::create_directories(dir_ / "voices");
    std::ofstream(dir_ / "voices/anna.wav", std::ios::binary) << voice_file();
    environment_ = {"S3_ENDPOINT_URL=http://127.0.0.1:" + *port,
                    "S3_ACCESS_KEY_ID=S3RVER",
                    "S3_SECRET_ACCESS_KEY=" + kCanarySecret,
                    "S3_BUCKET_NAME=tts",
                    "AUDIO_VOICES_DIR=" + (dir_ / "voices").string(),
                    "OUTPUT_AUDIO_DIR=" + (dir_ / "output").string()};
    for (const auto& [name, value] : platform_.environment()) {
      environment_.push_back(name + "=" + value);
    }
  }

  std::vector<std::string> command() const {
    return {program_path(), "worker", "--model", (dir_ / "model").string()};
  }

  TempDir dir_;
  FakePlatform platform_;
  std::unique_ptr<ChildProcess> bucket_server_;
  std::vector<std::string> environment_;
};

TEST_F(NetWorkerProcess, JobBecomesAPlayableFileBehindALink) {
  environment_.push_back("RUNPOD_ENDPOINT_ID=ep1");
  ChildProcess worker(command(), environment_);
  const nlohmann::json parameters = {{"num_steps", "3"}, {"sequence_length", 48}};
  platform_.add_job("job-1", {{"text", kCanaryText},
                              {"speaker_voice", "anna.wav"},
                              {"parameters", parameters},
                              {"session_id", "session-7"}});
  platform_.add_job(
      "job-2", {{"text", "Again."}, {"speaker_voice", "anna.wav"}, {"parameters", parameters}});
  platform_.add_job("job-3", {{"text", "No such voice."}, {"speaker_voice", "../anna.wav"}});
  platform_.add_job("job-4", {{"action", "health_check"}});
  ASSERT_TRUE(platform_.wait_for_results(4, std::chrono::minutes(2)));

  const nlohmann::json output = platform_.result_of("job-1")->at("output");
  EXPECT_EQ(output.at("filename"), "session-7.ogg");
  EXPECT_EQ(output.at("metadata").at("voice_cache"), "miss");
  HttpRequest request;
  request.url = output.at("url").get<std::string>();
  const HttpResponse fetched = make_http_client()->perform(request);
  ASSERT_EQ(fetched.status, 200);
  EXPECT_EQ(fetched.header("content-type"), "audio/ogg; codecs=opus");
  const DecodedAudio audio = decode_audio_bytes(fetched.body, "session-7.ogg");
  EXPECT_EQ(audio.codec, "opus");
  EXPECT_NEAR(static_cast<double>(audio.samples.size()) / audio.sample_rate,
              output.at("metadata").at("duration").get<double>(), 0.02);

  EXPECT_EQ(platform_.result_of("job-2")->at("output").at("metadata").at("voice_cache"), "hit");
  const std::string error = platform_.result_of("job-3")->at("error");
  EXPECT_EQ(error.rfind("invalid_input: ", 0), 0U) << error;
  EXPECT_EQ(error.find(dir_.path().string()), error.npos) << error;
  EXPECT_EQ(platform_.result_of("job-4")->at("output").at("checks").at("storage").at("status"),
            "pass");

  worker.signal(SIGTERM);
  EXPECT_EQ(worker.wait(), 0);
  const std::string log = worker.read_all();
  EXPECT_EQ(log.rfind("--- Starting Serverless Worker |", 0), 0U) << log;
  const nlohmann::json report = report_of(log, "job-1");
  EXPECT_EQ(report.value("status", ""), "completed");
  EXPECT_EQ(report.value("session_id", ""), "session-7");
  EXPECT_EQ(report.value("text_chars", 0U), kCanaryText.size());
  EXPECT_EQ(report.value("bytes", 0U), fetched.body.size());
  EXPECT_EQ(report_of(log, "job-3").value("status", ""), "invalid_input");
  for (const std::string& canary : {kCanaryText, kCanarySecret, request.url}) {
    EXPECT_EQ(log.find(canary), log.npos) << log;
  }
}

TEST_F(NetWorkerProcess, StorageCheckReportsEachStep) {
  ProcessOptions options;
  options.environment = environment_;
  const ProcessResult good = run_process({program_path(), "storage", "check"}, options);
  EXPECT_EQ(good.exit_code, 0) << good.out << good.err;
  for (const char* step : {"put", "link", "fetch", "delete"}) {
    EXPECT_NE(good.out.find(step), good.out.npos) << good.out;
  }
  EXPECT_NE(good.out.find("pass"), good.out.npos);
  EXPECT_EQ(good.out.find("FAIL"), good.out.npos);

  options.environment.insert(options.environment.begin(), "S3_SECRET_ACCESS_KEY=another-secret");
  const ProcessResult bad = run_process({program_path(), "storage", "check"}, options);
  EXPECT_EQ(bad.exit_code, 1);
  EXPECT_NE(bad.out.find("put      FAIL"), bad.out.npos) << bad.out;
  EXPECT_EQ((bad.out + bad.err).find("another-secret"), std::string::npos);

  options.environment = {"S3_BUCKET_NAME=tts"};
  const ProcessResult incomplete = run_process({program_path(), "storage", "check"}, options);
  EXPECT_EQ(incomplete.exit_code, 2);
  EXPECT_NE(incomplete.err.find("S3_ENDPOINT_URL"), incomplete.err.npos) << incomplete.err;
}

TEST_F(NetWorkerProcess, RefusesToStartWithoutABucketOneLineForEachName) {
  std::vector<std::string> environment;
  for (const std::string& entry : environment_) {
    if (entry.rfind("S3_", 0) != 0) environment.push_back(entry);
  }
  ChildProcess worker(command(), environment);
  EXPECT_EQ(worker.wait(), 1);
  const std::string log = worker.read_all();
  for (const char* name :
       {"S3_ENDPOINT_URL", "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY", "S3_BUCKET_NAME"}) {
    EXPECT_NE(log.find(name), log.npos) << log;
  }
  EXPECT_TRUE(platform_.requests(PlatformRoute::kTake).empty());
}

}  // namespace
}  // namespace echo
