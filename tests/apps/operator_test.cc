// What an operator runs: pack, doctor, a start that is measured.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "support/paths.h"
#include "support/subprocess.h"
#include "support/temp_dir.h"

namespace echo {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

class Operator : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TempDir;
    const ProcessResult made = run_process({program_path(), "make-model", model()});
    ASSERT_EQ(made.exit_code, 0) << made.err;
  }
  static void TearDownTestSuite() { delete folder_; }
  static std::string model() { return (*folder_ / "model").string(); }

  ProcessResult run(const std::vector<std::string>& arguments,
                    std::map<std::string, std::string> variables = {}) const {
    variables.emplace("HF_HUB_OFFLINE", "1");
    variables.emplace("AUDIO_VOICES_DIR", (dir_ / "voices").string());
    variables.emplace("OUTPUT_AUDIO_DIR", (dir_ / "output").string());
    ProcessOptions options;
    for (const auto& [name, value] : variables) options.environment.push_back(name + "=" + value);
    std::vector<std::string> command{program_path()};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return run_process(command, options);
  }
  static std::map<std::string, json> checks_of(const ProcessResult& result) {
    std::map<std::string, json> checks;
    const json report = json::parse(result.out);
    for (const json& check : report.at("checks")) checks[check.at("name")] = check;
    return checks;
  }

  static TempDir* folder_;
  TempDir dir_;
};
TempDir* Operator::folder_ = nullptr;

TEST_F(Operator, APackedFileSpeaksAsTheDirectoryDoes) {
  const auto speak = [&](const std::string& from) {
    const ProcessResult said =
        run({"say", "Hello.", "--model", from, "--num_steps", "2", "--sequence_length", "32", "-o",
             "-", "--format", "wav", "--quiet"});
    EXPECT_EQ(said.exit_code, 0) << said.err;
    return said.out;
  };
  const std::string expected = speak(model());
  for (const char* layout : {"plain", "native"}) {
    const std::string file = dir_ / (std::string(layout) + ".echo");
    const ProcessResult packed = run({"pack", "--layout", layout, model(), file});
    ASSERT_EQ(packed.exit_code, 0) << packed.err;
    EXPECT_THAT(packed.err, HasSubstr(file));
    EXPECT_EQ(speak(file), expected) << layout;
  }
}

TEST_F(Operator, PackExplainsWhatItRefuses) {
  const ProcessResult missing = run({"pack", dir_ / "nothing", dir_ / "file"});
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_THAT(missing.err, HasSubstr("nothing: No such file or directory"));
  const ProcessResult wrong = run({"say", "a", "--model", program_path(), "-o", dir_ / "a.wav"});
  EXPECT_NE(wrong.exit_code, 0);
  EXPECT_THAT(wrong.err, HasSubstr(program_path()));
}

TEST_F(Operator, AVariableOfTheWorkerStopsTheWorkerAlone) {
  const std::map<std::string, std::string> variables = {{"ECHO_METRICS_PORT", "many"}};
  const ProcessResult worker = run({"worker", "--test_input", "{}"}, variables);
  EXPECT_EQ(worker.exit_code, 2);
  EXPECT_THAT(worker.err,
              HasSubstr("ECHO_METRICS_PORT: found \"many\", expected an integer from 0 to 65535"));
  EXPECT_EQ(run({"voices", dir_.path().string()}, variables).exit_code, 0);
}

TEST_F(Operator, AStartTellsItsStages) {
  const std::string report = dir_ / "report";
  const ProcessResult result =
      run({"worker", "--warmup", "--model", model(), "--start-report", report});
  ASSERT_EQ(result.exit_code, 0) << result.out << result.err;
  EXPECT_THAT(result.out, HasSubstr("Ready in "));
  EXPECT_THAT(result.out, HasSubstr("Plan: transformer in "));
  const json start = json::parse(std::ifstream(report));
  double sum = 0;
  for (const char* stage : {"process", "config", "fitness", "resolve", "map", "load", "warm-up"}) {
    ASSERT_TRUE(start.at("stages").contains(stage)) << stage;
    EXPECT_GE(start["stages"][stage].get<double>(), 0) << stage;
    sum += start["stages"][stage].get<double>();
  }
  EXPECT_NEAR(sum, start.at("seconds").get<double>(), 1e-6);
  EXPECT_GT(start["stages"]["load"], 0.0);
  EXPECT_LT(start.at("read_bytes"), start.at("file_bytes"));
}

TEST_F(Operator, ABenchIsOfTheDeviceThatIsAskedFor) {
  const ProcessResult cpu = run({"bench", "--device", "cpu", "--repetitions", "1", "--frames", "8",
                                 "--threads", "1", "--part", "stages", "--model", model()});
  ASSERT_EQ(cpu.exit_code, 0) << cpu.err;
  EXPECT_THAT(cpu.out, HasSubstr("step, 3 sequences, 8 frames"));
  EXPECT_THAT(cpu.out, HasSubstr("1 threads"));

  // A module that is none stands for a machine without a GPU, whatever this one has.
  const std::string module = dir_ / "libecho_cuda.so";
  std::ofstream(module) << "no module";
  const ProcessResult gpu =
      run({"bench", "--device", "cuda", "--cuda-module", module, "--model", model()});
  EXPECT_EQ(gpu.exit_code, 1);
  EXPECT_THAT(gpu.err, HasSubstr("echo-tts: CUDA: "));
  EXPECT_EQ(gpu.out, "");
  const ProcessResult automatic =
      run({"bench", "--threads", "1", "--cuda-module", module, "--repetitions", "1", "--frames",
           "8", "--part", "stages", "--model", model()});
  EXPECT_EQ(automatic.exit_code, 0) << automatic.err;
  EXPECT_THAT(automatic.err, HasSubstr("Using the CPU. CUDA: "));

  const ProcessResult narrow =
      run({"bench", "--device", "cpu", "--precision", "fp8", "--model", model()});
  EXPECT_EQ(narrow.exit_code, 2);
  EXPECT_THAT(narrow.err, HasSubstr("found fp8, expected auto, float32, bf16 or int8 on the CPU"));
}

TEST_F(Operator, ABenchTellsFirstWhatAUserAsksAndCanBeCompared) {
  const std::string json_file = dir_ / "one.json", page = dir_ / "one.html";
  const ProcessResult one =
      run({"bench", "--device", "cpu", "--repetitions", "1", "--frames", "8", "--steps", "1",
           "--threads", "1", "--model", model(), "--json", json_file, "--html", page});
  ASSERT_EQ(one.exit_code, 0) << one.err;
  const size_t asked = one.out.find("a text of 10 s"), stages = one.out.find("step, 3 sequences");
  ASSERT_NE(asked, std::string::npos) << one.out;
  EXPECT_LT(asked, stages);
  for (const char* row : {"a short text, 3 s", "a text of 30 s", "first audio", "memory, at most",
                          "start, files to ready"}) {
    EXPECT_THAT(one.out, HasSubstr(row));
  }
  std::ifstream file(page);
  const std::string html((std::istreambuf_iterator<char>(file)), {});
  for (const char* part : {"<!doctype html>", "a text of 10 s", "<svg", "GFLOP/s", "</html>"}) {
    EXPECT_THAT(html, HasSubstr(part));
  }
  EXPECT_EQ(html.find("http"), std::string::npos) << "the page loads nothing";

  // The second run is twice as fast at one thing, has lost one row and found another.
  json other = json::parse(std::ifstream(json_file));
  for (json& row : other["asked"]) {
    if (row["name"] == "a text of 10 s") row["value"] = 2 * row["value"].get<double>();
  }
  other["stages"][0]["name"] = "something else";
  const std::string second = dir_ / "two.json";
  std::ofstream(second) << other;
  const ProcessResult beside = run({"bench", "--compare", json_file, second});
  ASSERT_EQ(beside.exit_code, 0) << beside.err;
  EXPECT_THAT(beside.out, ContainsRegex("a text of 10 s .*2\\.00 x"));
  EXPECT_THAT(beside.out, ContainsRegex("a text of 30 s .*1\\.00 x"));
  EXPECT_THAT(beside.out, HasSubstr("only in the second: something else"));
  EXPECT_THAT(beside.out, HasSubstr("only in the first: text encoder"));

  std::ofstream(second) << "{}";
  const ProcessResult broken = run({"bench", "--compare", second, "--model", model()});
  EXPECT_EQ(broken.exit_code, 1);
  EXPECT_THAT(broken.err, HasSubstr("expected what `echo-tts bench --json` writes"));
}

TEST_F(Operator, ColdStartsAreMeasured) {
  const ProcessResult result =
      run({"bench", "--cold-start", "--repetitions", "1", "--model", model()});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  for (const char* word : {"warm", "cold", "load", "ready", "cached before"}) {
    EXPECT_THAT(result.out, HasSubstr(word));
  }
  const ProcessResult broken = run({"bench", "--cold-start", "--model", dir_ / "nowhere"});
  EXPECT_EQ(broken.exit_code, 1);
  EXPECT_THAT(broken.err, HasSubstr("nowhere"));
}

TEST_F(Operator, TooLittleMemoryIsRefusedWithTheFigure) {
  const ProcessResult result = run(
      {"say", "a", "--model", model(), "--device", "cpu", "--memory", "100", "-o", dir_ / "a.wav"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("found 0.1 GB of memory, expected"));
  const ProcessResult variable =
      run({"say", "a", "--model", model(), "-o", dir_ / "a.wav"}, {{"ECHO_PRECISION", "int3"}});
  EXPECT_EQ(variable.exit_code, 2);
  EXPECT_THAT(variable.err, HasSubstr("ECHO_PRECISION: found \"int3\""));
}

TEST_F(Operator, TheDoctorPassesWhatIsWell) {
  fs::create_directories(dir_ / "voices");
  std::ofstream(dir_ / "voices" / "anna.wav") << "sound";
  const ProcessResult result = run({"doctor", "--json", "--model", model()});
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  auto checks = checks_of(result);
  for (const char* name :
       {"device", "weights", "hashes", "room", "output", "volume", "voices", "platform"}) {
    EXPECT_EQ(checks[name]["status"], "pass") << name << checks[name].dump();
  }
  EXPECT_EQ(checks["storage"]["status"], "warn");
  EXPECT_FALSE(checks["storage"]["remedy"].get<std::string>().empty());
  EXPECT_FALSE(fs::exists(dir_ / "output")) << "the examination leaves nothing behind";
}

TEST_F(Operator, TheDoctorNamesWhatIsWrongAndWhatToDo) {
  const ProcessResult result =
      run({"doctor", "--model", dir_ / "nowhere"}, {{"S3_ENDPOINT_URL", "http://127.0.0.1:1"},
                                                    {"S3_ACCESS_KEY_ID", "AKIDEXAMPLE"},
                                                    {"S3_SECRET_ACCESS_KEY", "canary-secret"},
                                                    {"S3_BUCKET_NAME", "tts"},
                                                    {"HF_TOKEN", "hf_canary"}});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, HasSubstr("fail  weights"));
  EXPECT_THAT(result.out, HasSubstr("fail  volume"));
  EXPECT_THAT(result.out, HasSubstr("fail  storage"));
  EXPECT_THAT(result.out, HasSubstr("-> "));
  EXPECT_THAT(result.out + result.err, Not(HasSubstr("canary")));
}

TEST_F(Operator, TheDoctorFindsADamagedPackedFile) {
  fs::create_directories(dir_ / "voices");
  const std::string file = dir_ / "model.echo";
  ASSERT_EQ(run({"pack", model(), file}).exit_code, 0);
  EXPECT_EQ(checks_of(run({"doctor", "--json", "--model", file}))["hashes"]["status"], "pass");
  std::fstream(file, std::ios::in | std::ios::out | std::ios::binary)
      .seekp(static_cast<std::streamoff>(fs::file_size(file) - 1000))
      .write("damage", 6);
  const ProcessResult damaged = run({"doctor", "--json", "--model", file});
  EXPECT_EQ(damaged.exit_code, 1);
  EXPECT_EQ(checks_of(damaged)["hashes"]["status"], "fail");
  const ProcessResult skipped = run({"doctor", "--json", "--no-hashes", "--model", file});
  EXPECT_EQ(checks_of(skipped).count("hashes"), 0u);
}

}  // namespace
}  // namespace echo
