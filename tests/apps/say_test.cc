// The program as a user meets it: its results, and its answers to mistakes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "audio/decode.h"
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

// One tiny model and one voice for all tests.
class Say : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TempDir;
    const ProcessResult made =
        run_process({program_path(), "make-model", "--size", "tiny", model()});
    ASSERT_EQ(made.exit_code, 0) << made.err;
    const ProcessResult voice = run({"A voice.", "-o", file("voice.wav")});
    ASSERT_EQ(voice.exit_code, 0) << voice.err;
  }
  static void TearDownTestSuite() { delete folder_; }

  static std::string model() { return (*folder_ / "model").string(); }
  static std::string file(const std::string& name) { return (*folder_ / name).string(); }

  // `say` with the tiny model and a short window.
  static ProcessResult run(const std::vector<std::string>& arguments,
                           const ProcessOptions& options = {}) {
    return run_command(command(arguments), options);
  }
  static std::vector<std::string> command(const std::vector<std::string>& arguments) {
    std::vector<std::string> all = {program_path(), "say", "--model", model()};
    if (std::find(arguments.begin(), arguments.end(), "--num_steps") == arguments.end()) {
      all.insert(all.end(), {"--num_steps", "2"});
    }
    if (std::find(arguments.begin(), arguments.end(), "--sequence_length") == arguments.end()) {
      all.insert(all.end(), {"--sequence_length", "32"});
    }
    all.insert(all.end(), arguments.begin(), arguments.end());
    return all;
  }
  static ProcessResult run_command(const std::vector<std::string>& words,
                                   const ProcessOptions& options = {}) {
    // The model speaks noise: a judge would have every chunk spoken anew.
    ProcessOptions with = options;
    with.environment.emplace_back("ECHO_PROFILE=published");
    return run_process(words, with);
  }
  // Something is heard after two steps, and all of it after a thousand more.
  static std::vector<std::string> first_block_and_long_rest(const std::string& format) {
    return {"Hello there.",      "-o",  "-",           "--device=cpu", "--format=" + format,
            "--sequence_length", "640", "--num_steps", "2,1000",       "--block_sizes=32,608"};
  }

  // A mistake is answered by one line that holds `expected`, a code, and no file.
  static void expect_refusal(std::vector<std::string> arguments, const std::string& expected,
                             int exit_code = 2) {
    SCOPED_TRACE(expected);
    const std::string output = file("refused.ogg");
    if (std::find(arguments.begin(), arguments.end(), "-o") == arguments.end()) {
      arguments.insert(arguments.end(), {"-o", output});
    }
    const ProcessResult result = run(arguments);
    EXPECT_EQ(result.exit_code, exit_code) << result.err;
    EXPECT_NE(result.err.find(expected), std::string::npos) << result.err;
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    EXPECT_EQ(result.out, "");
    EXPECT_TRUE(leftovers().empty()) << leftovers().front();
  }

  // Files that a failed run must not leave.
  static std::vector<std::string> leftovers() {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(folder_->path())) {
      const std::string name = entry.path().filename();
      if (name.find(".part") != name.npos || name.find("refused") == 0) found.push_back(name);
    }
    return found;
  }

  static TempDir* folder_;
};
TempDir* Say::folder_ = nullptr;

TEST_F(Say, SpeaksWithAVoiceIntoAnOggFile) {
  const std::string output = file("hello.ogg");
  const ProcessResult result =
      run({"Hello there.", "--voice", file("voice.wav"), "-o", output, "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto told = nlohmann::json::parse(result.out);
  const DecodedAudio audio = decode_audio_file(output);
  EXPECT_EQ(audio.codec, "opus");
  EXPECT_NEAR(static_cast<double>(audio.samples.size()) / audio.sample_rate,
              told.at("duration").get<double>(), 0.02);
  EXPECT_EQ(told.at("chunks").size(), 1U);
}

TEST_F(Say, WritesEveryFormatItsSuffixNames) {
  for (const std::string name : {"a.ogg", "a.opus", "a.wav", "a.flac", "a.mp3"}) {
    const ProcessResult result = run({"Hello.", "-o", file(name), "--quiet"});
    EXPECT_EQ(result.exit_code, 0) << name << result.err;
    EXPECT_EQ(result.err.find("error"), std::string::npos);
    EXPECT_GT(decode_audio_file(file(name)).samples.size(), 1000U) << name;
  }
}

TEST_F(Say, TheSameSeedGivesTheSameFileAndAnotherSeedAnother) {
  std::vector<std::string> bytes;
  for (const std::string seed : {"7", "7", "8"}) {
    const ProcessResult result = run({"Hello.", "-o", "-", "--format", "wav", "--seed", seed});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    bytes.push_back(result.out);
  }
  EXPECT_EQ(bytes[0].substr(0, 4), "RIFF");
  EXPECT_EQ(bytes[0], bytes[1]);
  EXPECT_NE(bytes[0], bytes[2]);
}

TEST_F(Say, ReadsTheTextFromStandardInputOrAFile) {
  ProcessOptions options;
  options.input = "Hello.\n";
  const ProcessResult piped = run({"-", "-o", "-", "--format", "wav"}, options);
  std::ofstream(file("text.txt")) << "\xef\xbb\xbfHello.\n";
  const ProcessResult read = run({"--file", file("text.txt"), "-o", "-", "--format", "wav"});
  const ProcessResult silent = run({"-o", "-", "--format", "wav"}, options);
  const ProcessResult direct = run({"Hello.", "-o", "-", "--format", "wav"});
  EXPECT_EQ(direct.exit_code, 0) << direct.err;
  EXPECT_EQ(piped.out, direct.out);
  EXPECT_EQ(silent.out, direct.out) << "without a text standard input is read";
  EXPECT_EQ(read.out, direct.out);
}

TEST_F(Say, SpeaksALongTextInChunks) {
  const std::string output = file("long.ogg");
  const ProcessResult result = run(
      {"One sentence that is long enough for a chunk of its own. And another one after it, so that "
       "there are two of them.",
       "--max_chars_per_chunk", "60", "-o", output, "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto chunks = nlohmann::json::parse(result.out).at("chunks");
  ASSERT_EQ(chunks.size(), 2U);
  EXPECT_EQ(chunks[1].at("seed"), 1000);
}

TEST_F(Say, TheLongestTextIsTheSameAsForJobs) {
  ProcessOptions options;
  options.environment = {"MAX_TEXT_CHARS=5"};
  const ProcessResult result = run({"Too long.", "-o", file("too_long.wav")}, options);
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_NE(result.err.find("5 characters"), std::string::npos) << result.err;
}

TEST_F(Say, RefusesTextsThatCannotBeSpoken) {
  expect_refusal({""}, "text: it is empty");
  expect_refusal({" \n\t "}, "text:");
  std::ofstream(file("hundred_thousand.txt")) << std::string(100000, 'a');
  expect_refusal({"--file", file("hundred_thousand.txt"), "--max_text_chars", "99999"},
                 "99999 characters");
  std::ofstream(file("millions.txt")) << std::string(2'000'001, 'a');
  expect_refusal({"--file", file("millions.txt")}, "2000000 characters");
  expect_refusal({"broken \xff\xfe bytes"}, "UTF-8");
  expect_refusal({"a bell \x07 rings"}, "control character");
  expect_refusal({"--file", file("missing.txt")}, "missing.txt", 1);
  expect_refusal({"--file", folder_->path().string()}, "directory");
  expect_refusal({std::string(1000, 'x'), "--max_chars_per_chunk", "0"}, "768");
}

TEST_F(Say, RefusesParametersOutOfRangeByNameValueAndRange) {
  expect_refusal({"a", "--num_steps", "0"}, "num_steps: found 0, expected an integer from 1");
  expect_refusal({"a", "--num_steps", "-1"}, "num_steps: found -1");
  expect_refusal({"a", "--num_steps", "1000000000"}, "num_steps: found 1000000000");
  expect_refusal({"a", "--num_steps", "NaN"}, "num_steps");
  expect_refusal({"a", "--cfg_scale_text", "nan"}, "cfg_scale_text");
  expect_refusal({"a", "--cfg_scale_text", "inf"}, "cfg_scale_text");
  expect_refusal({"a", "--cfg_min_t", "0.9", "--cfg_max_t", "0.2"}, "cfg_min_t");
  expect_refusal({"a", "--sequence_length", "641"}, "sequence_length: found 641");
  expect_refusal({"a", "--seed", "-1"}, "seed: found -1");
  expect_refusal({"a", "--seed", "18446744073709551616"}, "seed: found 18446744073709551616");
  expect_refusal({"a", "--block_sizes", "400,400"}, "block_sizes");
  expect_refusal({"a", "--preset", "Nonsense"}, "preset: there is none of this name");
  expect_refusal({"a", "--format", "avi"}, "avi");
  expect_refusal({"a", "--sample_rate", "12345", "--format", "ogg"}, "sample_rate");
}

TEST_F(Say, RefusesPrecisionsThatTheDeviceLacks) {
  expect_refusal({"a", "--device", "cpu", "--precision", "fp8"},
                 "precision: found fp8, expected one that the cpu backend has");
  ProcessOptions options;
  options.environment = {"ECHO_PRECISION=int4"};
  const ProcessResult result = run({"a", "--device", "cpu", "-o", file("refused.ogg")}, options);
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_NE(result.err.find("ECHO_PRECISION: found \"int4\", expected one of auto"),
            std::string::npos)
      << result.err;
}

TEST_F(Say, RefusesVoicesThatAreNone) {
  expect_refusal({"a", "--voice", file("nobody.wav")}, "nobody.wav", 1);
  expect_refusal({"a", "--voice", folder_->path().string()}, "directory");
  fs::create_symlink(file("loop_b"), file("loop_a"));
  fs::create_symlink(file("loop_a"), file("loop_b"));
  expect_refusal({"a", "--voice", file("loop_a")}, "loop_a: too many symbolic links");
  std::ofstream(file("zeros.wav")).close();
  fs::resize_file(file("zeros.wav"), uint64_t{2} << 30);  // sparse
  expect_refusal({"a", "--voice", file("zeros.wav")}, "zeros.wav", 1);
  std::ofstream(file("empty.wav")).close();
  expect_refusal({"a", "--voice", file("empty.wav")}, "empty", 1);
  std::ofstream(file("prose.wav")) << "This is no audio at all, whatever its name says.";
  expect_refusal({"a", "--voice", file("prose.wav")}, "prose.wav", 1);
}

TEST_F(Say, RefusesOutputsThatCannotBeWritten) {
  expect_refusal({"a", "-o", file("no/such/folder/a.ogg")}, "no/such/folder", 1);
  expect_refusal({"a", "-o", folder_->path().string()}, "directory");
  expect_refusal({"a", "-o", "/proc/a.ogg"}, "/proc/a.ogg", 1);
}

TEST_F(Say, TellsOfAFullDisk) {
  expect_refusal({"a", "--quiet", "--format", "ogg", "-o", "/dev/full"}, "No space left", 1);
  ProcessOptions options;
  options.output_file = "/dev/full";
  const ProcessResult result = run({"a", "--quiet", "-o", "-"}, options);
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.err.find("No space left"), std::string::npos) << result.err;
}

TEST_F(Say, NamesWhatAModelLacks) {
  const std::string broken = file("broken");
  const auto refuse = [&](const std::string& expected) {
    const ProcessResult result =
        run_process({program_path(), "say", "a", "--model", broken, "-o", file("refused.ogg")});
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_NE(result.err.find(expected), std::string::npos) << result.err;
    EXPECT_TRUE(leftovers().empty());
  };
  refuse("broken");
  fs::copy(model(), broken, fs::copy_options::recursive);
  fs::remove(broken + "/echo-tts-base/pca_state.safetensors");
  refuse("pca_state.safetensors");
  fs::remove_all(broken);
  fs::copy(model(), broken, fs::copy_options::recursive);
  const std::string weights = broken + "/echo-tts-base/pytorch_model.safetensors";
  fs::resize_file(weights, fs::file_size(weights) / 2);
  refuse("pytorch_model.safetensors");
  fs::resize_file(weights, 4);
  refuse("pytorch_model.safetensors");
}

TEST_F(Say, StopsAtAnInterruptAndLeavesNoFile) {
  ProcessOptions options;
  options.interrupt_at = "step";
  const ProcessResult result = run({"Hello. This takes a while.", "--num_steps", "1000",
                                    "--sequence_length", "640", "-o", file("refused.ogg")},
                                   options);
  EXPECT_EQ(result.exit_code, 130) << result.err;
  EXPECT_NE(result.err.find("interrupted"), std::string::npos) << result.err;
  EXPECT_TRUE(leftovers().empty());
}

// The last line of progress, which a run to its end always writes.
constexpr const char* kAllSteps = "100 %";

TEST_F(Say, EndsInAStepWhenItsReaderHasHeardEnough) {
  EXPECT_THAT(run({"Hello.", "-o", "-"}).err, HasSubstr(kAllSteps)) << "what is looked for below";
  std::vector<std::string> words = {
      "/bin/sh",
      "-c",
      R"(code=$1 said=$2; shift 2; { "$@" 2> "$said"; echo $? > "$code"; } | head -c 100000 | wc -c)",
      "sh",
      file("code"),
      file("said")};
  const std::vector<std::string> say = command(first_block_and_long_rest("wav"));
  words.insert(words.end(), say.begin(), say.end());
  const ProcessResult pipeline = run_command(words);
  EXPECT_EQ(std::stoi(pipeline.out), 100000) << pipeline.err;
  const std::string said = read_file(file("said"));
  EXPECT_EQ(read_file(file("code")), "0\n") << said;
  EXPECT_THAT(said, Not(HasSubstr(kAllSteps))) << "it went on without a reader";
  EXPECT_THAT(said, Not(HasSubstr("echo-tts: "))) << "a closed player is nothing to complain of";
}

TEST_F(Say, AnInterruptEndsWhatHasBeenHeardProperly) {
  ProcessOptions options;
  options.interrupt_after = 1;
  const ProcessResult result = run(first_block_and_long_rest("ogg"), options);
  EXPECT_EQ(result.exit_code, 130) << result.err;
  EXPECT_THAT(result.err, HasSubstr("interrupted"));
  EXPECT_THAT(result.err, Not(HasSubstr(kAllSteps)));
  const size_t page = result.out.rfind("OggS");
  ASSERT_LT(page, result.out.size() - 6);
  EXPECT_TRUE(result.out[page + 5] & 4) << "the last page ends the stream";
  const DecodedAudio audio = decode_audio_bytes(result.out, "what was heard");
  EXPECT_THAT(audio.warnings, IsEmpty());
  EXPECT_GT(audio.samples.size(), static_cast<size_t>(audio.sample_rate));
}

TEST(Program, ExplainsWrongUse) {
  EXPECT_EQ(run_process({program_path()}).exit_code, 2);
  EXPECT_EQ(run_process({program_path(), "speak"}).exit_code, 2);
  EXPECT_EQ(run_process({program_path(), "say", "--no-such-option"}).exit_code, 2);
  const ProcessResult version = run_process({program_path(), "--version"});
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_EQ(version.out.rfind("echo-tts ", 0), 0U) << version.out;
  const ProcessResult help = run_process({program_path(), "say", "--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_NE(help.out.find("Examples:"), std::string::npos);
  EXPECT_NE(help.out.find("--cfg_scale_speaker"), std::string::npos);
}

}  // namespace
}  // namespace echo
