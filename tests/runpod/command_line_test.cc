#include "runpod/command_line.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "runpod/local_run.h"
#include "worker_fixture.h"

namespace echo::runpod {
namespace {

TEST(CommandLine, M39_ReadsEveryOption) {
  const auto parsed = parse_command_line(
      {"--rp_log_level", "debug", "--rp_debugger", "--rp_serve_api", "--rp_api_host=0.0.0.0",
       "--rp_api_port", "9000", "--rp_api_concurrency=4", "--test_input", R"({"input": {"a": 1}})",
       "--test_output", R"({"output": 1})", "--own", "x"});
  ASSERT_FALSE(parsed.problem);
  EXPECT_EQ(parsed.options.log_level, LogLevel::kDebug);
  EXPECT_TRUE(parsed.options.debugger);
  EXPECT_TRUE(parsed.options.serve_api);
  EXPECT_EQ(parsed.options.api_host, "0.0.0.0");
  EXPECT_EQ(parsed.options.api_port, 9000);
  EXPECT_EQ(parsed.options.api_concurrency, 4);
  EXPECT_EQ(parsed.options.test_input->at("input").at("a"), 1);
  EXPECT_EQ(parsed.options.others, (std::vector<std::string>{"--own", "x"}));
}

TEST(CommandLine, M39_Defaults) {
  const auto parsed = parse_command_line({});
  EXPECT_EQ(parsed.options.api_host, "localhost");
  EXPECT_EQ(parsed.options.api_port, 8000);
  EXPECT_EQ(parsed.options.api_concurrency, 1);
  EXPECT_FALSE(parsed.options.test_input);
  EXPECT_FALSE(parsed.options.log_level);
}

TEST(CommandLine, M39_ShortenedOptions) {
  EXPECT_TRUE(parse_command_line({"--rp_s"}).options.serve_api);
  EXPECT_EQ(parse_command_line({"--rp_api_p=81"}).options.api_port, 81);
  EXPECT_EQ(parse_command_line({"--rp_api", "81"}).problem->exit_code, 2) << "ambiguous";
  EXPECT_TRUE(parse_command_line({"-h"}).options.help);
  EXPECT_TRUE(parse_command_line({"--help"}).options.help);
}

TEST(CommandLine, M39_ExitCodesOfBadArguments) {
  struct Case {
    std::vector<std::string> arguments;
    int exit_code;
  };
  for (const Case& c : std::vector<Case>{{{"--rp_api_port", "abc"}, 2},
                                         {{"--rp_api_port", "70000"}, 2},
                                         {{"--rp_api_port"}, 2},
                                         {{"--rp_api_concurrency=0"}, 2},
                                         {{"--rp_debugger=1"}, 2},
                                         {{"--test_input", "{bad"}, 1},
                                         {{"--rp_log_level", "LOUD"}, 1}}) {
    const auto parsed = parse_command_line(c.arguments);
    ASSERT_TRUE(parsed.problem) << c.arguments[0];
    EXPECT_EQ(parsed.problem->exit_code, c.exit_code) << c.arguments[0];
  }
  EXPECT_EQ(parse_command_line({"--rp_log_level", "LOUD"}).problem->message,
            "Invalid debug level: LOUD");
}

TEST(CommandLine, M39_FalsyTestInputIsNone) {
  for (const char* falsy : {"{}", "null", "0", "[]", "\"\""}) {
    const auto parsed = parse_command_line({"--test_input", falsy});
    EXPECT_FALSE(parsed.problem);
    EXPECT_FALSE(parsed.options.test_input) << falsy;
  }
}

TEST(CommandLine, M1_ModeMatrix) {
  for (int bits = 0; bits < 32; ++bits) {
    CommandLine line;
    WorkerOptions options;
    LoadBalancerHints hints;
    line.serve_api = bits & 1;
    options.realtime_port = bits & 2 ? 8080 : 0;
    if (bits & 4) line.test_input = Json{{"input", 1}};
    if (bits & 8) options.take_url = "https://h/job-take/$ID";
    if (bits & 16) {
      hints.port_given = true;
      options.endpoint_id = "ep";
    }
    const Mode mode = choose_mode(line, options, hints);
    EXPECT_EQ(mode == Mode::kQueueWorker, (bits & 15) == 8) << bits;
    EXPECT_EQ(mode == Mode::kLocalApi, (bits & 1) != 0) << bits;
    EXPECT_EQ(mode == Mode::kRealtimeApi, (bits & 3) == 2) << bits;
    EXPECT_EQ(mode == Mode::kLoadBalancer, (bits & 31) == 16) << bits;
  }
}

TEST(CommandLine, M1_EmptyTakeUrlIsUnset) {
  const WorkerOptions options =
      worker_options_from(environment_of({{"RUNPOD_WEBHOOK_GET_JOB", ""}}), nullptr);
  EXPECT_EQ(choose_mode({}, options), Mode::kLocalRun);
}

class LocalRun : public ::testing::Test {
 protected:
  LocalRun() {
    directory_ = std::filesystem::temp_directory_path() /
                 ("local_run_" + std::to_string(::getpid()) + "_" +
                  ::testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(directory_);
  }
  ~LocalRun() override { std::filesystem::remove_all(directory_); }

  int run(const std::vector<std::string>& arguments, const Handler& handler = echo_handler) {
    const auto parsed = parse_command_line(arguments);
    Logger logger(LogOptions{}, sink_);
    return run_local_job(parsed.options, handler, directory_.string(), logger);
  }
  void write_file(const std::string& text) {
    std::ofstream(directory_ / "test_input.json") << text;
  }

  std::filesystem::path directory_;
  std::shared_ptr<KeptLog> sink_ = std::make_shared<KeptLog>();
};

TEST_F(LocalRun, M39_RunsTheTestInput) {
  EXPECT_EQ(run({"--test_input", R"({"input": {"a": 1}})"}), 0);
  EXPECT_EQ(sink_->count("Job local_test completed successfully."), 1);
  EXPECT_EQ(sink_->count(R"(Job result: {"output": {"a":1}})"), 1);
  EXPECT_EQ(sink_->count("Local testing complete, exiting."), 1);
}

TEST_F(LocalRun, M39_RunsTheFile) {
  write_file(R"({"id": "mine", "input": "\u00e9"})");
  EXPECT_EQ(run({}), 0);
  EXPECT_EQ(sink_->count("Job mine completed successfully."), 1);
}

TEST_F(LocalRun, M39_TheArgumentWinsOverTheFile) {
  write_file(R"({"id": "file", "input": 1})");
  EXPECT_EQ(run({"--test_input", R"({"id": "argument", "input": 1})"}), 0);
  EXPECT_EQ(sink_->count("Job argument completed"), 1);
}

TEST_F(LocalRun, M39_WithoutAnyInput) {
  EXPECT_EQ(run({}), 1);
  EXPECT_EQ(sink_->count("WARN   | test_input.json not found, exiting."), 1);
}

TEST_F(LocalRun, M39_DocumentsThatAreNoJob) {
  for (const char* text : {R"({"input": null})", R"({"id": "a"})", "[1]", "\"text\"", "null",
                           "{bad", R"({"id": 7, "input": 1})"}) {
    write_file(text);
    EXPECT_EQ(run({}), 1) << text;
  }
  EXPECT_GE(sink_->count("Job has no input parameter. Unable to run."), 4);
}

TEST_F(LocalRun, M39_AFailedJob) {
  const Handler failing = [](const Job&, JobContext&) -> JobOutcome { throw_invalid("no text"); };
  EXPECT_EQ(run({"--test_input", R"({"input": 1})"}, failing), 1);
  EXPECT_EQ(sink_->count("ERROR  | Job local_test failed with error: invalid_input: no text"), 1);
}

TEST_F(LocalRun, M39_ComparesWithTheTestOutput) {
  const std::string input = R"({"input": {"a": 1}})";
  EXPECT_EQ(run({"--test_input", input, "--test_output", R"({"output": {"a": 1}})"}), 0);
  EXPECT_EQ(run({"--test_input", input, "--test_output", R"({"output": {"a": 2}})"}), 1);
  EXPECT_EQ(sink_->count("Job output does not match test_output."), 1);
}

TEST_F(LocalRun, CollectsAStream) {
  const Handler streaming = [](const Job&, JobContext& context) {
    context.progress("half");
    for (int i = 0; i < 3; ++i) context.stream(i);
    return JobOutcome::success(nullptr);
  };
  EXPECT_EQ(run({"--test_input", R"({"input": 1})"}, streaming), 0);
  EXPECT_EQ(sink_->count(R"(Job result: {"output": [0,1,2]})"), 1);
}

}  // namespace
}  // namespace echo::runpod
