// Bodies that are made while they are sent: when the head goes out, who waits for whom, and what
// happens when one side goes away.
#include "http/byte_stream.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>

#include "http/responses.h"
#include "http/server_sent_events.h"
#include "support/raw_client.h"

namespace echo::http {
namespace {

using namespace std::chrono_literals;

// Answers every request with a stream that the test writes.
class StreamingService final : public HttpService {
 public:
  Admission admit(const Request& head) override { return {std::nullopt, 1000, "stream"}; }
  void handle(Request request, Reply reply) override {
    const auto stream = std::make_shared<ByteStream>(limit, budget);
    if (first_sent) stream->on_first_sent(first_sent);
    Response response = shape;
    response.producer = stream->reader();
    reply.send(std::move(response));
    const std::lock_guard lock(mutex_);
    streams_.push_back(stream);
    changed_.notify_all();
  }

  std::shared_ptr<ByteStream> stream(size_t number = 0) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return streams_.size() > number; });
    return streams_[number];
  }

  std::size_t limit = 1000;
  ByteBudget budget{1 << 30};
  Response shape;
  std::function<void()> first_sent;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::shared_ptr<ByteStream>> streams_;
};

class ByteStreamTest : public ::testing::Test {
 protected:
  void serve() {
    server_ = std::make_unique<HttpServer>(HttpServerOptions{.host = "127.0.0.1"}, service_);
    server_->serve();
  }
  std::unique_ptr<RawClient> ask() {
    auto client = std::make_unique<RawClient>(server_->port());
    client->send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    return client;
  }

  StreamingService service_;
  std::unique_ptr<HttpServer> server_;
};

void wait_for(const std::stop_token& token) {
  std::promise<void> requested;
  const std::stop_callback callback(token, [&] { requested.set_value(); });
  requested.get_future().wait();
}

TEST_F(ByteStreamTest, EachPieceIsAChunkThatDoesNotWaitForTheNext) {
  serve();
  const auto client = ask();
  const auto stream = service_.stream();
  ASSERT_TRUE(stream->write("one"));
  EXPECT_NE(client->read_until("3\r\none\r\n").find("chunked"), std::string::npos);
  ASSERT_TRUE(stream->write("three"));
  EXPECT_EQ(client->read_until("three\r\n"), "5\r\nthree\r\n");
  stream->finish();
  EXPECT_EQ(client->read_until("0\r\n\r\n"), "0\r\n\r\n");
}

TEST_F(ByteStreamTest, AHeadThatWaitsBringsWhatIsKnownByThen) {
  service_.shape.head_after = 1h;
  serve();
  const auto client = ask();
  const auto stream = service_.stream();
  stream->set_headers({{"X-Seed", "7"}});
  ASSERT_TRUE(stream->write("sound"));
  EXPECT_NE(client->read_until("sound\r\n").find("X-Seed: 7\r\n"), std::string::npos);
  stream->finish();
  EXPECT_EQ(client->read_until("0\r\n\r\n"), "0\r\n\r\n");
}

TEST_F(ByteStreamTest, AFailureBeforeTheHeadIsAStatus) {
  service_.shape.head_after = 1h;
  serve();
  const auto client = ask();
  service_.stream()->fail(error_response(404, "no such voice"));
  const Answer answer = client->read_answer();
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.json(), Json({{"error", "no such voice"}}));
  client->send("GET /again HTTP/1.1\r\nHost: localhost\r\n\r\n");
  service_.stream(1)->fail(error_response(400, "again"));
  EXPECT_EQ(client->read_answer().status, 400) << "the connection is kept";
}

TEST_F(ByteStreamTest, TheHeadGoesOutWhenItsTimeHasCome) {
  service_.shape.head_after = 1ms;
  serve();
  const auto client = ask();
  EXPECT_NE(client->read_until("\r\n\r\n").find("HTTP/1.1 200"), std::string::npos);
  const auto stream = service_.stream();
  ASSERT_TRUE(stream->write("late"));
  EXPECT_EQ(client->read_until("late\r\n"), "4\r\nlate\r\n");
  stream->fail(error_response(500, "unused"));
  EXPECT_TRUE(client->closed_by_server());
  EXPECT_EQ(client->read_all(), "") << "a body that breaks off has no end";
}

TEST_F(ByteStreamTest, ASilentBodyIsKeptAlive) {
  service_.shape.idle_interval = 1ms;
  service_.shape.idle_text = std::string(kKeepAliveComment);
  std::atomic<int> first{0};
  service_.first_sent = [&] { ++first; };
  serve();
  const auto client = ask();
  const std::string chunk = "e\r\n: keep-alive\n\n\r\n";
  client->read_until(chunk + chunk + chunk);
  EXPECT_EQ(first, 0) << "that was not the body";
  const auto stream = service_.stream();
  ASSERT_TRUE(stream->write("data"));
  client->read_until("data\r\n");
  ASSERT_TRUE(stream->write("more"));
  client->read_until("more\r\n");
  stream->finish();
  client->read_until("0\r\n\r\n");
  EXPECT_EQ(first, 1);
}

TEST_F(ByteStreamTest, AClientThatLeavesEndsTheWriterWherever) {
  service_.limit = 10;
  serve();
  {
    const auto client = ask();
    service_.stream();
  }
  wait_for(service_.stream()->gone());
  EXPECT_FALSE(service_.stream()->write("unheard"));
  EXPECT_EQ(service_.budget.used(), 0U);
}

TEST_F(ByteStreamTest, AClientThatClosesItsDirectionGetsTheWholeBody) {
  serve();
  const auto client = ask();
  const auto stream = service_.stream();
  ASSERT_TRUE(stream->write("one"));
  client->read_until("3\r\none\r\n");
  client->finish_sending();
  client->read_until("0");  // asked whether it is there: a size may begin with zeros
  EXPECT_FALSE(stream->gone().stop_requested());
  ASSERT_TRUE(stream->write("three"));
  EXPECT_EQ(client->read_until("three\r\n"), "5\r\nthree\r\n");
  stream->finish();
  EXPECT_EQ(client->read_until("0\r\n\r\n"), "0\r\n\r\n");
  EXPECT_TRUE(client->closed_by_server());
}

TEST_F(ByteStreamTest, BeforeTheHeadItIsAskedAsWell) {
  service_.shape.head_after = 1h;
  serve();
  const auto client = ask();
  const auto stream = service_.stream();
  client->finish_sending();
  EXPECT_EQ(client->read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  stream->fail(error_response(404, "no such voice"));
  EXPECT_EQ(client->read_answer().status, 404) << "a failure is a status still";
}

TEST_F(ByteStreamTest, AClientThatLeavesLaterIsNoticedByTheNextWrites) {
  serve();
  auto client = ask();
  const auto stream = service_.stream();
  ASSERT_TRUE(stream->write("one"));
  client->read_until("3\r\none\r\n");
  client->finish_sending();
  client->read_until("0");
  client.reset();  // nothing tells of it any more, but what is sent is refused
  while (stream->write("unheard")) std::this_thread::yield();
  EXPECT_TRUE(stream->gone().stop_requested());
}

TEST_F(ByteStreamTest, AWriterWaitsForASlowClientAndStopsWhenTold) {
  service_.shape.stall_timeout = 1h;
  serve();
  const auto client = ask();
  const auto stream = service_.stream();
  std::atomic<size_t> written{0};
  std::stop_source stop;
  std::promise<void> ended;
  std::thread writer([&] {
    while (stream->write(std::string(100'000, 'x'), stop.get_token())) written += 100'000;
    ended.set_value();
  });
  // The kernel's buffers fill up, then the writer waits: what it holds then is bounded.
  size_t before = 0;
  do {
    before = written;
    std::this_thread::sleep_for(100ms);
  } while (written != before);
  EXPECT_LE(service_.budget.used(), 200'000U);
  EXPECT_LT(written, 64U << 20);
  stop.request_stop();
  ended.get_future().wait();
  writer.join();
}

TEST_F(ByteStreamTest, AStalledClientIsCutOff) {
  service_.shape.stall_timeout = 20ms;
  serve();
  const auto client = ask();
  const auto stream = service_.stream();
  while (stream->write(std::string(100'000, 'x'))) {
  }
  EXPECT_TRUE(stream->gone().stop_requested());
}

TEST(ByteBudget, StopsWhoHasMuchWaitingAndLetsTheOthersGoOn) {
  ByteBudget budget(1000);
  const auto greedy = std::make_shared<ByteStream>(5000, budget);
  const auto modest = std::make_shared<ByteStream>(5000, budget);
  const auto keep = greedy->reader(), other = modest->reader();
  ASSERT_TRUE(greedy->write(std::string(900, 'x')));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(greedy->write(std::string(200, 'x'), stop.get_token())) << "it would have waited";
  EXPECT_TRUE(modest->write(std::string(200, 'x'))) << "nothing of its own waits";
  std::string got;
  keep->next([&](std::optional<std::string> piece) { got = piece.value_or("none"); });
  EXPECT_EQ(got.size(), 900U);
  EXPECT_TRUE(greedy->write(std::string(200, 'x')));
}

TEST(ServerSentEvents, HaveANameAndALineForEachLine) {
  EXPECT_EQ(server_sent_event("a.b", "{}"), "event: a.b\ndata: {}\n\n");
  EXPECT_EQ(server_sent_event("", "x\ny"), "data: x\ndata: y\n\n");
}

}  // namespace
}  // namespace echo::http
