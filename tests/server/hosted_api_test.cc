// The routes of the platform's hosted API: what its clients in Python, JavaScript and Go rely on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "support/fake_clock.h"
#include "support/http_peer.h"
#include "test_server.h"

namespace echo::server {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TestServer::Setup with_short_waits() {
  TestServer::Setup setup;
  setup.options.routes.min_wait = 1ms;
  setup.options.webhooks.public_hosts_only = false;
  setup.options.webhooks.pause = 1ms;
  return setup;
}

TEST(HostedApi, M41RunIsQueuedThenDone) {
  TestServer server;
  const Answer run = server.post("/v2/any-endpoint/run", {{"input", {{"return", {{"x", 1}}}}}});
  EXPECT_EQ(run.status, 200);
  const std::string id = run.json()["id"];
  EXPECT_THAT(id, ::testing::MatchesRegex("[0-9a-f-]{36}-u1"));
  EXPECT_EQ(run.json(), Json({{"id", id}, {"status", "IN_QUEUE"}}));
  const Json status = server.get("/v2/any-endpoint/status-sync/" + id).json();
  EXPECT_EQ(status["id"], id);
  EXPECT_EQ(status["status"], "COMPLETED");
  EXPECT_EQ(status["output"], Json({{"x", 1}}));
  EXPECT_TRUE(status["delayTime"].is_number_integer());
  EXPECT_TRUE(status["executionTime"].is_number_integer());
  EXPECT_FALSE(status.contains("error"));
  EXPECT_FALSE(status.contains("retries"));
}

TEST(HostedApi, M41RunSync) {
  TestServer::Setup setup;
  setup.options.routes.worker_id = "worker1";
  TestServer server(std::move(setup));
  const Json done = server.post("/v2/ep/runsync", {{"input", "any JSON"}}).json();
  EXPECT_THAT(done["id"], StartsWith("sync-"));
  EXPECT_EQ(done["status"], "COMPLETED");
  EXPECT_EQ(done["output"], "any JSON");
  EXPECT_EQ(done["workerId"], "worker1");
  const Json failed = server.post("/v2/ep/runsync", {{"input", {{"error", "no"}}}}).json();
  EXPECT_EQ(failed["status"], "FAILED");
  EXPECT_EQ(failed["error"], "invalid_input: no");
  EXPECT_TRUE(server.post("/v2/ep/runsync", {{"input", nullptr}}).json()["output"].is_null());
}

TEST(HostedApi, M41GetAndPostAreEqualForStatusAndStream) {
  TestServer server;
  const std::string id = server.run({{"stream", {1}}});
  ASSERT_TRUE(server.wait_for_state(id, "COMPLETED"));
  for (const char* route : {"/v2/ep/status/", "/v2/ep/status-sync/"}) {
    EXPECT_EQ(server.get(route + id).json(), server.post(route + id).json());
  }
  EXPECT_EQ(server.get("/status/" + id).json(), server.get("/v2/ep/status/" + id).json());
  EXPECT_EQ(server.get("/status-sync/" + id).json(), server.get("/v2/ep/status/" + id).json());
  EXPECT_EQ(server.post("/v2/ep/stream/" + id).json()["stream"].size(), 1u);
  EXPECT_EQ(server.get("/stream/" + id).json(),
            Json({{"status", "COMPLETED"}, {"stream", Json::array()}}));
}

TEST(HostedApi, M41UnknownJobsAre404) {
  TestServer server;
  for (const char* route : {"/v2/ep/status/x", "/v2/ep/status-sync/x", "/v2/ep/stream/x"}) {
    const Answer answer = server.get(route);
    EXPECT_EQ(answer.status, 404) << route;
    EXPECT_THAT(answer.json()["error"], StartsWith("not_found: "));
  }
  EXPECT_EQ(server.post("/v2/ep/cancel/x").status, 404);
  EXPECT_EQ(server.post("/v2/ep/retry/x").status, 404);
}

TEST(HostedApi, M41InvalidJobsAre400) {
  TestServer server;
  for (const char* body :
       {"", "{", "[]", "5", "{}", R"({"input":1,"policy":5})",
        R"({"input":1,"policy":{"executionTimeout":4999}})",
        R"({"input":1,"policy":{"executionTimeout":"5000"}})",
        R"({"input":1,"policy":{"ttl":9999}})", R"({"input":1,"policy":{"ttl":1e12}})",
        R"({"input":1,"webhook":5})", R"({"input":1,"webhook":"ftp://x/"})"}) {
    const Answer answer = server.request("POST", "/v2/ep/run", body);
    EXPECT_EQ(answer.status, 400) << body;
    EXPECT_THAT(answer.json()["error"].get<std::string>(), StartsWith("bad_request: ")) << body;
  }
  EXPECT_EQ(server.post("/v2/ep/runsync?wait=soon", {{"input", 1}}).status, 400);
  EXPECT_EQ(server.get("/v2/ep/stream/x?wait=").status, 400);
}

TEST(HostedApi, M42HeldRequestsWaitForTheJob) {
  TestServer server;
  const std::string id = server.run({{"wait", true}, {"return", 1}});
  ASSERT_TRUE(server.handler().wait_for_started(1));
  std::thread release([&] {
    EXPECT_TRUE(server.wait_for_held(1));
    server.handler().release();
  });
  // One request is enough.
  EXPECT_EQ(server.get("/v2/ep/status-sync/" + id + "?wait=60000").json()["status"], "COMPLETED");
  release.join();
}

TEST(HostedApi, M42HeldRequestsEndWithTheirWait) {
  FakeClock clock;
  TestServer::Setup setup;
  setup.clock = &clock;
  TestServer server(std::move(setup));
  const std::string id = server.run({{"wait", true}});
  ASSERT_TRUE(server.handler().wait_for_started(1));
  struct Case {
    const char* target;
    std::chrono::milliseconds wait;
    const char* user_agent;
  };
  const Case cases[] = {{"/v2/ep/status-sync/", 90'000ms, "x"},
                        {"/v2/ep/stream/", 90'000ms, "x"},
                        {"/v2/ep/stream/", 8'000ms, "python-requests/2.32"},
                        {"?wait=5", 1'000ms, "x"},
                        {"?wait=2000", 2'000ms, "x"},
                        {"?wait=9000000", 300'000ms, "x"}};
  for (const Case& one : cases) {
    const bool query = *one.target == '?';
    const std::string target = query ? "/v2/ep/status-sync/" + id + one.target : one.target + id;
    RawClient raw(server.port());
    raw.send("GET " + target + " HTTP/1.1\r\nHost: localhost\r\nUser-Agent: " + one.user_agent +
             "\r\n\r\n");
    ASSERT_TRUE(server.wait_for_held(1));
    clock.advance(one.wait - 1ms);
    server.api().jobs().tick();
    EXPECT_FALSE(raw.closed_by_server(0ms));
    EXPECT_EQ(server.state(id), "IN_PROGRESS");
    clock.advance(1ms);
    const Json answer = raw.read_answer().json();
    EXPECT_EQ(answer["status"], "IN_PROGRESS") << target;
  }
}

TEST(HostedApi, M42RunSyncEndsWithItsWait) {
  TestServer server(with_short_waits());
  const Json waiting = server.post("/v2/ep/runsync?wait=20", {{"input", {{"wait", true}}}}).json();
  EXPECT_THAT(waiting["status"].get<std::string>(), ::testing::AnyOf("IN_PROGRESS", "IN_QUEUE"));
  const Json queued = server.post("/v2/ep/runsync?wait=20", {{"input", {{"return", 2}}}}).json();
  EXPECT_EQ(queued["status"], "IN_QUEUE");
  EXPECT_FALSE(queued.contains("delayTime"));
  server.handler().release();
  EXPECT_EQ(server.get("/v2/ep/status-sync/" + queued["id"].get<std::string>()).json()["output"],
            2);
}

TEST(HostedApi, M43StreamsDrainAndTheLastPieceComesWithOrBeforeTheEnd) {
  TestServer server(with_short_waits());
  const std::string id = server.run({{"stream", {"a", "b"}}, {"wait", true}, {"return", nullptr}});
  ASSERT_TRUE(server.handler().wait_for_started(1));
  Json pieces = Json::array();
  while (pieces.size() < 2) {
    const Json answer = server.get("/v2/ep/stream/" + id).json();
    EXPECT_EQ(answer["status"], "IN_PROGRESS");
    for (const Json& piece : answer["stream"]) pieces.push_back(piece);
  }
  EXPECT_EQ(pieces, Json({{{"output", "a"}}, {{"output", "b"}}}));
  const Json empty = server.get("/v2/ep/stream/" + id + "?wait=5").json();
  EXPECT_EQ(empty, Json({{"status", "IN_PROGRESS"}, {"stream", Json::array()}}));
  server.handler().release();
  EXPECT_EQ(server.get("/v2/ep/stream/" + id).json(),
            Json({{"status", "COMPLETED"}, {"stream", Json::array()}}));
  // The whole stream is the output too.
  EXPECT_EQ(server.get("/v2/ep/status/" + id).json()["output"], Json({"a", "b"}));
}

TEST(HostedApi, M43PiecesThatNobodyTookComeWithTheEnd) {
  TestServer server;
  const std::string id = server.run({{"stream", {1, 2, 3}}});
  ASSERT_TRUE(server.wait_for_state(id, "COMPLETED"));
  const Json answer = server.get("/v2/ep/stream/" + id).json();
  EXPECT_EQ(answer["status"], "COMPLETED");
  EXPECT_EQ(answer["stream"].size(), 3u);
  EXPECT_EQ(server.get("/v2/ep/stream/" + id).json()["stream"].size(), 0u);
}

TEST(HostedApi, M43AWaitingStreamIsWokenByAPiece) {
  TestServer server;
  const std::string first = server.run({{"wait", true}});
  const std::string id = server.run({{"stream", {"piece"}}});
  std::thread release([&] {
    EXPECT_TRUE(server.wait_for_held(1));
    server.handler().release();
  });
  EXPECT_EQ(server.get("/v2/ep/stream/" + id).json()["stream"][0]["output"], "piece");
  release.join();
}

// What a client says that closes its own direction and then waits.
Answer ask_and_close(TestServer& server, const std::string& request) {
  RawClient raw(server.port());
  raw.send(request);
  raw.finish_sending();
  return raw.read_answer();
}

TEST(HostedApi, AClientThatClosesItsDirectionGetsItsAnswer) {
  TestServer server;
  const std::string id = server.run({{"wait", true}, {"return", "spoken"}});
  ASSERT_TRUE(server.handler().wait_for_started(1));
  std::thread release([&] {
    EXPECT_TRUE(server.wait_for_held(1));
    server.handler().release();
  });
  const Answer waited = ask_and_close(
      server, "GET /v2/ep/status-sync/" + id + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
  release.join();
  EXPECT_EQ(waited.status, 200);
  EXPECT_EQ(waited.json()["output"], "spoken");
  const std::string body = R"({"input": {"return": 1}})";
  const Answer run =
      ask_and_close(server, "POST /v2/ep/runsync HTTP/1.1\r\nHost: localhost\r\nContent-Length: " +
                                std::to_string(body.size()) + "\r\n\r\n" + body);
  EXPECT_EQ(run.status, 200);
  EXPECT_EQ(run.json()["status"], "COMPLETED");
}

TEST(HostedApi, AStreamsClientThatClosesItsDirectionIsAnsweredWithoutPieces) {
  TestServer server;
  const std::string blocker = server.run({{"wait", true}});
  const std::string id = server.run({{"stream", {"only once"}}});
  const Answer answer =
      ask_and_close(server, "GET /v2/ep/stream/" + id + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.json(), Json({{"status", "IN_QUEUE"}, {"stream", Json::array()}}));
  server.handler().release();
  ASSERT_TRUE(server.wait_for_state(id, "COMPLETED"));
  EXPECT_EQ(server.get("/v2/ep/stream/" + id).json()["stream"].size(), 1u);
}

TEST(HostedApi, DocumentsAreCountedAsTheyAreHeld) {
  TestServer::Setup setup;
  setup.options.jobs.max_bytes = 10'000'000;
  TestServer server(std::move(setup));
  server.run({{"wait", true}});
  // 360 kB of text each, and some 8 MB of memory.
  std::string list = "[{}";
  for (int i = 1; i < 90'000; ++i) list += ",{}";
  const std::string body = "{\"input\": " + list + "]}";
  EXPECT_EQ(server.request("POST", "/v2/ep/run", body).status, 200);
  EXPECT_EQ(server.request("POST", "/v2/ep/run", body).status, 429);
  std::string too_many = list;
  for (int i = 0; i < 90'000; ++i) too_many += ",{}";
  for (const char* route : {"/v2/ep/run", "/v2/ep/runsync"}) {
    const Answer answer = server.request("POST", route, "{\"input\": " + too_many + "]}");
    EXPECT_EQ(answer.status, 400);
    EXPECT_THAT(answer.json()["error"].get<std::string>(), HasSubstr("at most 100000"));
  }
}

TEST(HostedApi, M43AClientThatWentAwayTakesNoPieces) {
  TestServer::Setup setup;
  TestServer server(std::move(setup));
  const std::string blocker = server.run({{"wait", true}});
  const std::string id = server.run({{"stream", {"only once"}}});
  {
    RawClient raw(server.port());
    raw.send("GET /v2/ep/stream/" + id + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    ASSERT_TRUE(server.wait_for_held(1));
  }
  ASSERT_TRUE(server.wait_for_held(0));
  server.handler().release();
  ASSERT_TRUE(server.wait_for_state(id, "COMPLETED"));
  EXPECT_EQ(server.get("/v2/ep/stream/" + id).json()["stream"].size(), 1u);
}

TEST(HostedApi, M45PolicyAndTtlByTheClock) {
  FakeClock clock;
  TestServer::Setup setup;
  setup.clock = &clock;
  TestServer server(std::move(setup));
  const auto pass = [&](std::chrono::milliseconds time) {
    clock.advance(time);
    server.api().jobs().tick();
  };
  const std::string id =
      server.run({{"wait", true}}, {{"policy", {{"executionTimeout", 5000}, {"ttl", 60'000}}}});
  ASSERT_TRUE(server.handler().wait_for_started(1));
  pass(4'999ms);
  EXPECT_EQ(server.state(id), "IN_PROGRESS");
  pass(1ms);
  const Json job = server.get("/v2/ep/status/" + id).json();
  EXPECT_EQ(job["status"], "TIMED_OUT");
  EXPECT_EQ(job["executionTime"], 5000);
  EXPECT_THAT(job["error"], StartsWith("timed_out: "));
  pass(54'999ms);
  EXPECT_EQ(server.get("/v2/ep/status/" + id).status, 200);
  pass(1ms);
  EXPECT_EQ(server.get("/v2/ep/status/" + id).status, 404);
  EXPECT_EQ(server.get("/v2/ep/status-sync/" + id).status, 404);
  EXPECT_EQ(server.post("/v2/ep/retry/" + id).status, 404);

  const std::string done = server.run(1);
  ASSERT_TRUE(server.wait_for_state(done, "COMPLETED"));
  EXPECT_EQ(server.get("/v2/ep/status/" + done + "?ttl=soon").status, 400);
  EXPECT_EQ(server.get("/v2/ep/status/" + done + "?ttl=6000").status, 200);
  pass(5'999ms);
  EXPECT_EQ(server.state(done), "COMPLETED");
  pass(1ms);
  EXPECT_EQ(server.get("/v2/ep/status/" + done).status, 404);
}

TEST(HostedApi, M44CancelOfAQueuedJob) {
  TestServer server;
  server.run({{"wait", true}});
  const std::string queued = server.run({{"return", 1}});
  const Answer answer = server.request("POST", "/v2/ep/cancel/" + queued, "{}");
  EXPECT_EQ(answer.json(), Json({{"id", queued}, {"status", "CANCELLED"}}));
  EXPECT_EQ(server.state(queued), "CANCELLED");
  server.handler().release();
  server.post("/v2/ep/runsync", {{"input", 1}});
  EXPECT_EQ(server.handler().started(), 2);
  EXPECT_EQ(server.state(queued), "CANCELLED");
}

TEST(HostedApi, M44CancelOfARunningJobStopsItsHandler) {
  TestServer server;
  const std::string id = server.run({{"wait", true}});
  ASSERT_TRUE(server.handler().wait_for_started(1));
  EXPECT_EQ(server.post("/v2/ep/cancel/" + id).json()["status"], "CANCELLED");
  // The slot is free again, so the handler has returned.
  EXPECT_EQ(server.post("/v2/ep/runsync", {{"input", 5}}).json()["output"], 5);
  EXPECT_EQ(server.handler().cancelled(), 1);
  EXPECT_EQ(server.state(id), "CANCELLED");
  // Again has no effect, and what is over stays what it is.
  EXPECT_EQ(server.post("/v2/ep/cancel/" + id).json()["status"], "CANCELLED");
  const std::string done = server.run(1);
  ASSERT_TRUE(server.wait_for_state(done, "COMPLETED"));
  EXPECT_EQ(server.post("/cancel/" + done).json()["status"], "COMPLETED");
}

TEST(HostedApi, M44CancelWakesWhoeverWaits) {
  TestServer server;
  const std::string id = server.run({{"wait", true}});
  std::thread cancel([&] {
    EXPECT_TRUE(server.wait_for_held(1));
    server.post("/v2/ep/cancel/" + id);
  });
  EXPECT_EQ(server.get("/v2/ep/status-sync/" + id).json()["status"], "CANCELLED");
  cancel.join();
}

TEST(HostedApi, M44RetryOnlyOfWhatFailed) {
  TestServer server;
  const std::string failed = server.run({{"error", "no"}});
  const std::string done = server.run(1);
  ASSERT_TRUE(server.wait_for_state(failed, "FAILED"));
  ASSERT_TRUE(server.wait_for_state(done, "COMPLETED"));
  EXPECT_EQ(server.post("/v2/ep/retry/" + done).status, 400);
  const Answer retry = server.post("/v2/ep/retry/" + failed);
  EXPECT_EQ(retry.status, 200);
  EXPECT_EQ(retry.json(), Json({{"id", failed}, {"status", "IN_QUEUE"}}));
  const Json again = server.get("/v2/ep/status-sync/" + failed).json();
  EXPECT_EQ(again["status"], "FAILED");
  EXPECT_EQ(again["retries"], 1);
  EXPECT_EQ(server.get("/v2/ep/health").json()["jobs"]["retried"], 1);
}

TEST(HostedApi, M44PurgeCountsAndLeavesRunningJobs) {
  TestServer server;
  const std::string running = server.run({{"wait", true}});
  ASSERT_TRUE(server.handler().wait_for_started(1));
  const std::string a = server.run(1);
  const std::string b = server.run(2);
  EXPECT_EQ(server.post("/v2/ep/purge-queue").json(),
            Json({{"removed", 2}, {"status", "completed"}}));
  EXPECT_EQ(server.post("/purge-queue").json()["removed"], 0);
  EXPECT_EQ(server.state(a), "CANCELLED");
  EXPECT_EQ(server.state(running), "IN_PROGRESS");
}

TEST(HostedApi, M41HealthCountsJobsAndWorkers) {
  TestServer server;
  server.run({{"wait", true}});
  ASSERT_TRUE(server.handler().wait_for_started(1));
  server.run(1);
  const Json health = server.get("/v2/ep/health").json();
  EXPECT_EQ(
      health,
      Json({{"jobs",
             {{"completed", 0}, {"failed", 0}, {"inProgress", 1}, {"inQueue", 1}, {"retried", 0}}},
            {"workers",
             {{"idle", 0},
              {"initializing", 0},
              {"ready", 0},
              {"running", 1},
              {"throttled", 0},
              {"unhealthy", 0}}}}));
}

TEST(HostedApi, ProgressIsTheOutputOfARunningJob) {
  TestServer server;
  const std::string id =
      server.run({{"progress", {"chunk 1/2", "chunk 2/2"}}, {"wait", true}, {"return", "done"}});
  ASSERT_TRUE(server.wait_for_state(id, "IN_PROGRESS"));
  Json output;
  while (output != "chunk 2/2")
    output = server.get("/v2/ep/status/" + id).json().value("output", Json());
  server.handler().release();
  EXPECT_EQ(server.get("/v2/ep/status-sync/" + id).json()["output"], "done");
}

TEST(HostedApi, AFullQueueIs429WithRetryAfter) {
  TestServer::Setup setup;
  setup.options.work.capacity = 2;
  TestServer server(std::move(setup));
  server.run({{"wait", true}});
  ASSERT_TRUE(server.handler().wait_for_started(1));
  server.run(1);
  server.run(2);
  for (const char* route : {"/v2/ep/run", "/v2/ep/runsync", "/run", "/runsync"}) {
    const Answer answer = server.post(route, {{"input", Json::object()}});
    EXPECT_EQ(answer.status, 429) << route;
    EXPECT_FALSE(answer.header("Retry-After").empty());
    EXPECT_THAT(answer.json()["error"], StartsWith("queue_full: "));
  }
  EXPECT_EQ(server.get("/ready").status, 503);
}

TEST(HostedApi, LargeBodiesAreReadBesideTheServersThreads) {
  TestServer server;
  const Json large = {{"input", {{"return", std::string(3'000'000, 'x')}}}};
  std::vector<std::thread> clients;
  std::atomic<int> completed{0};
  for (int i = 0; i < 6; ++i) {
    clients.emplace_back([&] {
      const Answer answer = server.post("/v2/ep/runsync", large);
      completed += answer.json().value("status", "") == "COMPLETED" &&
                   answer.json()["output"].get<std::string>().size() == 3'000'000;
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(completed, 6);
  EXPECT_EQ(server.post("/v2/ep/runsync", std::string(100'000, 'x')).status, 400);
}

TEST(HostedApi, BodiesOverTheLimitAre413) {
  TestServer::Setup setup;
  setup.options.routes.run_body = 1000;
  setup.options.routes.runsync_body = 2000;
  TestServer server(std::move(setup));
  const Json large = {{"input", std::string(1500, 'x')}};
  EXPECT_EQ(server.post("/v2/ep/run", large).status, 413);
  EXPECT_EQ(server.post("/run", large).status, 413);
  EXPECT_EQ(server.post("/v2/ep/runsync", large).status, 200);
  EXPECT_EQ(server.post("/v2/ep/runsync", {{"input", std::string(2500, 'x')}}).status, 413);
}

TEST(HostedApi, ResultsOverTheLimitFail) {
  TestServer::Setup setup;
  setup.options.jobs.run_result = 1000;
  setup.options.jobs.runsync_result = 2000;
  TestServer server(std::move(setup));
  const std::string id = server.run({{"return", std::string(1500, 'x')}});
  const Json failed = server.get("/v2/ep/status-sync/" + id).json();
  EXPECT_EQ(failed["status"], "FAILED");
  EXPECT_EQ(failed["error"], "output_too_large: the result has 1502 bytes, at most 1000 are taken");
  EXPECT_EQ(server.post("/v2/ep/runsync", {{"input", {{"return", std::string(1500, 'x')}}}})
                .json()["status"],
            "COMPLETED");
  // A stream's pieces count together.
  const Json pieces = Json::array({std::string(600, 'x'), std::string(600, 'y')});
  const Json stream = server.get("/v2/ep/status-sync/" + server.run({{"stream", pieces}})).json();
  EXPECT_EQ(stream["status"], "FAILED");
  EXPECT_THAT(stream["error"], StartsWith("output_too_large: "));
}

TEST(HostedApi, WebhookGetsTheStatusAndIsRepeated) {
  HttpPeer peer(scripted({PeerReply{500}, PeerReply{404}, PeerReply{200}}));
  TestServer server(with_short_waits());
  const std::string id = server.run({{"error", "no"}}, {{"webhook", peer.url("/hook?secret=1")}});
  ASSERT_TRUE(peer.wait_for_requests(3));
  const Json body = Json::parse(peer.requests()[2].body);
  EXPECT_EQ(body["id"], id);
  EXPECT_EQ(body["status"], "FAILED");
  EXPECT_EQ(body["error"], "invalid_input: no");
  EXPECT_THAT(server.log(), HasSubstr("Webhook failed: HTTP 500"));
  EXPECT_THAT(server.log(), ::testing::Not(HasSubstr("secret")));
}

TEST(HostedApi, WebhooksToPrivateHostsAreRefused) {
  HttpPeer peer([](const PeerRequest&) { return PeerReply{}; });
  TestServer::Setup setup = with_short_waits();
  setup.options.webhooks.public_hosts_only = true;
  TestServer server(std::move(setup));
  const std::string id = server.run(1, {{"webhook", peer.url("/hook")}});
  ASSERT_TRUE(server.wait_for_state(id, "COMPLETED"));
  const auto end = std::chrono::steady_clock::now() + 2min;
  while (server.log().find("Webhook given up") == std::string::npos &&
         std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(5ms);
  }
  EXPECT_THAT(server.log(), HasSubstr("Webhook given up"));
  EXPECT_EQ(peer.connections(), 0);
}

TEST(HostedApi, ConcurrencyRunsSeveralJobsAtOnce) {
  TestServer::Setup setup;
  setup.options.work.slots = 4;
  TestServer server(std::move(setup));
  std::vector<std::string> ids;
  for (int i = 0; i < 6; ++i) ids.push_back(server.run({{"wait", true}, {"return", i}}));
  ASSERT_TRUE(server.handler().wait_for_started(4));
  const Json jobs = server.get("/v2/ep/health").json()["jobs"];
  EXPECT_EQ(jobs["inProgress"], 4);
  EXPECT_EQ(jobs["inQueue"], 2);
  server.handler().release();
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(server.get("/v2/ep/status-sync/" + ids[static_cast<size_t>(i)]).json()["output"], i);
  }
}

// Many clients at once do everything; every job has one end and nothing is lost.
TEST(HostedApi, ManyClientsAtOnce) {
  TestServer::Setup setup = with_short_waits();
  setup.options.work.slots = 3;
  setup.options.work.capacity = 1000;
  TestServer server(std::move(setup));
  server.handler().release();
  std::atomic<int> completed{0};
  std::vector<std::thread> clients;
  for (int c = 0; c < 8; ++c) {
    clients.emplace_back([&, c] {
      for (int i = 0; i < 20; ++i) {
        const std::string id = server.run({{"stream", {c, i}}, {"return", nullptr}});
        if (i % 5 == 0) server.post("/v2/ep/cancel/" + id);
        if (i % 7 == 0) server.get("/v2/ep/health");
        Json pieces = Json::array();
        std::string status;
        while (status.empty() || status == "IN_QUEUE" || status == "IN_PROGRESS") {
          const Json answer = server.get("/v2/ep/stream/" + id + "?wait=1000").json();
          status = answer["status"];
          for (const Json& piece : answer["stream"]) pieces.push_back(piece["output"]);
        }
        if (status == "COMPLETED") {
          EXPECT_EQ(pieces, Json({c, i}));
          ++completed;
        }
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_GE(completed, 8 * 16);
  const Json jobs = server.get("/v2/ep/health").json()["jobs"];
  EXPECT_EQ(jobs["completed"], completed.load());
  EXPECT_EQ(jobs["inQueue"], 0);
}

}  // namespace
}  // namespace echo::server
