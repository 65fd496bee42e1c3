// The HTTP server by itself: what it takes, what it refuses, and how it ends.
#include "http/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <algorithm>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/error.h"
#include "http/responses.h"
#include "support/raw_client.h"

namespace echo::http {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// Gives so many pieces, each from another thread.
class ThreadedPieces final : public BodyProducer {
 public:
  ThreadedPieces(int count, bool complete) : left_(count), complete_(complete) {}
  ~ThreadedPieces() override {
    if (thread_.joinable()) thread_.join();
  }
  void next(Ready ready) override {
    if (thread_.joinable()) thread_.join();
    thread_ = std::thread([this, ready] {
      if (left_-- > 0) return ready("piece " + std::to_string(left_) + ";");
      ready(complete_ ? std::optional<std::string>("") : std::nullopt);
    });
  }

 private:
  int left_;
  bool complete_;
  std::thread thread_;
};

// Never has a piece.
class SilentSource final : public BodyProducer {
 public:
  explicit SilentSource(std::function<void()> asked) : asked_(std::move(asked)) {}
  void next(Ready ready) override {
    ready_ = std::move(ready);
    asked_();
  }

 private:
  std::function<void()> asked_;
  Ready ready_;
};

// Echoes bodies at /echo, holds /hold until release(), streams at /pieces and /broken.
class FakeService final : public HttpService {
 public:
  Admission admit(const Request& head) override {
    if (head.path == "/refused") return {error_response(401, "unauthorized: no"), 0, "refused"};
    if (head.path == "/throws-early") throw std::runtime_error("early");
    return {std::nullopt, 1000, head.path, head.path == "/vital"};
  }
  void handle(Request request, Reply reply) override {
    if (request.path == "/throws") throw std::runtime_error("late");
    if (request.path == "/forgotten") return;
    if (request.path == "/hold") {
      const std::lock_guard lock(mutex_);
      held_.push_back(reply);
      gone_.push_back(request.gone);
      lost_.push_back(request.lost);
      changed_.notify_all();
      return;
    }
    Response response;
    if (request.path == "/silent") {
      const std::lock_guard lock(mutex_);
      gone_.push_back(request.gone);
      response.producer = std::make_shared<SilentSource>([this] {
        const std::lock_guard asked(mutex_);
        silent_ = true;
        changed_.notify_all();
      });
    } else if (request.path == "/pieces" || request.path == "/broken") {
      response.producer = std::make_shared<ThreadedPieces>(3, request.path == "/pieces");
    } else if (request.path == "/big") {
      response.body.assign(5'000'000, 'x');
    } else {
      response.body = request.method + " " + request.path + "?" + request.query + " " +
                      std::string(request.header("X-Test").value_or("")) + " " + request.body;
    }
    response.headers = {{"Content-Type", "text/plain"}, {"X-Split", "a\r\nInjected: b"}};
    reply.send(std::move(response));
  }
  void answered(const std::string& label, const std::string& method, int status,
                std::chrono::duration<double>) override {
    const std::lock_guard lock(mutex_);
    answered_.push_back(method + " " + label + " " + std::to_string(status));
    changed_.notify_all();
  }

  bool wait_for_held(size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 2min, [&] { return held_.size() >= count; });
  }
  bool wait_for_answered(const std::string& what) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(
        lock, 2min, [&] { return std::count(answered_.begin(), answered_.end(), what) > 0; });
  }
  bool wait_for_silent() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 2min, [&] { return silent_; });
  }
  void release() {
    std::vector<Reply> replies;
    {
      const std::lock_guard lock(mutex_);
      replies.swap(held_);
    }
    for (const Reply& reply : replies) reply.send({200, {}, "released", nullptr, {}});
  }
  std::stop_token lost(size_t i) {
    const std::lock_guard lock(mutex_);
    return lost_.at(i);
  }
  std::stop_token gone(size_t i) {
    const std::lock_guard lock(mutex_);
    return gone_.at(i);
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Reply> held_;
  std::vector<std::stop_token> gone_, lost_;
  std::vector<std::string> answered_;
  bool silent_ = false;
};

bool comes_true(const std::stop_token& token) {
  const auto end = std::chrono::steady_clock::now() + 2min;
  while (!token.stop_requested() && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(1ms);
  }
  return token.stop_requested();
}

class HttpServerTest : public ::testing::Test {
 protected:
  void start(const HttpServerOptions& options = {}) {
    server_ = std::make_unique<HttpServer>(options, service_);
    server_->serve();
  }
  RawClient client() { return RawClient(server_->port()); }
  std::string talk(const std::string& bytes) {
    RawClient raw(server_->port());
    raw.send(bytes);
    return raw.read_all();
  }

  FakeService service_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, AnswersAndKeepsTheConnection) {
  start();
  RawClient raw(server_->port());
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(
        raw.send("POST /echo?a=b%20c HTTP/1.1\r\nHost: x\r\nx-test: t\r\n"
                 "Content-Length: 5\r\n\r\nhello"));
    const Answer answer = raw.read_answer();
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "POST /echo?a=b%20c t hello");
    EXPECT_EQ(answer.header("X-Split"), "a  Injected: b");
    EXPECT_EQ(answer.header("Connection"), "");
    EXPECT_THAT(answer.header("Date"), ::testing::EndsWith(" GMT"));
  }
  EXPECT_EQ(server_->connections(), 1u);
}

TEST_F(HttpServerTest, PipelinedRequestsAreAnsweredInOrder) {
  start();
  const std::string text = talk(
      "GET /one HTTP/1.1\r\nHost: x\r\n\r\nGET /two HTTP/1.1\r\nHost: x\r\n\r\n"
      "GET /three HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const size_t one = text.find("/one");
  const size_t two = text.find("/two");
  const size_t three = text.find("/three");
  ASSERT_NE(three, std::string::npos) << text;
  EXPECT_LT(one, two);
  EXPECT_LT(two, three);
}

TEST_F(HttpServerTest, ChunkedBodiesAreRead) {
  start();
  const std::string text = talk(
      "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
      "5\r\nhello\r\n7;ext=1\r\n, world\r\n0\r\n\r\n");
  EXPECT_THAT(text, HasSubstr("hello, world"));
}

TEST_F(HttpServerTest, AWholeAddressAsTargetIsItsPath) {
  start();
  EXPECT_THAT(talk("GET http://x:1/a?b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
              HasSubstr("GET /a?b"));
}

TEST_F(HttpServerTest, HeadHasNoBody) {
  start();
  RawClient raw(server_->port());
  raw.send("HEAD /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string text = raw.read_all();
  EXPECT_THAT(text, HasSubstr("Content-Length: 13\r\n"));
  EXPECT_THAT(text, ::testing::EndsWith("\r\n\r\n"));
}

TEST_F(HttpServerTest, OldClientsGetTheirAnswerAndTheEnd) {
  start();
  const std::string text = talk("GET /pieces HTTP/1.0\r\n\r\n");
  EXPECT_THAT(text, Not(HasSubstr("chunked")));
  EXPECT_THAT(text, ::testing::EndsWith("\r\n\r\npiece 2;piece 1;piece 0;"));
}

TEST_F(HttpServerTest, ExpectContinueIsGranted) {
  start();
  RawClient raw(server_->port());
  raw.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(raw.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  raw.send("hi");
  EXPECT_THAT(raw.read_answer().body, ::testing::EndsWith(" hi"));
}

TEST_F(HttpServerTest, ExpectContinueIsRefusedForALargeBody) {
  start();
  RawClient raw(server_->port());
  raw.send(
      "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(raw.read_answer().status, 413);
}

TEST_F(HttpServerTest, PiecesComeChunked) {
  start();
  const std::string text = talk("GET /pieces HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(text, HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_THAT(text,
              ::testing::EndsWith("8\r\npiece 2;\r\n8\r\npiece 1;\r\n8\r\npiece 0;\r\n0\r\n\r\n"));
}

TEST_F(HttpServerTest, ABodyThatBreaksOffIsNotEnded) {
  start();
  const std::string text = talk("GET /broken HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(text, ::testing::EndsWith("8\r\npiece 0;\r\n"));
  EXPECT_TRUE(service_.wait_for_answered("GET /broken 0"));
}

TEST_F(HttpServerTest, LargeAnswersArriveWhole) {
  start();
  RawClient raw(server_->port());
  raw.send("GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
  const Answer answer = raw.read_answer();
  EXPECT_EQ(answer.body.size(), 5'000'000u);
}

struct BadRequest {
  const char* name;
  std::string bytes;
  int status;
};

class HttpServerBadRequest : public HttpServerTest,
                             public ::testing::WithParamInterface<BadRequest> {};

TEST_P(HttpServerBadRequest, IsRefusedAndTheConnectionClosed) {
  HttpServerOptions options;
  options.max_header_bytes = 4096;
  start(options);
  RawClient raw(server_->port());
  raw.send(GetParam().bytes);
  const std::string text = raw.read_all();
  EXPECT_THAT(text, StartsWith("HTTP/1.1 " + std::to_string(GetParam().status) + " "));
  EXPECT_THAT(text, HasSubstr("{\"error\":"));
  EXPECT_THAT(text, HasSubstr("Connection: close\r\n"));
  EXPECT_EQ(text.find("HTTP/1.1 ", 1), std::string::npos) << "a second answer: " << text;
  // Others are served as before.
  EXPECT_THAT(talk("GET /ok HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
              StartsWith("HTTP/1.1 200 "));
}

// A body with another request in it, for whoever does not see it as a body.
std::string chunked_as(const std::string& coding) {
  return "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: " + coding +
         "\r\n\r\nGET /hidden HTTP/1.1\r\nHost: x\r\n\r\n";
}

INSTANTIATE_TEST_SUITE_P(
    All, HttpServerBadRequest,
    ::testing::Values(
        BadRequest{"garbage", "\x16\x03\x01 hello\r\n\r\n", 400},
        BadRequest{"no_version", "GET /\r\n\r\n", 400},
        BadRequest{"http2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
        BadRequest{"space_in_name", "GET / HTTP/1.1\r\nHost: x\r\nbad name: x\r\n\r\n", 400},
        BadRequest{
            "two_lengths",
            "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            400},
        BadRequest{"length_and_chunks",
                   "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: "
                   "chunked\r\n\r\n0\r\n\r\n",
                   400},
        BadRequest{"negative_length",
                   "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400},
        BadRequest{
            "huge_length",
            "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
            400},
        BadRequest{
            "bad_chunk",
            "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n",
            400},
        BadRequest{"no_path", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        BadRequest{"long_header",
                   "GET / HTTP/1.1\r\nHost: x\r\nA: " + std::string(5000, 'a') + "\r\n\r\n", 431},
        BadRequest{"long_target", "GET /" + std::string(5000, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n",
                   431},
        BadRequest{"large_body",
                   "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n" +
                       std::string(1001, 'b'),
                   413},
        BadRequest{"large_chunked_body",
                   "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n258\r\n" +
                       std::string(600, 'c') + "\r\n258\r\n" + std::string(600, 'c') +
                       "\r\n0\r\n\r\n",
                   413},
        BadRequest{"no_host", "GET / HTTP/1.1\r\nConnection: close\r\n\r\n", 400},
        BadRequest{"two_hosts", "GET / HTTP/1.1\r\nHost: x\r\nhost: y\r\n\r\n", 400},
        BadRequest{"unknown_coding", chunked_as("xchunked"), 400},
        BadRequest{"identity", chunked_as("identity"), 400},
        BadRequest{"gzip", chunked_as("gzip"), 400},
        BadRequest{"gzip_and_chunked", chunked_as("gzip, chunked"), 400},
        BadRequest{"chunked_twice_in_one", chunked_as("chunked, chunked"), 400},
        BadRequest{"chunked_twice", chunked_as("chunked\r\nTransfer-Encoding: chunked"), 400},
        BadRequest{"chunked_in_quotes", chunked_as("\"chunked\""), 400},
        BadRequest{"no_coding", chunked_as(""), 400},
        BadRequest{"chunked_before_its_time",
                   "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        BadRequest{"refused_before_its_body",
                   "POST /refused HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n", 401},
        BadRequest{"service_throws_early", "GET /throws-early HTTP/1.1\r\nHost: x\r\n\r\n", 500}),
    [](const auto& test) { return test.param.name; });

TEST_F(HttpServerTest, AServiceThatThrowsOrForgetsIsA500) {
  start();
  RawClient raw(server_->port());
  for (const char* path : {"/throws", "/forgotten"}) {
    raw.send(std::string("GET ") + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(raw.read_answer().status, 500) << path;
  }
}

TEST_F(HttpServerTest, ABodyAtTheLimitIsTaken) {
  start();
  RawClient raw(server_->port());
  raw.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n" +
           std::string(1000, 'b'));
  EXPECT_EQ(raw.read_answer().status, 200);
  raw.send("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n" +
           std::string(1000, 'b') + "\r\n0\r\n\r\n");
  EXPECT_EQ(raw.read_answer().status, 200);
}

TEST_F(HttpServerTest, ARefusalWithoutBodyKeepsTheConnection) {
  start();
  RawClient raw(server_->port());
  for (int i = 0; i < 2; ++i) {
    raw.send("GET /refused HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(raw.read_answer().status, 401);
  }
}

TEST_F(HttpServerTest, ASlowHeadIsGivenUp) {
  HttpServerOptions options;
  options.header_timeout = 50ms;
  start(options);
  RawClient raw(server_->port());
  raw.send("GET / HTTP/1.1\r\nHost: x\r\nHo");
  EXPECT_THAT(raw.read_all(), StartsWith("HTTP/1.1 408 "));
}

TEST_F(HttpServerTest, ASlowBodyIsGivenUp) {
  HttpServerOptions options;
  options.body_pace.patience = 50ms;
  start(options);
  RawClient raw(server_->port());
  raw.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_THAT(raw.read_all(), StartsWith("HTTP/1.1 408 "));
}

TEST_F(HttpServerTest, AnIdleConnectionIsClosedWithoutAWord) {
  HttpServerOptions options;
  options.idle_timeout = 50ms;
  start(options);
  // A round in which this thread stood still before its request is played again.
  int status = 0;
  for (int round = 0; round < 100 && status != 200; ++round) {
    RawClient raw(server_->port());
    raw.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    status = raw.read_answer().status;
    if (status == 200) {
      EXPECT_EQ(raw.read_all(), "");
    }
  }
  EXPECT_EQ(status, 200);
}

// Another thread of the server may be told of bytes when this one has read and answered them: a
// race that needs many tries. A connection that it makes look busy is closed as a slow head, so
// idle ones are left alone for longer than a head may take.
TEST_F(HttpServerTest, AnIdleConnectionIsNotTakenForASlowHead) {
  HttpServerOptions options;
  options.header_timeout = 50ms;
  options.threads = 4;
  start(options);
  std::vector<std::unique_ptr<RawClient>> idle;
  for (int i = 0; i < 200; ++i) idle.push_back(std::make_unique<RawClient>(server_->port()));
  for (int round = 0; round < 20; ++round) {
    for (const auto& one : idle) {
      for (const char* part :
           {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n", "a", "b", "c", "d"}) {
        ASSERT_TRUE(one->send(part));
      }
    }
    for (const auto& one : idle) ASSERT_EQ(one->read_answer().status, 200) << "round " << round;
    EXPECT_FALSE(idle[0]->closed_by_server(70ms)) << "round " << round;
    for (const auto& one : idle) ASSERT_FALSE(one->closed_by_server(0ms)) << "round " << round;
  }
}

TEST_F(HttpServerTest, ASilentSourceLearnsThatItsClientIsGone) {
  start();
  std::optional<RawClient> raw(std::in_place, server_->port());
  raw->send("GET /silent HTTP/1.1\r\nHost: x\r\n\r\n");
  raw->read_until("\r\n\r\n");
  ASSERT_TRUE(service_.wait_for_silent());
  const std::stop_token gone = service_.gone(0);
  raw.reset();
  EXPECT_TRUE(comes_true(gone));
}

TEST_F(HttpServerTest, AClientThatDoesNotReadIsCutOff) {
  HttpServerOptions options;
  options.write_timeout = 50ms;
  start(options);
  RawClient raw(server_->port());
  // More than the buffers of both sockets hold.
  for (int i = 0; i < 8; ++i) raw.send("GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(service_.wait_for_answered("GET /big 0"));
}

constexpr const char* kHold = "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n";
constexpr const char* kPlain = "GET /plain HTTP/1.1\r\nHost: x\r\n\r\n";
constexpr const char* kVital = "GET /vital HTTP/1.1\r\nHost: x\r\n\r\n";
constexpr const char* kBig = "GET /big HTTP/1.1\r\nHost: x\r\n\r\n";

TEST_F(HttpServerTest, WhereAllConnectionsAreBusyMoreGet503) {
  HttpServerOptions options;
  options.max_connections = 2;
  start(options);
  RawClient first(server_->port());
  RawClient second(server_->port());
  first.send(kHold);
  second.send(kHold);
  ASSERT_TRUE(service_.wait_for_held(2));
  RawClient third(server_->port());
  third.send(kPlain);
  const Answer answer = third.read_answer();
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.header("Retry-After"), "1");
  EXPECT_EQ(third.read_all(), "");
  // What is vital is answered all the same, and then the connection ends.
  RawClient probe(server_->port());
  probe.send(kVital);
  EXPECT_EQ(probe.read_answer().status, 200);
  EXPECT_EQ(probe.read_all(), "");

  service_.release();
  EXPECT_EQ(first.read_answer().status, 200);
  EXPECT_EQ(second.read_answer().status, 200);
  // Room again, as soon as the server has seen it.
  int status = 503;
  for (int i = 0; i < 1000 && status == 503; ++i) {
    RawClient fourth(server_->port());
    fourth.send(kPlain);
    status = fourth.read_answer().status;
  }
  EXPECT_EQ(status, 200);
}

TEST_F(HttpServerTest, IdleConnectionsMakeRoom) {
  HttpServerOptions options;
  options.max_connections = 3;
  options.threads = 1;  // so that a connection is idle before the next one's request is read
  start(options);
  std::vector<std::unique_ptr<RawClient>> idle;
  for (int i = 0; i < 3; ++i) {
    idle.push_back(std::make_unique<RawClient>(server_->port()));
    idle.back()->send(kPlain);
    ASSERT_EQ(idle.back()->read_answer().status, 200);
  }
  RawClient newcomer(server_->port());
  newcomer.send(kPlain);
  EXPECT_EQ(newcomer.read_answer().status, 200);
  EXPECT_TRUE(idle[0]->closed_by_server()) << "the one that was idle for longest";
}

TEST_F(HttpServerTest, ConnectionsThatSayNothingKeepNoHealthCheckOut) {
  HttpServerOptions options;
  options.max_connections = 4;
  start(options);
  std::vector<std::unique_ptr<RawClient>> silent;
  for (int i = 0; i < 300; ++i) silent.push_back(std::make_unique<RawClient>(server_->port()));
  RawClient probe(server_->port());
  probe.send(kVital);
  EXPECT_EQ(probe.read_answer().status, 200);
}

TEST_F(HttpServerTest, HeadsThatNeverEndKeepNoHealthCheckOut) {
  HttpServerOptions options;
  options.max_connections = 4;
  options.header_timeout = 1h;
  start(options);
  std::vector<std::unique_ptr<RawClient>> slow;
  for (int i = 0; i < 200; ++i) {
    slow.push_back(std::make_unique<RawClient>(server_->port()));
    slow.back()->send("GET / HTTP/1.1\r\nHo");
  }
  RawClient probe(server_->port());
  probe.send(kVital);
  EXPECT_EQ(probe.read_answer().status, 200);
}

TEST_F(HttpServerTest, AnswersThatNobodyReadsAreBounded) {
  HttpServerOptions options;
  options.max_buffered_bytes = 12'000'000;  // two of 5,000,000 bytes, not three
  start(options);
  std::vector<std::unique_ptr<RawClient>> lazy;
  int refused = 0;
  for (int i = 0; i < 4; ++i) {
    lazy.push_back(std::make_unique<RawClient>(server_->port()));
    lazy.back()->send(kBig);
    refused += lazy.back()->read_until("\r\n\r\n").starts_with("HTTP/1.1 503 ");
  }
  EXPECT_EQ(refused, 2);
  lazy.clear();
  // Room again, as soon as the server has seen that they are gone.
  int status = 503;
  for (int i = 0; i < 1000 && status == 503; ++i) {
    RawClient next(server_->port());
    next.send(kBig);
    status = next.read_answer().status;
  }
  EXPECT_EQ(status, 200);
}

TEST_F(HttpServerTest, AClientThatClosesItsDirectionGetsItsAnswer) {
  start();
  RawClient raw(server_->port());
  raw.send(kHold);
  ASSERT_TRUE(service_.wait_for_held(1));
  raw.finish_sending();
  ASSERT_TRUE(comes_true(service_.gone(0)));
  EXPECT_EQ(raw.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n") << "asked whether it is there";
  EXPECT_FALSE(service_.lost(0).stop_requested());
  service_.release();
  EXPECT_EQ(raw.read_answer().body, "released");
  EXPECT_EQ(raw.read_all(), "");
}

TEST_F(HttpServerTest, AClientThatHasClosedIsLostAtOnce) {
  start();
  std::optional<RawClient> raw(std::in_place, server_->port());
  raw->send(kHold);
  ASSERT_TRUE(service_.wait_for_held(1));
  raw.reset();
  EXPECT_TRUE(comes_true(service_.lost(0)));
  service_.release();
}

TEST_F(HttpServerTest, AnOldClientThatClosesItsDirectionIsSentNothingButItsAnswer) {
  start();
  RawClient raw(server_->port());
  raw.send("GET /hold HTTP/1.0\r\n\r\n");
  ASSERT_TRUE(service_.wait_for_held(1));
  raw.finish_sending();
  ASSERT_TRUE(comes_true(service_.gone(0)));
  service_.release();
  EXPECT_EQ(raw.read_answer().body, "released");
}

TEST_F(HttpServerTest, AClientThatIsResetIsLost) {
  start();
  std::optional<RawClient> raw(std::in_place, server_->port());
  raw->send(kHold);
  ASSERT_TRUE(service_.wait_for_held(1));
  raw->end_by_reset();
  raw.reset();
  EXPECT_TRUE(comes_true(service_.lost(0)));
  service_.release();
}

TEST_F(HttpServerTest, BytesOfANextRequestDoNotHideTheEnd) {
  start();
  std::optional<RawClient> raw(std::in_place, server_->port());
  raw->send(kHold);
  ASSERT_TRUE(service_.wait_for_held(1));
  raw->send("G");
  raw.reset();
  EXPECT_TRUE(comes_true(service_.gone(0)));
  // The same where they came with the first one.
  raw.emplace(server_->port());
  raw->send(std::string(kHold) + "GET /nex");
  ASSERT_TRUE(service_.wait_for_held(2));
  raw.reset();
  EXPECT_TRUE(comes_true(service_.gone(1)));
  service_.release();
}

TEST_F(HttpServerTest, BodiesShareTheirMemory) {
  HttpServerOptions options;
  options.max_buffered_bytes = 1500;
  start(options);
  const std::string head = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n";
  // The two requests race for the memory; the second must lose while the first waits with its
  // share, so a round that the first has lost is played again.
  int refused = 0, answered = 0;
  for (int round = 0; round < 100 && answered != 200; ++round) {
    RawClient first(server_->port());
    first.send(head + "abc");
    RawClient second(server_->port());
    second.send(head + std::string(1000, 'x'));
    refused = second.read_answer().status;
    if (refused != 503) continue;
    first.send(std::string(997, 'x'));
    answered = first.read_answer().status;
  }
  EXPECT_EQ(refused, 503);
  EXPECT_EQ(answered, 200);
  RawClient third(server_->port());
  third.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n" +
             std::string(1000, 'x'));
  EXPECT_EQ(third.read_answer().status, 200);
}

TEST_F(HttpServerTest, LongWaitsHoldNoThread) {
  HttpServerOptions options;
  options.threads = 1;
  start(options);
  std::vector<std::unique_ptr<RawClient>> waiting;
  for (int i = 0; i < 100; ++i) {
    waiting.push_back(std::make_unique<RawClient>(server_->port()));
    waiting.back()->send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  ASSERT_TRUE(service_.wait_for_held(100));
  EXPECT_THAT(talk("GET /ok HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
              StartsWith("HTTP/1.1 200 "));
  service_.release();
  for (const auto& one : waiting) EXPECT_EQ(one->read_answer().body, "released");
}

TEST_F(HttpServerTest, TheServiceLearnsThatAClientIsGone) {
  start();
  std::optional<RawClient> raw(std::in_place, server_->port());
  raw->send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(service_.wait_for_held(1));
  EXPECT_FALSE(service_.gone(0).stop_requested());
  std::mutex mutex;
  std::condition_variable changed;
  bool told = false;
  const std::stop_callback callback(service_.gone(0), [&] {
    const std::lock_guard lock(mutex);
    told = true;
    changed.notify_all();
  });
  raw.reset();
  std::unique_lock lock(mutex);
  EXPECT_TRUE(changed.wait_for(lock, 2min, [&] { return told; }));
  lock.unlock();
  service_.release();
}

TEST_F(HttpServerTest, DrainingAnswersWhatIsAtHand) {
  start();
  RawClient idle(server_->port());
  RawClient busy(server_->port());
  busy.send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(service_.wait_for_held(1));
  std::thread drain([&] { server_->drain(2min); });
  EXPECT_TRUE(idle.closed_by_server());
  service_.release();
  const Answer answer = busy.read_answer();
  EXPECT_EQ(answer.body, "released");
  EXPECT_EQ(answer.header("Connection"), "close");
  busy.finish_sending();
  drain.join();
  EXPECT_THROW(RawClient(server_->port()), std::runtime_error);
}

TEST_F(HttpServerTest, StoppingBreaksOffAndLateRepliesAreHarmless) {
  start();
  RawClient busy(server_->port());
  busy.send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(service_.wait_for_held(1));
  server_->stop();
  EXPECT_EQ(busy.read_all(), "");
  service_.release();
  server_.reset();
}

TEST_F(HttpServerTest, AnAddressInUseIsUnavailable) {
  start();
  HttpServerOptions options;
  options.port = server_->port();
  try {
    HttpServer second(options, service_);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
    EXPECT_THAT(error.what(), HasSubstr("127.0.0.1:" + std::to_string(options.port)));
  }
  options.host = "no such host";
  EXPECT_THROW(HttpServer(options, service_), Error);
}

}  // namespace
}  // namespace echo::http
