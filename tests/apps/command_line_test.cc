// What is said of the first mistakes that somebody makes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/paths.h"
#include "support/subprocess.h"

namespace echo {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(CommandLine, NamesTheMistakeAndTheHelpOfItsCommand) {
  const struct {
    std::vector<std::string> words;
    std::string message;
  } cases[] = {
      {{}, "expected a command; `echo-tts --help`"},
      {{"sayy"}, "found \"sayy\", expected a command; `echo-tts --help`"},
      {{"--json"}, "there is no option --json; `echo-tts --help`"},
      {{"say", "--num_stepz", "3", "Hello."},
       "there is no option --num_stepz, perhaps --num_steps; `echo-tts say --help`"},
      {{"say", "Hello.", "--ouput=a.ogg"},
       "there is no option --ouput, perhaps --output; `echo-tts say --help`"},
      {{"say", "Hello.", "--threads", "many"},
       "--threads: found many, expected an integer from 0 to 1024; `echo-tts say --help`"},
      {{"say", "Hello.", "--precision", "int4"},
       "--precision: found int4, expected auto, float32, bf16, int8 or fp8; `echo-tts say --help`"},
      {{"seams"}, "file is required; `echo-tts seams --help`"},
      {{"seams", "--jsn"}, "there is no option --jsn, perhaps --json; `echo-tts seams --help`"},
      {{"seams", "a", "b", "c"}, "found \"c\", expected nothing more; `echo-tts seams --help`"},
      {{"storage"}, "expected a command; `echo-tts storage --help`"},
      {{"storage", "chek"}, "found \"chek\", expected a command; `echo-tts storage --help`"},
      {{"storage", "check", "--x"}, "there is no option --x; `echo-tts storage check --help`"},
  };
  for (const auto& [words, message] : cases) {
    std::vector<std::string> command = {program_path()};
    command.insert(command.end(), words.begin(), words.end());
    const ProcessResult result = run_process(command);
    EXPECT_EQ(result.exit_code, 2) << message;
    EXPECT_EQ(result.err, "echo-tts: " + message + " tells more\n");
  }
}

TEST(CommandLine, AFlagThatTakesSomethingAwayIsShownAsItIsWritten) {
  const ProcessResult result = run_process({program_path(), "pack", "--help"});
  EXPECT_THAT(result.out, HasSubstr("--no-voices  "));
  EXPECT_THAT(result.out, Not(HasSubstr("{false}")));
}

}  // namespace
}  // namespace echo
