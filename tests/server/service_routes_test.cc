// Health, readiness, keys, metrics, files, documentation: everything that is not about jobs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "speech/input_schema.h"
#include "support/fake_clock.h"
#include "support/temp_dir.h"
#include "test_server.h"

namespace echo::server {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

int status_of(int port, const std::string& path) {
  RawClient raw(port);
  raw.send("GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  return raw.read_answer().status;
}

TEST(ServiceRoutes, M50NothingSaysReadyBeforeTheModelIs) {
  TestServer::Setup setup;
  setup.ready = false;
  setup.options.health_path = "/health";
  TestServer server(std::move(setup));
  EXPECT_EQ(server.get("/ping").status, 204);
  EXPECT_EQ(server.get("/ping").body, "");
  EXPECT_EQ(server.get("/health").status, 204);
  EXPECT_EQ(server.get("/ready").status, 503);
  EXPECT_EQ(server.get("/v2/ep/health").json()["workers"]["initializing"], 1);
  // Jobs are taken and wait.
  const std::string id = server.run(1);
  EXPECT_EQ(server.state(id), "IN_QUEUE");

  server.api().set_ready(server.handler().handler());
  EXPECT_EQ(server.get("/ping").status, 200);
  EXPECT_EQ(server.get("/health").status, 200);
  EXPECT_EQ(server.get("/ready").status, 200);
  EXPECT_TRUE(server.wait_for_state(id, "COMPLETED"));
}

TEST(ServiceRoutes, RootHealthIsAliveWhileLoading) {
  TestServer::Setup setup;
  setup.ready = false;
  TestServer server(std::move(setup));
  Json health = server.get("/health").json();
  EXPECT_EQ(health["status"], "loading");
  EXPECT_EQ(health["workers"]["initializing"], 1);
  server.api().set_ready(server.handler().handler());
  health = server.get("/health").json();
  EXPECT_EQ(health["status"], "ready");
  EXPECT_EQ(health["workers"]["ready"], 1);
}

TEST(ServiceRoutes, M52LoadBalancerHealthOnItsOwnPort) {
  TestServer::Setup setup;
  setup.ready = false;
  setup.options.health_port = 0;
  setup.options.health_path = "/custom/health";
  TestServer server(std::move(setup));
  const int health_port = server.api().health_port();
  EXPECT_NE(health_port, server.port());
  EXPECT_EQ(status_of(health_port, "/custom/health"), 204);
  EXPECT_EQ(status_of(health_port, "/ping"), 404);
  EXPECT_EQ(status_of(health_port, "/v2/ep/health"), 404);
  server.api().set_ready(server.handler().handler());
  EXPECT_EQ(status_of(health_port, "/custom/health"), 200);
  EXPECT_EQ(status_of(server.port(), "/custom/health"), 200);
  server.api().set_broken("the device is gone");
  EXPECT_EQ(status_of(health_port, "/custom/health"), 500);
}

TEST(ServiceRoutes, M52LoadBalancerOptions) {
  const ServerOptions one = load_balancer_options({}, 80, 80, "/ping");
  EXPECT_EQ(one.http.host, "0.0.0.0");
  EXPECT_EQ(one.http.port, 80);
  EXPECT_FALSE(one.health_port);
  const ServerOptions two = load_balancer_options({}, 80, 8081, "/h");
  EXPECT_EQ(two.health_port, 8081);
  EXPECT_EQ(two.health_path, "/h");
  EXPECT_EQ(ServerOptions{}.http.host, "127.0.0.1");
}

TEST(ServiceRoutes, ABrokenDeviceMakesTheServerUnhealthy) {
  std::string reason;
  TestServer::Setup setup;
  setup.fatal = [&](const std::string& text) { reason = text; };
  TestServer server(std::move(setup));
  const Json job = server.post("/v2/ep/runsync", {{"input", {{"fatal", true}}}}).json();
  EXPECT_EQ(job["status"], "FAILED");
  const auto end = std::chrono::steady_clock::now() + 2min;
  while (server.get("/ping").status != 500 && std::chrono::steady_clock::now() < end) {
  }
  EXPECT_EQ(server.get("/ping").status, 500);
  EXPECT_EQ(server.get("/ready").status, 503);
  EXPECT_EQ(server.post("/v2/ep/run", {{"input", 1}}).status, 503);
  EXPECT_EQ(server.get("/v2/ep/health").json()["workers"]["unhealthy"], 1);
  server.api().shutdown(1s);
  EXPECT_EQ(reason, "internal: the device is broken");
}

TEST(ServiceRoutes, ReadinessNamesItsReasons) {
  TestServer::Setup setup;
  setup.problems = [] { return std::vector<std::string>{"storage: cannot be reached"}; };
  TestServer server(std::move(setup));
  const Answer answer = server.get("/ready");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.json()["reasons"], Json::array({"storage: cannot be reached"}));
}

TEST(ServiceRoutes, ShutdownFinishesJobsAndAnswersThoseWhoWait) {
  TestServer server;
  const std::string running = server.run({{"wait", true}, {"return", "spoken"}});
  ASSERT_TRUE(server.handler().wait_for_started(1));
  std::string body;
  std::thread waiting([&] { body = server.get("/v2/ep/status-sync/" + running).body; });
  ASSERT_TRUE(server.wait_for_held(1));
  std::thread shutdown([&] { server.api().shutdown(30s); });
  while (server.get("/ping").status != 503) {
  }
  EXPECT_EQ(server.post("/v2/ep/run", {{"input", 1}}).status, 503);
  server.handler().release();
  waiting.join();
  shutdown.join();
  EXPECT_THAT(body, HasSubstr("\"spoken\""));
  EXPECT_THROW(server.get("/ping"), std::runtime_error);
}

TEST(ServiceRoutes, ShutdownCancelsWhatTakesTooLong) {
  TestServer server;
  const std::string running = server.run({{"wait", true}});
  ASSERT_TRUE(server.handler().wait_for_started(1));
  std::string body;
  std::thread waiting([&] { body = server.get("/v2/ep/status-sync/" + running).body; });
  ASSERT_TRUE(server.wait_for_held(1));
  server.api().shutdown(10ms);
  waiting.join();
  EXPECT_THAT(body, HasSubstr("CANCELLED"));
  EXPECT_EQ(server.handler().cancelled(), 1);
}

// ---- keys

TEST(ServiceRoutes, KeysAreNeededWhereTheyAreSet) {
  TestServer::Setup setup;
  setup.options.api_keys = {"first-key", "second-key"};
  Metrics metrics;
  setup.metrics = &metrics;
  TestServer server(std::move(setup));
  for (const char* path : {"/v2/ep/status/x", "/status/x", "/metrics", "/nothing"}) {
    const Answer answer = server.get(path);
    EXPECT_EQ(answer.status, 401) << path;
    EXPECT_EQ(answer.header("WWW-Authenticate"), "Bearer");
  }
  EXPECT_EQ(server.post("/v2/ep/run", {{"input", 1}}).status, 401);
  for (const char* wrong : {"Bearer", "Bearer ", "Bearer first-ke", "Bearer first-key2", "Basic x",
                            "bearer:first-key", ""}) {
    EXPECT_EQ(server.get("/status/x", {{"Authorization", wrong}}).status, 401) << wrong;
  }
  for (const char* right : {"Bearer first-key", "Bearer second-key", "first-key"}) {
    EXPECT_EQ(server.get("/status/x", {{"Authorization", right}}).status, 404) << right;
  }
  for (const char* path :
       {"/health", "/ready", "/ping", "/v2/ep/health", "/docs", "/studio", "/openapi.json"}) {
    EXPECT_EQ(server.get(path).status, 200) << path;
  }
  EXPECT_EQ(server.get("/metrics", {{"Authorization", "Bearer first-key"}}).status, 200);
  EXPECT_THAT(server.log(), Not(HasSubstr("first-ke")));
}

TEST(ServiceRoutes, AWrongKeyIsRefusedBeforeTheBodyIsRead) {
  TestServer::Setup setup;
  setup.options.api_keys = {"key"};
  TestServer server(std::move(setup));
  RawClient raw(server.port());
  raw.send("POST /v2/ep/runsync HTTP/1.1\r\nHost: localhost\r\nContent-Length: 15000000\r\n\r\n");
  EXPECT_EQ(raw.read_answer().status, 401);
}

TEST(ServiceRoutes, PagesOfOtherSitesCannotStartJobs) {
  TestServer server;
  const std::string host = "127.0.0.1:" + std::to_string(server.port());
  const auto from = [&](const std::string& origin) {
    return server.request("POST", "/v2/ep/run", "{\"input\":1}", {{"Origin", origin}}).status;
  };
  EXPECT_EQ(from("http://" + host), 200);
  EXPECT_EQ(from("https://evil.example"), 403);
  EXPECT_EQ(from("null"), 403);
  EXPECT_EQ(server.get("/health").header("Access-Control-Allow-Origin"), "");
}

TEST(ServiceRoutes, NamesThatOthersPointHereAreRefused) {
  TestServer::Setup setup;
  setup.options.public_url = "https://voice.example/";
  TestServer server(std::move(setup));
  EXPECT_EQ(server.api().url(), "https://voice.example");
  const auto with_host = [&](const std::string& host) {
    RawClient raw(server.port());
    raw.send("GET /v2/ep/status/x HTTP/1.1\r\nConnection: close\r\nHost: " + host + "\r\n\r\n");
    return raw.read_answer().status;
  };
  for (const char* good : {"127.0.0.1:8000", "localhost", "localhost:1", "a.localhost:1",
                           "[::1]:80", "192.168.1.5", "voice.example", ""}) {
    EXPECT_EQ(with_host(good), 404) << good;
  }
  for (const char* bad :
       {"evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhos"}) {
    EXPECT_EQ(with_host(bad), 403) << bad;
  }
  const auto from = [&](const std::string& origin) {
    return server.request("POST", "/v2/ep/run", "{\"input\":1}", {{"Origin", origin}}).status;
  };
  EXPECT_EQ(from("https://voice.example"), 200);
  EXPECT_EQ(from("https://voice.example.evil"), 403);
}

TEST(ServiceRoutes, NamesAreLookedAtWhereverItListens) {
  const auto status = [](const TestServer& server, const std::string& host,
                         const std::string& more = "") {
    RawClient raw(server.port());
    raw.send("GET /v2/ep/status/x HTTP/1.1\r\nConnection: close\r\nHost: " + host + "\r\n" + more +
             "\r\n");
    return raw.read_answer();
  };
  TestServer::Setup setup;
  setup.everybody = true;
  setup.options.allowed_hosts = {"tts.example:8000", ".inside.example"};
  TestServer server(std::move(setup));
  for (const char* good : {"tts.example", "TTS.example.:1", "a.inside.example", "inside.example",
                           "10.0.0.7:8000", "[fd00::1]:80", "localhost", "0.0.0.0"}) {
    EXPECT_EQ(status(server, good).status, 404) << good;
  }
  for (const char* bad : {"evil.example", "notinside.example", "tts.example.evil.example"}) {
    const Answer answer = status(server, bad);
    EXPECT_EQ(answer.status, 403) << bad;
    EXPECT_THAT(answer.body, HasSubstr("ECHO_ALLOWED_HOSTS"));
  }
  EXPECT_EQ(server.get("/ping", {{"Host", "evil.example"}}).status, 200) << "health is no secret";

  TestServer::Setup any;
  any.everybody = true;
  any.options.allowed_hosts = {"*"};
  const TestServer open(std::move(any));
  EXPECT_EQ(status(open, "whatever.example").status, 404);

  TestServer::Setup with_key;
  with_key.everybody = true;
  with_key.options.api_keys = {"key"};
  const TestServer locked(std::move(with_key));
  EXPECT_EQ(status(locked, "evil.example", "Authorization: Bearer key\r\n").status, 404);
}

TEST(ServiceRoutes, TheStartSaysWhoMayCall) {
  TestServer local;
  EXPECT_EQ(local.api().openness(), "Open to this machine alone, without an API key");
  TestServer::Setup setup;
  setup.options.api_keys = {"key", "key2"};
  setup.everybody = true;
  TestServer locked(std::move(setup));
  EXPECT_EQ(locked.api().openness(),
            "Open to everybody who reaches 0.0.0.0:" + std::to_string(locked.port()) +
                ", who has one of 2 API keys");
  TestServer::Setup none;
  none.everybody = true;
  none.options.allowed_hosts = {"tts.example"};
  TestServer open(std::move(none));
  EXPECT_THAT(open.api().openness(), HasSubstr("without an API key; set ECHO_API_KEYS"));
  EXPECT_THAT(open.api().openness(), HasSubstr("by addresses, tts.example and the names"));
}

TEST(ServiceRoutes, IdleConnectionsKeepNoHealthCheckOut) {
  TestServer::Setup setup;
  setup.options.http.max_connections = 16;
  TestServer server(std::move(setup));
  std::vector<std::unique_ptr<RawClient>> idle;
  for (int i = 0; i < 40; ++i) idle.push_back(std::make_unique<RawClient>(server.port()));
  EXPECT_EQ(server.get("/ping").status, 200);
}

TEST(ServiceRoutes, HeldRequestsKeepNoHealthCheckOut) {
  TestServer::Setup setup;
  setup.options.http.max_connections = 4;
  TestServer server(std::move(setup));
  const std::string id = server.run({{"wait", true}});
  std::vector<std::unique_ptr<RawClient>> waiting;
  for (int i = 0; i < 4; ++i) {
    waiting.push_back(std::make_unique<RawClient>(server.port()));
    waiting.back()->send("GET /v2/ep/status-sync/" + id + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
  }
  ASSERT_TRUE(server.wait_for_held(4));
  for (const char* path : {"/ping", "/ready", "/health", "/v2/ep/health"}) {
    RawClient raw(server.port());
    raw.send(std::string("GET ") + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_EQ(raw.read_answer().status, 200) << path;
  }
  RawClient raw(server.port());
  raw.send("GET /v2/ep/status/" + id + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(raw.read_answer().status, 503);
}

TEST(ServiceRoutes, OptionsThatCannotBeAreRefused) {
  for (const char* path : {"", "ping", "/{a}"}) {
    TestServer::Setup setup;
    setup.options.health_path = path;
    EXPECT_THROW(TestServer{std::move(setup)}, Error) << path;
  }
  TestServer::Setup setup;
  setup.options.public_url = "voice.example";
  EXPECT_THROW(TestServer{std::move(setup)}, Error);
}

// ---- files

class ServiceFiles : public ::testing::Test {
 protected:
  ServiceFiles() {
    TestServer::Setup setup;
    setup.files = &store_;
    setup.options.api_keys = {"key"};
    server_ = std::make_unique<TestServer>(std::move(setup));
    store_.put("anna/über.ogg", content_, "audio/ogg");
  }
  // What follows the server's address in a link.
  std::string target(const std::string& name) {
    return store_.link(name).substr(server_->url("").size());
  }
  Answer range(const std::string& value) {
    return server_->get(target("anna/über.ogg"), {{"Range", value}});
  }

  TempDir dir_;
  FakeClock clock_{std::chrono::system_clock::time_point(1'700'000'000s)};
  DirectoryStore store_{DirectoryStoreOptions{dir_.path()}, clock_};
  const std::string content_ = [] {
    std::string text;
    while (text.size() < 1'000'000) text += std::to_string(text.size()) + " ";
    return text;
  }();
  std::unique_ptr<TestServer> server_;
};

TEST_F(ServiceFiles, LinksOpenFilesWithoutAKey) {
  EXPECT_THAT(store_.link("anna/über.ogg"), StartsWith(server_->url("/files/anna/%C3%BCber.ogg?")));
  const Answer answer = server_->get(target("anna/über.ogg"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, content_);
  EXPECT_EQ(answer.header("Content-Type"), "audio/ogg; codecs=opus");
  EXPECT_EQ(answer.header("Accept-Ranges"), "bytes");
  const Answer head = server_->request("HEAD", target("anna/über.ogg"));
  EXPECT_EQ(head.header("Content-Length"), std::to_string(content_.size()));
  EXPECT_EQ(head.body, "");
}

TEST_F(ServiceFiles, WrongLinksOpenNothing) {
  const std::string good = target("anna/über.ogg");
  const std::string query = good.substr(good.find('?'));
  EXPECT_EQ(server_->get("/files/anna/%C3%BCber.ogg").status, 403);
  EXPECT_EQ(server_->get(good + "0").status, 403);
  EXPECT_EQ(server_->get("/files/other.ogg" + query).status, 403);
  EXPECT_EQ(server_->get("/files/..%2f..%2fetc/passwd" + query).status, 403);
  EXPECT_EQ(server_->get("/files/" + query).status, 401);
  store_.remove("anna/über.ogg");
  EXPECT_EQ(server_->get(good).status, 404);
}

TEST_F(ServiceFiles, LinksExpire) {
  const std::string good = target("anna/über.ogg");
  clock_.advance(3600s);
  EXPECT_EQ(server_->get(good).status, 200);
  clock_.advance(1s);
  const Answer answer = server_->get(good);
  EXPECT_EQ(answer.status, 403);
  EXPECT_THAT(answer.body, HasSubstr("expired"));
}

TEST_F(ServiceFiles, Ranges) {
  struct Case {
    const char* range;
    size_t first, count;
  };
  const size_t size = content_.size();
  for (const Case& one :
       {Case{"bytes=0-9", 0, 10}, Case{"bytes=5-", 5, size - 5}, Case{"bytes=-7", size - 7, 7},
        Case{"bytes=0-99999999", 0, size}, Case{"bytes=-99999999", 0, size},
        Case{"bytes=300000-699999", 300000, 400000}}) {
    const Answer answer = range(one.range);
    EXPECT_EQ(answer.status, 206) << one.range;
    EXPECT_EQ(answer.body, content_.substr(one.first, one.count)) << one.range;
    EXPECT_EQ(answer.header("Content-Range"), "bytes " + std::to_string(one.first) + "-" +
                                                  std::to_string(one.first + one.count - 1) + "/" +
                                                  std::to_string(size));
  }
  for (const char* outside : {"bytes=99999999-", "bytes=-0"}) {
    const Answer answer = range(outside);
    EXPECT_EQ(answer.status, 416) << outside;
    EXPECT_EQ(answer.header("Content-Range"), "bytes */" + std::to_string(size));
  }
  for (const char* ignored : {"bytes=9-5", "bytes=a-b", "lines=0-5", "bytes=0-1,4-5", "bytes="}) {
    EXPECT_EQ(range(ignored).status, 200) << ignored;
  }
}

// ---- documentation and numbers

TEST(ServiceRoutes, OpenApiDescribesEveryRouteAndNothingElse) {
  TempDir dir;
  DirectoryStore store(DirectoryStoreOptions{dir.path()});
  Metrics metrics;
  TestServer::Setup setup;
  setup.files = &store;
  setup.metrics = &metrics;
  setup.options.routes.endpoint_id = "ep1";
  setup.options.description.version = "1.2.3";
  setup.options.description.input_schema = speech_input_schema();
  TestServer server(std::move(setup));
  const Json api = server.get("/openapi.json").json();
  EXPECT_EQ(api["openapi"], "3.1.0");
  EXPECT_EQ(api["info"]["version"], "1.2.3");
  const Json& parameters =
      api["components"]["schemas"]["Input"]["properties"]["parameters"]["properties"];
  EXPECT_EQ(parameters["num_steps"]["oneOf"][0]["type"], "integer");
  EXPECT_EQ(parameters["num_steps"]["oneOf"][1]["items"]["maximum"], 1000);
  EXPECT_TRUE(parameters["num_steps"]["default"].is_number());

  std::set<std::string> names;
  for (const auto& [path, operations] : api["paths"].items()) {
    for (const auto& [method, operation] : operations.items()) {
      EXPECT_TRUE(names.insert(operation["operationId"]).second) << path;
      EXPECT_FALSE(operation["responses"].empty());
      // Every {parameter} of the path is described.
      for (size_t at = path.find('{'); at != std::string::npos; at = path.find('{', at + 1)) {
        const std::string name = path.substr(at + 1, path.find('}', at) - at - 1);
        bool found = false;
        for (const Json& parameter : operation.value("parameters", Json::array())) {
          found |= parameter["name"] == name && parameter["in"] == "path";
        }
        EXPECT_TRUE(found) << path << " " << name;
      }
      std::string upper = method;
      for (char& c : upper) c = static_cast<char>(c - 'a' + 'A');
      const http::RouteMatch match = server.api().router().match(upper, path);
      EXPECT_NE(match.route, nullptr) << upper << " " << path;
      if (match.route == nullptr) continue;
      EXPECT_EQ(match.route->open, operation.contains("security")) << path;
    }
  }
  // References lead somewhere.
  const std::string text = api.dump();
  for (size_t at = text.find("#/components/"); at != std::string::npos;
       at = text.find("#/components/", at + 1)) {
    const std::string pointer = text.substr(at + 1, text.find('"', at) - at - 1);
    EXPECT_TRUE(api.contains(Json::json_pointer(pointer))) << pointer;
  }
  for (const http::Route& route : server.api().router().routes()) {
    if (route.pattern == "/") continue;
    std::string path = route.pattern;  // a star says that the parameter may hold slashes
    std::erase(path, '*');
    std::string method = route.method;
    for (char& c : method) c = static_cast<char>(c - 'A' + 'a');
    EXPECT_TRUE(api["paths"].contains(path) && api["paths"][path].contains(method))
        << method << " " << path;
  }
}

TEST(ServiceRoutes, TheDocsPageLoadsNothingElse) {
  TestServer server;
  const Answer page = server.get("/docs");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.header("Content-Type"), "text/html; charset=utf-8");
  EXPECT_THAT(page.header("Content-Security-Policy"), StartsWith("default-src 'none'"));
  EXPECT_THAT(page.body, Not(HasSubstr("://")));
  EXPECT_THAT(page.body, HasSubstr("openapi.json"));
  EXPECT_THAT(page.header("Content-Security-Policy"), HasSubstr("media-src blob:"))
      << "what was spoken can be heard";
}

TEST(ServiceRoutes, MetricsCountJobsAndRequests) {
  Metrics metrics;
  TestServer::Setup setup;
  setup.metrics = &metrics;
  TestServer server(std::move(setup));
  const Json speech = {{"status", "completed"}, {"filename", "canary-voice.ogg"}};
  server.post("/v2/ep/runsync", {{"input", {{"return", speech}, {"format", "ogg"}}}});
  server.post("/v2/ep/runsync", {{"input", {{"error", "x"}}}});
  server.get("/v2/ep/status/canary-id");
  server.get("/canary-path");
  server.request("CANARY", "/run");
  // A job is answered before its place is free.
  ASSERT_TRUE(server.api().work().wait_idle(std::chrono::minutes(2)));
  const Answer answer = server.get("/metrics");
  EXPECT_EQ(answer.header("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
  for (const char* line :
       {"echotts_requests_total{format=\"ogg\",route=\"runsync\",status=\"completed\"} 1\n",
        "echotts_requests_total{format=\"none\",route=\"runsync\",status=\"failed\"} 1\n",
        "echotts_queue_depth 0\n", "echotts_requests_in_flight 0\n",
        "route=\"/v2/{endpoint}/status/{id}\"", "# TYPE process_cpu_seconds_total counter\n",
        "process_resident_memory_bytes ", "process_open_fds ", "process_start_time_seconds "}) {
    EXPECT_THAT(answer.body, HasSubstr(line));
  }
  EXPECT_THAT(answer.body, Not(HasSubstr("canary")));
  EXPECT_THAT(answer.body, Not(HasSubstr("CANARY")));
}

TEST(MetricsTest, EveryEventHasItsName) {
  Metrics metrics;
  metrics.build_info("1.0", "abc", "def");
  metrics.cold_start(ColdStart(1.5));
  metrics.first_audio("openai", "mp3", 0.2);
  metrics.reroll("silence");
  metrics.cancelled("client");
  metrics.voice_cache(false);
  metrics.upload_failed();
  metrics.upload_retried();
  metrics.set_batch_size(3);
  metrics.on_scrape([](Metrics& sampled) { sampled.set_queue_depth(7); });
  const std::string text = metrics.text();
  for (const char* line :
       {"echotts_build_info{git=\"abc\",model_hash=\"def\",version=\"1.0\"} 1\n",
        "echotts_cold_start_seconds{stage=\"process\"} 1.5\n", "echotts_ready_seconds 1.5\n",
        "echotts_time_to_first_audio_seconds_count{format=\"mp3\",route=\"openai\"} 1\n",
        "echotts_rerolls_total{reason=\"silence\"} 1\n",
        "echotts_cancelled_total{cause=\"client\"} 1\n", "echotts_voice_cache_misses_total 1\n",
        "echotts_upload_failures_total 1\n", "echotts_upload_retries_total 1\n",
        "echotts_batch_size 3\n", "echotts_queue_depth 7\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(MetricsTest, ASpeechJobTellsItsStages) {
  Metrics metrics;
  JobReport report;
  report.timings = {
      .queue = 9, .voice = 0.5, .text = 0, .diffusion = 1, .decode = 0.25, .total = 11};
  report.encode_seconds = 0.25;
  report.upload_seconds = 0.125;
  report.first_audio_seconds = 1.5;
  report.audio_seconds = 4;
  report.chunks = 2;
  report.rerolls = {"no_end", "empty", "no_end"};
  report.voice_cache = VoiceCacheUse::kHit;
  metrics.speech_finished(report);
  report.rerolls.clear();
  report.kind = "storage_unavailable";
  report.voice_cache = VoiceCacheUse::kMiss;
  metrics.speech_finished(report);
  JobReport refused;  // nothing was spoken
  refused.kind = "invalid_input";
  metrics.speech_finished(refused);
  const std::string text = metrics.text();
  for (const char* line :
       {"echotts_audio_generated_seconds_total 8\n", "echotts_chunks_total{result=\"clean\"} 4\n",
        "echotts_voice_cache_hits_total 1\n", "echotts_voice_cache_misses_total 1\n",
        "echotts_rerolls_total{reason=\"no_end\"} 2\n",
        "echotts_rerolls_total{reason=\"empty\"} 1\n",
        "echotts_stage_duration_seconds_sum{stage=\"diffusion\"} 2\n",
        "echotts_stage_duration_seconds_sum{stage=\"speaker\"} 1\n",
        "echotts_stage_duration_seconds_count{stage=\"queue\"} 2\n",
        "echotts_stage_duration_seconds_sum{stage=\"upload\"} 0.25\n",
        "echotts_real_time_factor_ratio_sum 1\n", "echotts_upload_duration_seconds_count 2\n",
        "echotts_upload_failures_total 1\n",
        "echotts_time_to_first_audio_seconds_sum{format=\"ogg\",route=\"job\"} 3\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(MetricsTest, AJobWithoutAudioHasNoFormat) {
  Metrics metrics;
  metrics.request_finished("run", "", "failed", 1);
  EXPECT_THAT(metrics.text(), HasSubstr("{format=\"none\",route=\"run\",status=\"failed\"} 1\n"));
}

}  // namespace
}  // namespace echo::server
