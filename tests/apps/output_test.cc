// What the program writes: nothing of the user's is destroyed, and nothing is said to be written
// that was not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "audio/decode.h"
#include "support/http_peer.h"
#include "support/kill_points.h"
#include "support/paths.h"
#include "support/subprocess.h"
#include "support/temp_dir.h"

namespace echo {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

std::string content(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class Output : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TempDir;
    const ProcessResult made = run_process({program_path(), "make-model", model()});
    ASSERT_EQ(made.exit_code, 0) << made.err;
  }
  static void TearDownTestSuite() { delete folder_; }
  static std::string model() { return (*folder_ / "model").string(); }

  std::string at(const std::string& name) const { return (dir_ / name).string(); }

  // What makes one short file as fast as can be.
  static std::vector<std::string> say(std::vector<std::string> more) {
    std::vector<std::string> command = {program_path(), "say",         "Hi.", "--model",
                                        model(),        "--num_steps", "1",   "--sequence_length",
                                        "16",           "--threads",   "1"};
    command.insert(command.end(), more.begin(), more.end());
    return command;
  }
  // In a shell, so that streams can be closed and limits set.
  static ProcessResult shell(const std::string& before, const std::vector<std::string>& command,
                             const std::string& redirection) {
    std::string line = before;
    for (const std::string& word : command) line += " '" + word + "'";
    return run_process({"/bin/sh", "-c", line + " " + redirection});
  }
  static void expect_refusal(const std::vector<std::string>& command, const std::string& expected) {
    const ProcessResult result = run_process(command);
    EXPECT_EQ(result.exit_code, 2) << result.err;
    EXPECT_THAT(result.err, HasSubstr(expected));
  }

  static TempDir* folder_;
  TempDir dir_;
};
TempDir* Output::folder_ = nullptr;

TEST_F(Output, ClosedStreamsDoNotEndInFiles) {
  for (const char* closed : {"0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"}) {
    const std::string file = at("a.wav");
    fs::remove(file);
    const ProcessResult result = shell("", say({"-o", file}), closed);
    EXPECT_EQ(result.exit_code, 0) << closed << result.err;
    EXPECT_THAT(content(file), StartsWith("RIFF")) << closed;
    EXPECT_TRUE(decode_audio_file(file).warnings.empty()) << closed;
  }
  EXPECT_EQ(shell("", say({"-o", at("a.wav"), "--json"}), "1>&-").exit_code, 1)
      << "the result was asked for, and is lost";
}

TEST_F(Output, WhatCouldNotBeWrittenIsAFailure) {
  fs::create_directory(dir_ / "voices");
  const std::vector<std::vector<std::string>> commands = {
      {program_path(), "--version"},
      {program_path(), "say", "--help"},
      {program_path(), "parity", golden_path("/randn")},
      {program_path(), "doctor", "--model", model()},
      say({"--json", "-o", at("a.ogg")}),
  };
  for (const std::vector<std::string>& command : commands) {
    const ProcessResult result = shell("", command, ">/dev/full");
    EXPECT_EQ(result.exit_code, 1) << command.at(1);
    // A command that fails anyway has said why.
    if (command.at(1) != "doctor") {
      EXPECT_THAT(result.err, HasSubstr("standard output: cannot be written")) << command.at(1);
    }
  }
}

TEST_F(Output, IsNeverAnInputByWhateverName) {
  const std::string voice = at("v.wav"), text = at("t.txt");
  ASSERT_EQ(run_process(say({"-o", voice})).exit_code, 0);
  std::ofstream(text) << "Hello.";
  fs::create_symlink(voice, at("link.wav"));
  fs::create_hard_link(voice, at("hard.wav"));
  const std::string before = content(voice);
  for (const std::string& name : {voice, at("./v.wav"), at("link.wav"), at("hard.wav")}) {
    expect_refusal(say({"--voice", voice, "-o", name}), "is the voice as well");
    expect_refusal(say({"--voice", name, "-o", voice}), "is the voice as well");
  }
  EXPECT_EQ(content(voice), before);
  expect_refusal(
      {program_path(), "say", "--file", text, "--model", model(), "--format", "ogg", "-o", text},
      "is the text as well");
  EXPECT_EQ(content(text), "Hello.");

  for (const char* name :
       {"echo-tts-base/pytorch_model.safetensors", "echo-tts-base/pca_state.safetensors",
        "fish-s1-dac-min/pytorch_model.safetensors"}) {
    const std::string file = model() + "/" + name;
    const auto size = fs::file_size(file);
    expect_refusal(say({"--format", "ogg", "-o", file}), "as well");
    expect_refusal({program_path(), "pack", model(), file}, "as well");
    EXPECT_EQ(fs::file_size(file), size) << name;
  }
}

TEST_F(Output, GoesWhereASymbolicLinkLeads) {
  fs::create_directory(dir_ / "music");
  std::ofstream(dir_ / "music/a.ogg") << "old";
  fs::create_symlink("music/a.ogg", dir_ / "link.ogg");
  fs::create_symlink(at("link.ogg"), dir_ / "second.ogg");
  fs::create_symlink("music/new.ogg", dir_ / "dangling.ogg");
  fs::create_symlink("loop.ogg", dir_ / "loop.ogg");
  ASSERT_EQ(run_process(say({"-o", at("second.ogg")})).exit_code, 0);
  EXPECT_TRUE(fs::is_symlink(dir_ / "second.ogg"));
  EXPECT_TRUE(fs::is_symlink(dir_ / "link.ogg"));
  EXPECT_THAT(content(dir_ / "music/a.ogg"), StartsWith("OggS"));
  ASSERT_EQ(run_process(say({"-o", at("dangling.ogg")})).exit_code, 0);
  EXPECT_TRUE(fs::is_symlink(dir_ / "dangling.ogg"));
  EXPECT_THAT(content(dir_ / "music/new.ogg"), StartsWith("OggS"));
  expect_refusal(say({"-o", at("loop.ogg")}), "lead in a circle");

  fs::create_symlink("packed.echo", dir_ / "pack");
  ASSERT_EQ(run_process({program_path(), "pack", model(), at("pack")}).exit_code, 0);
  EXPECT_TRUE(fs::is_symlink(dir_ / "pack"));
  EXPECT_GT(fs::file_size(dir_ / "packed.echo"), 1000U);
}

TEST_F(Output, WhatIsOpenAlreadyIsAddedTo) {
  std::ofstream(dir_ / "log") << "before";
  const ProcessResult result =
      shell("", say({"--format", "ogg", "-q", "-o", "/dev/stdout"}), ">>" + at("log"));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(content(dir_ / "log"), StartsWith("beforeOggS"));
}

TEST_F(Output, AFileThatMayNotGrowIsAnError) {
  // In units of 512 bytes.
  const ProcessResult said = shell("ulimit -f 1;", say({"-o", at("a.wav")}), "2>&1");
  EXPECT_EQ(said.exit_code, 1) << said.out;
  EXPECT_THAT(said.out, HasSubstr("File too large"));
  EXPECT_TRUE(fs::is_empty(dir_.path()));

  const ProcessResult job = shell(
      "ulimit -f 1;",
      {program_path(), "worker", "--storage", at("storage"), "--model", model(), "--test_input",
       R"({"input": {"text": "Hi.", "parameters": {"num_steps": 1, "sequence_length": 16}}})"},
      "2>&1 | cat");
  EXPECT_THAT(job.out, HasSubstr("storage_unavailable")) << "the job is answered";
}

TEST_F(Output, KilledAtAnyChangeTheNextOneWrites) {
  const std::string file = at("a.wav");
  const std::vector<std::string> command = say({"-q", "-o", file});
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  ASSERT_EQ(run_process(command).exit_code, 0);
  const std::string whole = content(file);
  const int killed =
      kill_at_every_point(KillPoints::kCallsThatChangeFiles,
                          {.prepare = [&] { std::ofstream(file) << "old"; },
                           .work = [&] { ::execv(arguments[0], arguments.data()); },
                           .check =
                               [&](int killed_at) {
                                 const std::string found = content(file);
                                 EXPECT_TRUE(found == "old" || found == whole) << killed_at;
                                 const ProcessResult next = run_process(command);
                                 EXPECT_EQ(next.exit_code, 0) << killed_at << next.err;
                                 EXPECT_EQ(content(file), whole) << killed_at;
                               }});
  if (killed < 0) GTEST_SKIP() << "processes may not be traced here";
  EXPECT_GE(killed, 4) << "create, lock, flush, rename at least";
}

TEST_F(Output, FoldersOfInputsAndOfResultsAreApart) {
  fs::create_directory(dir_ / "voices");
  for (const std::string& storage : {at("voices"), at("voices/results"), dir_.path().string()}) {
    ProcessOptions options;
    options.environment = {"AUDIO_VOICES_DIR=" + at("voices"), "OUTPUT_AUDIO_DIR=/nonexistent/o"};
    const ProcessResult result = run_process(
        {program_path(), "worker", "--storage", storage, "--model", model(), "--test_input", "{}"},
        options);
    EXPECT_EQ(result.exit_code, 1) << storage;
    EXPECT_THAT(result.out + result.err,
                AllOf(HasSubstr("AUDIO_VOICES_DIR"), HasSubstr("--storage"),
                      HasSubstr("could replace a voice")));
  }
  ProcessOptions options;
  options.environment = {"ECHO_LOG_FILE=" + at("anna.wav")};
  const ProcessResult result =
      run_process({program_path(), "worker", "--test_input", "{}"}, options);
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("ECHO_LOG_FILE: " + at("anna.wav")));
}

TEST_F(Output, AWholeBucketVanishesOnlyWhenThatIsSaid) {
  HttpPeer bucket([](const PeerRequest& request) -> PeerReply {
    if (request.method != "GET") return {};
    return {.status = 404, .body = "<Error><Code>NoSuchLifecycleConfiguration</Code></Error>"};
  });
  const auto lifecycle = [&](std::vector<std::string> arguments, const std::string& prefix) {
    ProcessOptions options;
    options.environment = {"S3_ENDPOINT_URL=" + bucket.url(), "S3_ACCESS_KEY_ID=AKIDEXAMPLE",
                           "S3_SECRET_ACCESS_KEY=secret", "S3_BUCKET_NAME=tts",
                           "S3_KEY_PREFIX=" + prefix};
    arguments.insert(arguments.begin(), {program_path(), "storage", "lifecycle"});
    return run_process(arguments, options);
  };
  const ProcessResult refused = lifecycle({"--days", "1"}, "");
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("bucket tts"), HasSubstr("--whole-bucket")));
  EXPECT_EQ(lifecycle({"--days", "1", "--whole-bucket"}, "results").exit_code, 2);
  EXPECT_TRUE(bucket.requests().empty());

  const ProcessResult whole = lifecycle({"--days", "1", "--whole-bucket"}, "");
  EXPECT_EQ(whole.exit_code, 0) << whole.err;
  EXPECT_THAT(whole.out, HasSubstr("objects of the whole bucket vanish after 1 days"));
  EXPECT_THAT(bucket.requests().back().body, HasSubstr("<Prefix></Prefix>"));
  const ProcessResult below = lifecycle({"--days", "7"}, "results");
  EXPECT_THAT(below.out, HasSubstr("objects below \"results/\" vanish after 7 days"));
  EXPECT_THAT(bucket.requests().back().body, HasSubstr("<Prefix>results/</Prefix>"));
}

}  // namespace
}  // namespace echo
