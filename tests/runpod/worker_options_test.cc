#include "runpod/worker_options.h"

#include "base/error.h"
#include "worker_fixture.h"

namespace echo::runpod {
namespace {

WorkerOptions read(std::map<std::string, std::string> variables,
                   std::vector<std::string>* warnings = nullptr) {
  return worker_options_from(environment_of(std::move(variables)), warnings);
}

TEST(WorkerOptions, ReadsThePlatformsEnvironment) {
  const WorkerOptions options = read({{"RUNPOD_WEBHOOK_GET_JOB", "https://a"},
                                      {"RUNPOD_WEBHOOK_POST_OUTPUT", "https://b"},
                                      {"RUNPOD_WEBHOOK_POST_STREAM", "https://c"},
                                      {"RUNPOD_WEBHOOK_PING", "https://d"},
                                      {"RUNPOD_AI_API_KEY", "key"},
                                      {"RUNPOD_POD_ID", "pod"},
                                      {"RUNPOD_POD_HOSTNAME", "host"},
                                      {"RUNPOD_ENDPOINT_ID", "ep"},
                                      {"RUNPOD_GPU_TYPE_ID", "gpu"},
                                      {"RUNPOD_PING_INTERVAL", "2500"},
                                      {"RUNPOD_UA_INTEGRATION", "ci"}});
  EXPECT_EQ(options.take_url, "https://a");
  EXPECT_EQ(options.output_url, "https://b");
  EXPECT_EQ(options.stream_url, "https://c");
  EXPECT_EQ(options.ping_url, "https://d");
  EXPECT_EQ(options.api_key, "key");
  EXPECT_EQ(options.worker_id, "pod");
  EXPECT_TRUE(options.worker_id_given);
  EXPECT_EQ(options.hostname, "host");
  EXPECT_EQ(options.ping_interval, Milliseconds(2500));
  EXPECT_EQ(options.log_level, LogLevel::kInfo);
  const std::string agent = default_user_agent(options);
  EXPECT_EQ(agent.rfind("RunPod-Python-SDK/1.12.0 (Linux ", 0), 0u) << agent;
  EXPECT_NE(agent.find(") Language/C++ 20 Integration/ci"), std::string::npos) << agent;
}

TEST(WorkerOptions, TheOlderNameOfTheStreamUrlIsKnown) {
  EXPECT_EQ(read({{"RUNPOD_WEBHOOK_JOB_STREAM", "https://s"}}).stream_url, "https://s");
  EXPECT_EQ(read({{"RUNPOD_WEBHOOK_JOB_STREAM", "https://s"},
                  {"RUNPOD_WEBHOOK_POST_STREAM", "https://t"}})
                .stream_url,
            "https://t");
}

TEST(WorkerOptions, M3_AMissingWorkerIdBecomesAUuid) {
  const WorkerOptions options = read({{"RUNPOD_POD_ID", ""}});
  EXPECT_EQ(options.worker_id.size(), 36u);
  EXPECT_FALSE(options.worker_id_given);
}

TEST(WorkerOptions, M33_BadPingIntervalsDoNotHurt) {
  const std::pair<const char*, int> cases[] = {{"500", 1000},
                                               {"0", 1000},
                                               {"-5", 1000},
                                               {"abc", 10'000},
                                               {"", 10'000},
                                               {"1e4", 10'000},
                                               {"1500", 1500},
                                               {"10 s", 10'000},
                                               {"999999999999", 3'600'000},
                                               {"99999999999999999999", 10'000}};
  for (const auto& [text, expected] : cases) {
    std::vector<std::string> warnings;
    const WorkerOptions options = read({{"RUNPOD_PING_INTERVAL", text}}, &warnings);
    EXPECT_EQ(options.ping_interval, Milliseconds(expected)) << text;
    const bool odd = expected != 1500 && *text != '\0' && expected != 3'600'000;
    EXPECT_EQ(warnings.size(), odd ? 1u : 0u) << text;
  }
}

TEST(WorkerOptions, LogLevels) {
  EXPECT_EQ(read({{"RUNPOD_LOG_LEVEL", "error"}, {"RUNPOD_DEBUG_LEVEL", "TRACE"}}).log_level,
            LogLevel::kError);
  EXPECT_EQ(read({{"RUNPOD_LOG_LEVEL", ""}, {"RUNPOD_DEBUG_LEVEL", "TRACE"}}).log_level,
            LogLevel::kTrace);
  std::vector<std::string> warnings;
  EXPECT_EQ(read({{"RUNPOD_DEBUG_LEVEL", "3"}}, &warnings).log_level, LogLevel::kInfo);
  EXPECT_EQ(warnings.size(), 1u);
}

TEST(WorkerOptions, RefusesWhatCannotServe) {
  WorkerOptions good =
      read({{"RUNPOD_WEBHOOK_GET_JOB", "https://a"}, {"RUNPOD_WEBHOOK_POST_OUTPUT", "https://b"}});
  EXPECT_NO_THROW(check_worker_options(good));
  const auto refuses = [&](const std::function<void(WorkerOptions&)>& spoil, const char* name) {
    WorkerOptions bad = good;
    spoil(bad);
    try {
      check_worker_options(bad);
      ADD_FAILURE() << name;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
      EXPECT_NE(std::string(error.what()).find(name), std::string::npos) << error.what();
      EXPECT_EQ(std::string(error.what()).find("canary"), std::string::npos);
    }
  };
  refuses([](auto& o) { o.output_url = ""; }, "RUNPOD_WEBHOOK_POST_OUTPUT");
  refuses([](auto& o) { o.take_url = ""; }, "RUNPOD_WEBHOOK_GET_JOB");
  refuses([](auto& o) { o.take_url = "ftp://x"; }, "RUNPOD_WEBHOOK_GET_JOB");
  refuses([](auto& o) { o.ping_url = "PING_NOT_SET"; }, "RUNPOD_WEBHOOK_PING");
  refuses([](auto& o) { o.stream_url = "x"; }, "RUNPOD_WEBHOOK_POST_STREAM");
  refuses([](auto& o) { o.api_key = "canary\r\nX: y"; }, "RUNPOD_AI_API_KEY");
  refuses([](auto& o) { o.concurrency = 0; }, "concurrency");
}

}  // namespace
}  // namespace echo::runpod
