// Clients that others wrote, against the API.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/child_process.h"
#include "support/client_python.h"
#include "support/paths.h"
#include "test_server.h"

namespace echo::server {
namespace {

using ::testing::StartsWith;

TEST(NetRunpodSdk, M41M42M43TheJavaScriptClientWorksUnmodified) {
  Metrics metrics;
  TestServer::Setup setup;
  setup.metrics = &metrics;
  setup.options.api_keys = {"key"};
  setup.options.routes.worker_id = "w1";
  TestServer server(std::move(setup));
  const std::string output =
      run_program({"node", source_path("/tests/js/runpod_sdk.js"), std::to_string(server.port())});
  const Json found = Json::parse(output);

  EXPECT_EQ(found["runSync"]["status"], "COMPLETED");
  EXPECT_EQ(found["runSync"]["output"], Json({{"spoken", "sync"}}));
  EXPECT_EQ(found["runSync"]["succeeded"], true);
  EXPECT_TRUE(found["runSync"]["executionTime"].is_number_integer());
  EXPECT_EQ(found["runSyncFailed"]["status"], "FAILED");
  EXPECT_EQ(found["runSyncFailed"]["error"], "invalid_input: no voice");
  EXPECT_EQ(found["run"]["status"], "IN_QUEUE");
  EXPECT_EQ(found["statusSync"]["output"], "async");
  EXPECT_EQ(found["status"]["completed"], true);
  EXPECT_EQ(found["stream"],
            Json({{{"output", "a"}}, {{"output", {{"b", 2}}}}, {{"output", "c"}}}));
  EXPECT_EQ(found["early"], Json({{"output", "early"}}));
  EXPECT_EQ(found["whileRunning"], "IN_PROGRESS");
  EXPECT_EQ(found["healthBusy"]["jobs"]["inQueue"].get<int>() +
                found["healthBusy"]["jobs"]["inProgress"].get<int>(),
            2);
  EXPECT_EQ(found["purge"]["status"], "completed");
  EXPECT_EQ(found["purged"], "CANCELLED");
  EXPECT_EQ(found["cancel"]["status"], "CANCELLED");
  EXPECT_EQ(found["held"], "CANCELLED");
  EXPECT_EQ(found["cancelled"], "CANCELLED");
  EXPECT_EQ(found["health"]["jobs"]["completed"], 3);
  EXPECT_EQ(found["health"]["jobs"]["failed"], 1);

  // The client polls without a pause, so the requests must have been held.
  const auto count = [text = metrics.text()](const std::string& route) {
    const std::string name =
        "echotts_http_request_duration_seconds_count{route=\"/v2/{endpoint}/" + route + "\"} ";
    const size_t at = text.find(name);
    return at == std::string::npos ? 0 : std::stoi(text.substr(at + name.size()));
  };
  EXPECT_EQ(count("status-sync/{id}"), 2);
  EXPECT_EQ(count("runsync"), 2);
  EXPECT_LE(count("stream/{id}"), 6);
}

TEST(NetRunpodSdk, M41M43M44ThePythonClientWorksUnmodified) {
  const auto python = client_python();
  if (!python) GTEST_SKIP() << kNoClientPython;
  TestServer::Setup setup;
  setup.options.api_keys = {"key"};
  setup.options.routes.worker_id = "w1";
  TestServer server(std::move(setup));
  const std::string output = run_program(
      {*python, source_path("/tests/python/runpod_client.py"), std::to_string(server.port())});
  const Json found = Json::parse(output);

  const Json pieces = {"a", {{"b", 2}}, "c"};
  const Json& blocking = found["blocking"];
  EXPECT_EQ(blocking["run_sync"], Json({{"spoken", "sync"}}));
  EXPECT_EQ(blocking["failed"], "FAILED");
  EXPECT_EQ(blocking["health_busy"]["inQueue"].get<int>() +
                blocking["health_busy"]["inProgress"].get<int>(),
            2);
  EXPECT_THAT(blocking["wrong_key"].get<std::string>(), StartsWith("401 Unauthorized"));
  for (const char* way : {"blocking", "async"}) {
    const Json& one = found[way];
    EXPECT_EQ(one["output"], "async") << way;
    EXPECT_EQ(one["status"], "COMPLETED") << way;
    EXPECT_EQ(one["stream"], pieces) << way;
    EXPECT_EQ(one["purge"], Json({{"removed", 1}, {"status", "completed"}})) << way;
    EXPECT_EQ(one["purged"], "CANCELLED") << way;
    EXPECT_EQ(one["cancel"], "CANCELLED") << way;
    EXPECT_EQ(one["cancelled"], "CANCELLED") << way;
  }
  EXPECT_EQ(blocking["health"]["completed"], 3);
  EXPECT_EQ(blocking["health"]["failed"], 1);
  EXPECT_EQ(found["async"]["health"]["completed"], 5);
}

}  // namespace
}  // namespace echo::server
