// The small voice: where it is found, when it speaks in place of the published weights, and when
// not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "support/child_process.h"
#include "support/fake_platform.h"
#include "support/paths.h"
#include "support/subprocess.h"
#include "support/temp_dir.h"

namespace echo {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

const std::string kFetches = "`echo-tts download` fetches the real ones";
const std::vector<std::string> kShortFlags = {"--num_steps", "2", "--sequence_length", "32"};

class SmallModel : public ::testing::Test {
 protected:
  // A machine without weights, a bucket or voices, which may not reach the hub.
  std::vector<std::string> environment(std::vector<std::string> more = {}) const {
    more.insert(more.end(), {"HF_HUB_OFFLINE=1", "HF_HOME=" + (dir_ / "hub").string(),
                             "AUDIO_VOICES_DIR=" + (dir_ / "no-voices").string(),
                             "OUTPUT_AUDIO_DIR=" + (dir_ / "output").string()});
    return more;
  }
  ProcessResult run(std::vector<std::string> arguments, std::vector<std::string> more = {},
                    const std::string& program = program_path()) const {
    ProcessOptions options;
    options.environment = environment(std::move(more));
    arguments.insert(arguments.begin(), program);
    return run_process(arguments, options);
  }
  ProcessResult say(std::vector<std::string> arguments, std::vector<std::string> more = {},
                    const std::string& program = program_path()) const {
    std::vector<std::string> all = {"say", "Hello.", "-o", dir_ / "said.wav"};
    all.insert(all.end(), kShortFlags.begin(), kShortFlags.end());
    all.insert(all.end(), arguments.begin(), arguments.end());
    return run(all, std::move(more), program);
  }
  static size_t lines_with(const std::string& text, const std::string& part) {
    size_t count = 0;
    for (size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++count;
    return count;
  }

  const std::string job_ = json{{"input",
                                 {{"text", "Hello."},
                                  {"speaker_voice", "rms.flac"},
                                  {"parameters", {{"num_steps", 2}, {"sequence_length", 32}}}}}}
                               .dump();
  TempDir dir_;
};

TEST_F(SmallModel, StandsInForMissingWeightsAndSaysSoInOneLine) {
  const ProcessResult plain = say({"--quiet"});
  EXPECT_EQ(plain.exit_code, 0) << plain.err;
  EXPECT_EQ(lines_with(plain.err, kFetches), 1U) << plain.err;
  EXPECT_EQ(std::count(plain.err.begin(), plain.err.end(), '\n'), 1) << plain.err;
  const ProcessResult asked = say({"--json"});
  EXPECT_EQ(asked.exit_code, 0) << asked.err;
  EXPECT_THAT(json::parse(asked.out).at("warnings").dump(), HasSubstr(kFetches));
  EXPECT_EQ(asked.err, "");
}

TEST_F(SmallModel, IsSilentAboutItselfWhereItWasAskedFor) {
  for (const auto& [flags, variables] :
       {std::pair<std::vector<std::string>, std::vector<std::string>>{{"--model", "small"}, {}},
        {{}, {"ECHO_MODEL_DIR=small"}}}) {
    std::vector<std::string> arguments = flags;
    arguments.push_back("--quiet");
    const ProcessResult result = say(arguments, variables);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(result.err, "");
  }
}

TEST_F(SmallModel, DoesNotStandInForARepositoryThatWasNamed) {
  const ProcessResult result = say({}, {"ECHO_MODEL=someone/other-model"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("someone/other-model: not in a cache"));
  EXPECT_THAT(result.err, HasSubstr("`--model small`"));
}

TEST_F(SmallModel, HasVoicesByName) {
  for (const std::string voice : {"rms", "slt", "awb", "awb.flac"}) {
    const ProcessResult result = say({"--model", "small", "--voice", voice});
    EXPECT_EQ(result.exit_code, 0) << result.err;
  }
  const ProcessResult unknown = say({"--model", "small", "--voice", "anna"});
  EXPECT_EQ(unknown.exit_code, 1);
  EXPECT_THAT(unknown.err, HasSubstr("voice anna: there is no such file"));
  EXPECT_THAT(unknown.err, HasSubstr("awb, rms, slt"));
  // A file of that name is what was meant.
  const ProcessResult file = say({"--model", "small", "--voice", "./rms"});
  EXPECT_EQ(file.exit_code, 1);
  EXPECT_THAT(file.err, HasSubstr("./rms"));
}

TEST_F(SmallModel, TestInputAndTheLocalApiSpeakWithItAndItsVoices) {
  const ProcessResult job = run({"worker", "--test_input", job_, "--storage", dir_ / "results"});
  EXPECT_EQ(job.exit_code, 0) << job.out << job.err;
  EXPECT_EQ(lines_with(job.out, kFetches), 1U) << job.out;
  EXPECT_THAT(job.out, HasSubstr("\"model\":\"echo-small\""));
  EXPECT_THAT(job.out, HasSubstr("The voices are the model's own, awb, rms, slt."));

  ChildProcess server({program_path(), "worker", "--rp_serve_api", "--rp_api_port", "0",
                       "--storage", dir_ / "results"},
                      environment());
  std::string log;
  while (const auto line = server.read_line(std::chrono::seconds(60))) {
    log += *line + "\n";
    if (line->find("Ready in") != line->npos) break;
  }
  EXPECT_EQ(lines_with(log, kFetches), 1U) << log;
  EXPECT_THAT(log, HasSubstr("Model echo-small found in"));
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait(), 0);
}

TEST_F(SmallModel, NoWorkerOfThePlatformSpeaksWithItUnasked) {
  FakePlatform platform;
  std::vector<std::string> queue = environment({"RUNPOD_ENDPOINT_ID=ep1"});
  for (const auto& [name, value] : platform.environment()) queue.push_back(name + "=" + value);
  platform.add_job("a", json::parse(job_).at("input"));
  const std::vector<std::string> command = {program_path(), "worker", "--storage",
                                            dir_ / "results"};
  {
    ChildProcess worker(command, queue);
    EXPECT_EQ(worker.wait(), 1);
    const std::string log = worker.read_all();
    EXPECT_THAT(log, HasSubstr("jordand/echo-tts-base: not in a cache"));
    EXPECT_THAT(log, Not(HasSubstr("Model echo-small")));
  }
  {
    FakePlatform other;
    other.close();  // its port is free now
    ChildProcess balanced(
        command, environment({"RUNPOD_ENDPOINT_ID=ep1", "PORT=" + std::to_string(other.port())}));
    EXPECT_EQ(balanced.wait(), 1);
    const std::string log = balanced.read_all();
    EXPECT_THAT(log, HasSubstr("jordand/echo-tts-base: not in a cache"));
    EXPECT_THAT(log, Not(HasSubstr("Model echo-small")));
  }
  queue.insert(queue.begin(), "ECHO_MODEL_DIR=small");
  ChildProcess worker(command, queue);
  ASSERT_TRUE(platform.wait_for_results(1, std::chrono::minutes(2)));
  const json result = platform.result_of("a").value();
  ASSERT_TRUE(result.contains("output")) << result.dump();
  EXPECT_EQ(result.at("output").at("metadata").at("model"), "echo-small");
}

TEST_F(SmallModel, IsFoundWhereItIsInstalled) {
  const fs::path program = dir_ / "prefix/bin/echo-tts";
  fs::create_directories(program.parent_path());
  fs::copy_file(program_path(), program);
  const ProcessResult alone = say({"--model", "small"}, {}, program);
  EXPECT_EQ(alone.exit_code, 1);
  EXPECT_THAT(alone.err, HasSubstr(dir_ / "prefix/bin/echo-small"));
  EXPECT_THAT(alone.err, HasSubstr(dir_ / "prefix/share/echo-tts/echo-small"));
  const ProcessResult without = say({}, {}, program);
  EXPECT_EQ(without.exit_code, 1);
  EXPECT_THAT(without.err, HasSubstr("not in a cache"));

  fs::create_directories(dir_ / "prefix/share/echo-tts");
  fs::copy(fs::path(source_path()) / "models/echo-small", dir_ / "prefix/share/echo-tts/echo-small",
           fs::copy_options::recursive);
  const ProcessResult installed = say({"--model", "small", "--voice", "rms"}, {}, program);
  EXPECT_EQ(installed.exit_code, 0) << installed.err;
  // `cmake --install` puts it there.
  const std::string script = build_path("/apps/cmake_install.cmake");
  std::ifstream in(script);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  EXPECT_THAT(text, HasSubstr("share/echo-tts"));
  EXPECT_THAT(text, HasSubstr("models/echo-small"));
}

TEST_F(SmallModel, OtherCommandsKnowItsName) {
  const ProcessResult packed = run({"pack", "small", dir_ / "small.echo"});
  EXPECT_EQ(packed.exit_code, 0) << packed.err;
  EXPECT_THAT(packed.err, HasSubstr("3 sample voices"));
  const ProcessResult said = say({"--model", dir_ / "small.echo", "--voice", "rms"});
  EXPECT_EQ(said.exit_code, 0) << said.err;
  EXPECT_THAT(say({"--model", dir_ / "small.echo", "--voice", "nobody"}).err,
              HasSubstr("sample voices of its own: awb, rms, slt"));
  const ProcessResult doctor = run({"doctor", "--json", "--model", "small"});
  EXPECT_THAT(doctor.out, HasSubstr("the small voice, not the published model"));
  EXPECT_THAT(doctor.out, HasSubstr("the small voice said two words"));
  const ProcessResult voices =
      run({"voices", fs::path(source_path()) / "models/echo-small/voices"});
  EXPECT_THAT(voices.out, HasSubstr("slt.flac"));
}

}  // namespace
}  // namespace echo
