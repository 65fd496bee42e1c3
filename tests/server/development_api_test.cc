// The routes of the platform's development server: shapes and codes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/http_peer.h"
#include "test_server.h"

namespace echo::server {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

Json job(const Json& input) { return {{"input", input}}; }

TEST(DevelopmentApi, M40RunAnswersAtOnceAndStatusWaits) {
  TestServer server;
  const Answer run = server.post("/run", job({{"wait", true}, {"return", "done"}}));
  EXPECT_EQ(run.status, 200);
  const std::string id = run.json()["id"];
  EXPECT_THAT(id, ::testing::MatchesRegex("test-[0-9a-f-]{36}"));
  EXPECT_EQ(run.json(), Json({{"id", id}, {"status", "IN_PROGRESS"}}));
  ASSERT_TRUE(server.handler().wait_for_started(1));

  server.handler().release();
  const Json expected = {{"id", id}, {"status", "COMPLETED"}, {"output", "done"}};
  EXPECT_EQ(server.post("/status/" + id).json(), expected);
  // It is kept, unlike there.
  EXPECT_EQ(server.post("/status/" + id).json(), expected);
}

TEST(DevelopmentApi, M40RunSyncShapes) {
  TestServer server;
  struct Case {
    Json input, expected;
  };
  const Case cases[] = {
      {{{"return", {{"a", nullptr}}}}, {{"status", "COMPLETED"}, {"output", {{"a", nullptr}}}}},
      {{{"return", nullptr}}, {{"status", "COMPLETED"}}},
      {{{"return", false}}, {{"status", "COMPLETED"}, {"output", false}}},
      {{{"return", Json::object()}}, {{"status", "COMPLETED"}}},
      {{{"return", {{"error", "no"}, {"detail", 1}}}},
       {{"status", "FAILED"}, {"error", "no"}, {"output", {{"detail", 1}}}}},
      {{{"return", {{"error", {{"code", 7}}}}}}, {{"status", "FAILED"}, {"error", "{\"code\":7}"}}},
      {{{"return", {{"refresh_worker", true}, {"x", 1}}}},
       {{"status", "COMPLETED"}, {"output", {{"x", 1}}}}},
      {{{"error", "bad voice"}}, {{"status", "FAILED"}, {"error", "invalid_input: bad voice"}}},
      {{{"stream", {1, 2}}}, {{"status", "COMPLETED"}, {"output", {1, 2}}}},
      {{{"stream", {1, {{"error", "broke"}}, 3}}}, {{"status", "FAILED"}, {"error", "broke"}}},
  };
  for (const Case& one : cases) {
    const Answer answer = server.post("/runsync", job(one.input));
    EXPECT_EQ(answer.status, 200);
    Json found = answer.json();
    EXPECT_THAT(found["id"], StartsWith("test-"));
    found.erase("id");
    EXPECT_EQ(found, one.expected) << one.input;
  }
}

TEST(DevelopmentApi, M40ExceptionsAreReportedInSixFields) {
  TestServer server;
  const Json found = server.post("/runsync", job({{"throw", "oh no"}})).json();
  EXPECT_EQ(found["status"], "FAILED");
  const Json report = Json::parse(found["error"].get<std::string>());
  EXPECT_EQ(report.size(), 6u);
  EXPECT_EQ(report["error_message"], "oh no");
  EXPECT_THAT(report["error_type"], HasSubstr("runtime_error"));
}

TEST(DevelopmentApi, M40HandlerSeesTheWholeJob) {
  TestServer server;
  const Json extras = {{"input", {{"echo", true}}},
                       {"policy", {{"executionTimeout", 60000}}},
                       {"s3Config", {{"bucketName", "b"}}},
                       {"unknown", 1}};
  const Json output = server.post("/runsync", extras).json()["output"];
  EXPECT_EQ(output["policy"], extras["policy"]);
  EXPECT_EQ(output["s3Config"], extras["s3Config"]);
  EXPECT_EQ(output["webhook"], nullptr);
  EXPECT_FALSE(output.contains("unknown"));
  EXPECT_THAT(output["id"], StartsWith("test-"));
}

TEST(DevelopmentApi, M40UnknownJobsAreFailedWith200) {
  TestServer server;
  for (const char* route : {"/status/", "/stream/"}) {
    const Answer answer = server.post(std::string(route) + "nobody%22");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.json(),
              Json({{"id", "nobody\""}, {"status", "FAILED"}, {"error", "Job ID not found"}}));
  }
}

TEST(DevelopmentApi, M40StreamGivesAllPiecesAtTheEnd) {
  TestServer server;
  const std::string id = server.post("/run", job({{"stream", {"a", {{"b", 1}}}}})).json()["id"];
  EXPECT_EQ(server.post("/stream/" + id).json(),
            Json({{"id", id},
                  {"status", "COMPLETED"},
                  {"stream", {{{"output", "a"}}, {{"output", {{"b", 1}}}}}}}));
}

TEST(DevelopmentApi, M40StreamOfAJobWithoutPiecesIsNotSupported) {
  TestServer server;
  const std::string id = server.post("/run", job({{"return", 1}})).json()["id"];
  const Json answer = server.post("/stream/" + id).json();
  EXPECT_EQ(answer["status"], "FAILED");
  EXPECT_EQ(answer["error"], "Stream not supported, handler must be a generator.");
  EXPECT_EQ(server.post("/status/" + id).json()["output"], 1);

  TestServer::Setup setup;
  setup.options.routes.streaming_handler = true;
  TestServer streaming(std::move(setup));
  const std::string empty = streaming.post("/run", job({{"return", 1}})).json()["id"];
  EXPECT_EQ(streaming.post("/stream/" + empty).json()["stream"], Json::array());
}

TEST(DevelopmentApi, M40AStreamThatBreaksIsFailed) {
  TestServer server;
  const std::string id =
      server.post("/run", job({{"stream", {"a"}}, {"error", "late"}})).json()["id"];
  const Json answer = server.post("/stream/" + id).json();
  EXPECT_EQ(answer["status"], "FAILED");
  EXPECT_EQ(answer["error"], "invalid_input: late");
}

TEST(DevelopmentApi, M40Realtime) {
  TestServer::Setup setup;
  setup.options.routes.endpoint_id = "ep1";
  TestServer server(std::move(setup));
  const auto call = [&](const Json& input) {
    return server.post("/ep1/realtime", {{"id", "mine"}, {"input", input}});
  };
  EXPECT_EQ(call({{"return", 5}}).body, "{\"output\":5}");
  EXPECT_EQ(call("text").json(), Json({{"output", "text"}}));
  EXPECT_EQ(call({{"error", "x"}}).json(), Json({{"error", "invalid_input: x"}}));
  EXPECT_EQ(call({{"return", Json::object()}}).body, "{}");
  EXPECT_EQ(call({{"echo", true}}).json()["output"]["id"], "mine");
  EXPECT_EQ(server.post("/other/realtime", {{"id", "a"}, {"input", 1}}).status, 404);

  const Answer wrong = server.post("/ep1/realtime", {{"id", 5}});
  EXPECT_EQ(wrong.status, 422);
  EXPECT_EQ(wrong.json()["detail"].size(), 2u);
  EXPECT_EQ(wrong.json()["detail"][0]["loc"], Json({"body", "id"}));
  // No trace is left of such jobs.
  EXPECT_EQ(server.get("/health").json()["jobs"]["inQueue"], 0);
}

TEST(DevelopmentApi, M40ARealtimeJobEndsWithItsConnection) {
  TestServer::Setup setup;
  setup.options.routes.endpoint_id = "ep1";
  TestServer server(std::move(setup));
  int jobs = 0, cancelled = 0;
  // Also where a next request has begun, with the first one or after it.
  for (const auto& [with_it, after_it] :
       {std::pair{"", ""}, {"", "P"}, {"POST /ep1", ""}, {"", "GET /ping HTTP/1.1\r\nHost: x"}}) {
    {
      RawClient raw(server.port());
      const std::string body = R"({"id":"a","input":{"wait":true}})";
      raw.send("POST /ep1/realtime HTTP/1.1\r\nHost: localhost\r\nContent-Length: " +
               std::to_string(body.size()) + "\r\n\r\n" + body + with_it);
      ASSERT_TRUE(server.handler().wait_for_started(++jobs));
      raw.send(after_it);
    }
    // The only thread of the queue is free again.
    EXPECT_EQ(server.post("/runsync", job({{"return", 1}})).json()["status"], "COMPLETED");
    ++jobs;
    EXPECT_EQ(server.handler().cancelled(), ++cancelled);
  }
}

TEST(DevelopmentApi, M40WrongMethodsAndPaths) {
  TestServer server;
  const Answer get = server.get("/run");
  EXPECT_EQ(get.status, 405);
  EXPECT_EQ(get.body, "{\"detail\":\"Method Not Allowed\"}");
  EXPECT_EQ(get.header("Allow"), "POST");
  for (const char* path : {"/nothing", "/run/", "/status", "/v2/ep/nothing"}) {
    const Answer answer = server.post(path);
    EXPECT_EQ(answer.status, 404) << path;
    EXPECT_EQ(answer.body, "{\"detail\":\"Not Found\"}");
  }
}

struct InvalidBody {
  const char* name;
  std::string body;
  Json location;
  const char* type;
  const char* message;
};

class DevelopmentApiBody : public ::testing::TestWithParam<InvalidBody> {};

TEST_P(DevelopmentApiBody, M40InvalidIs422) {
  TestServer server;
  for (const char* route : {"/run", "/runsync"}) {
    const Answer answer = server.request("POST", route, GetParam().body);
    EXPECT_EQ(answer.status, 422);
    const Json detail = answer.json()["detail"][0];
    EXPECT_EQ(detail["loc"], GetParam().location);
    EXPECT_EQ(detail["type"], GetParam().type);
    EXPECT_EQ(detail["msg"], GetParam().message);
    EXPECT_TRUE(detail.contains("input"));
  }
  EXPECT_THAT(server.log(), Not(HasSubstr("canary")));
}

INSTANTIATE_TEST_SUITE_P(
    All, DevelopmentApiBody,
    ::testing::Values(InvalidBody{"empty", "", {"body"}, "missing", "Field required"},
                      InvalidBody{"cut", "{\"input\": {\"canary\"", Json::array({"body", 0}),
                                  "json_invalid", "JSON decode error"},
                      InvalidBody{"deep", std::string(5000, '['), Json::array({"body", 0}),
                                  "json_invalid", "JSON decode error"},
                      InvalidBody{
                          "list",
                          "[1]",
                          {"body"},
                          "model_attributes_type",
                          "Input should be a valid dictionary or object to extract fields from"},
                      InvalidBody{"no_input", "{}", {"body", "input"}, "missing", "Field required"},
                      InvalidBody{"text_input",
                                  R"({"input":"str"})",
                                  {"body", "input"},
                                  "dict_type",
                                  "Input should be a valid dictionary"},
                      InvalidBody{"null_input",
                                  R"({"input":null})",
                                  {"body", "input"},
                                  "dict_type",
                                  "Input should be a valid dictionary"},
                      InvalidBody{"webhook",
                                  R"({"input":{},"webhook":5})",
                                  {"body", "webhook"},
                                  "string_type",
                                  "Input should be a valid string"}),
    [](const auto& test) { return test.param.name; });

TEST(DevelopmentApi, M40WebhookGetsTheBareResultOfASuccess) {
  HttpPeer peer([](const PeerRequest&) { return PeerReply{}; });
  TestServer::Setup setup;
  setup.options.webhooks.public_hosts_only = false;
  TestServer server(std::move(setup));
  Json body = job({{"error", "x"}});
  body["webhook"] = peer.url("/failed");
  server.post("/runsync", body);
  body = job({{"return", {{"a", 1}}}});
  body["webhook"] = peer.url("/hook");
  server.post("/runsync", body);
  ASSERT_TRUE(peer.wait_for_requests(1));
  const PeerRequest request = peer.requests()[0];
  EXPECT_EQ(request.target, "/hook");
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.header("Content-Type"), "application/json");
  EXPECT_EQ(request.body, "{\"output\":{\"a\":1}}");
}

}  // namespace
}  // namespace echo::server
