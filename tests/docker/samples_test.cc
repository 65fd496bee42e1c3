// The sample clients against the server as the container starts it: bootstrap, program, model,
// voice.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>

#include "audio/decode.h"
#include "base/file_io.h"
#include "support/child_process.h"
#include "support/client_python.h"
#include "support/paths.h"
#include "support/subprocess.h"
#include "support/temp_dir.h"

namespace echo {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string kProgram = program_path();

bool installed(const std::string& program) {
  return run_process({"/bin/sh", "-c", "command -v " + program}).exit_code == 0;
}

class NetSamples : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TempDir;
    const std::string model = file("volume/model"), voices = file("volume/echo-tts/audio_voices");
    fs::create_directories(voices);
    ASSERT_EQ(run_process({kProgram, "make-model", "--size", "tiny", model}).exit_code, 0);
    ASSERT_EQ(run_process({kProgram, "say", "A voice.", "--model", model, "--num_steps", "2",
                           "--sequence_length", "32", "-o", voices + "/anna.wav"})
                  .exit_code,
              0);
    server_ = new ChildProcess(
        {source_path("/docker/bootstrap.sh"), "--rp_serve_api", "--rp_api_host", "127.0.0.1",
         "--rp_api_port", "0"},
        {"ECHO_PROGRAM=" + kProgram, "ECHO_VOLUME=" + file("volume"), "ECHO_MODEL_DIR=" + model,
         "ECHO_LOCAL_DIR=" + file("local"), "ECHO_HEALTH_FILE=" + file("health"), "ECHO_USER=root",
         "ECHO_API_KEYS=sample-key", "RUNPOD_POD_ID=samples"});
    while (const auto line = server_->read_line(std::chrono::minutes(4))) {
      const size_t at = line->find("http://");
      if (line->find("Listening on") != line->npos) url_ = line->substr(at);
      if (line->find("| Ready") != line->npos) break;
    }
    ASSERT_THAT(url_, HasSubstr("http://127.0.0.1:"));
  }
  static void TearDownTestSuite() {
    server_->signal(SIGTERM);
    EXPECT_EQ(server_->wait(), 0);
    EXPECT_THAT(read_file(file("volume/echo-tts/logs/worker-samples.log")),
                HasSubstr("Shutting down"));
    delete server_;
    delete folder_;
  }

  static std::string file(const std::string& name) { return (*folder_ / name).string(); }

  static ProcessResult speak(std::vector<std::string> command, const std::string& key) {
    ProcessOptions options;
    options.environment = {
        "ECHO_URL=" + url_ + "/v2/local", "RUNPOD_API_KEY=" + key, "ECHO_POLL_SECONDS=0.1",
        R"(ECHO_PARAMETERS={"num_steps": 2, "sequence_length": 32, "output_format": "flac"})"};
    return run_process(command, options);
  }

  // The sample speaks with a voice, gets a file of audio, and reports a failed job and a wrong key.
  static void expect_to_speak(const std::vector<std::string>& sample) {
    const auto with = [&](std::vector<std::string> arguments) {
      arguments.insert(arguments.begin(), sample.begin(), sample.end());
      return arguments;
    };
    const std::string output = file("spoken.flac");
    fs::remove(output);
    const ProcessResult spoken = speak(
        with({"She said \"hello\",\nthen left \\ slowly.", output, "anna.wav"}), "sample-key");
    ASSERT_EQ(spoken.exit_code, 0) << spoken.err;
    EXPECT_THAT(spoken.out, HasSubstr(output));
    EXPECT_EQ(decode_audio_file(output).codec, "flac");
    EXPECT_GT(decode_audio_file(output).samples.size(), 1000U);

    fs::remove(output);
    const ProcessResult failed = speak(with({"Hello.", output, "nobody.wav"}), "sample-key");
    EXPECT_NE(failed.exit_code, 0);
    EXPECT_THAT(failed.err, HasSubstr("voice_not_found"));
    EXPECT_FALSE(fs::exists(output));
    EXPECT_NE(speak(with({"Hello.", output}), "wrong-key").exit_code, 0);
  }

  static ProcessResult stream(std::vector<std::string> sample, const std::string& key,
                              const std::string& parameters) {
    sample.insert(sample.end(), {"She said \"hello\",\nthen left \\ slowly.", "anna"});
    ProcessOptions options;
    options.environment = {"ECHO_BASE_URL=" + url_ + "/v1", "ECHO_API_KEY=" + key,
                           "ECHO_PARAMETERS=" + parameters};
    return run_process(sample, options);
  }

  // The sample writes a wav of speech, and fails with a wrong key.
  static ProcessResult expect_to_stream(
      const std::vector<std::string>& sample,
      const std::string& parameters = R"({"num_steps": 2, "sequence_length": 32})") {
    const ProcessResult spoken = stream(sample, "sample-key", parameters);
    EXPECT_EQ(spoken.exit_code, 0) << spoken.err;
    const DecodedAudio audio = decode_audio_bytes(spoken.out, "the sample's output");
    EXPECT_EQ(audio.codec, "pcm_s16le");
    EXPECT_GT(audio.samples.size(), 1000U);
    const ProcessResult refused = stream(sample, "wrong-key", parameters);
    EXPECT_NE(refused.exit_code, 0);
    EXPECT_EQ(refused.out.find("RIFF"), std::string::npos);
    return spoken;
  }

  static TempDir* folder_;
  static ChildProcess* server_;
  static std::string url_;
};
TempDir* NetSamples::folder_ = nullptr;
ChildProcess* NetSamples::server_ = nullptr;
std::string NetSamples::url_;

TEST_F(NetSamples, CurlSpeaks) {
  if (!installed("curl")) GTEST_SKIP() << "no curl";
  expect_to_speak({source_path("/samples/speak.sh")});
}

TEST_F(NetSamples, JavaScriptSpeaks) {
  expect_to_speak({"/usr/bin/env", "node", source_path("/samples/speak.mjs")});
}

TEST_F(NetSamples, PythonSpeaks) {
  if (!installed("python3")) GTEST_SKIP() << "no python3";
  expect_to_speak({"/usr/bin/env", "python3", source_path("/samples/speak.py")});
}

TEST_F(NetSamples, CurlStreams) {
  if (!installed("curl")) GTEST_SKIP() << "no curl";
  expect_to_stream({source_path("/samples/stream.sh")}, R"("num_steps": 2, "sequence_length": 32)");
}

TEST_F(NetSamples, OpenAisJavaScriptClientStreams) {
  // Modules are looked for beside the script.
  fs::copy_file(source_path("/samples/stream.mjs"), file("stream.mjs"));
  fs::create_symlink(source_path("/tests/js/node_modules"), file("node_modules"));
  const ProcessResult spoken = expect_to_stream({"/usr/bin/env", "node", file("stream.mjs")});
  EXPECT_THAT(spoken.err, HasSubstr("first sound after"));
}

TEST_F(NetSamples, OpenAisPythonClientStreams) {
  const auto python = client_python();
  if (!python) GTEST_SKIP() << kNoClientPython;
  const ProcessResult spoken = expect_to_stream({*python, source_path("/samples/stream.py")});
  EXPECT_THAT(spoken.err, HasSubstr("first sound after"));
}

TEST_F(NetSamples, TheHealthCheckAsksTheServer) {
  const std::string port = url_.substr(url_.rfind(':') + 1);
  std::ofstream(file("health")) << getpid() << " " << port << " /ping\n";
  ProcessOptions options;
  options.environment = {"ECHO_HEALTH_FILE=" + file("health")};
  const std::string check = source_path("/docker/healthcheck.sh");
  ProcessResult result = run_process({check}, options);
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  EXPECT_EQ(result.out, "ready\n");
  std::ofstream(file("health")) << getpid() << " " << port << " /no-such-path\n";
  result = run_process({check}, options);
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, HasSubstr("answered 4"));
}

}  // namespace
}  // namespace echo
