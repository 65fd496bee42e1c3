#include "net/http_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>

#include "base/error.h"
#include "base/file_io.h"
#include "net/curl_http_client.h"
#include "support/http_peer.h"
#include "support/temp_dir.h"
#include "tls_peer.h"

namespace echo {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

HttpRequest patient_get(const std::string& url) {
  HttpRequest request;
  request.url = url;
  request.timeouts.total = 120s;
  return request;
}

// windowBits 31: gzip, 15: zlib ("deflate").
std::string compress(const std::string& text, int window_bits) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, window_bits, 9, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

class HttpClientTest : public testing::Test {
 protected:
  std::unique_ptr<HttpClient> client_ = make_http_client();
};

TEST_F(HttpClientTest, SendsWhatItIsGivenInOrder) {
  HttpPeer peer(scripted({{.status = 200, .headers = {{"X-Back", " yes "}}, .body = "hello"}}));
  HttpRequest request = patient_get(peer.url("/v2/ep/job-take/w?gpu=NVIDIA+RTX+A5000&a=%7e%2f"));
  request.headers = {{"Content-Type", "application/json"},
                     {"Authorization", "key"},
                     {"User-Agent", "RunPod-Python-SDK/1.12.0 (Linux) Language/C++"},
                     {"X-Empty", ""}};
  const HttpResponse response = client_->perform(request);
  EXPECT_EQ(response.error, TransportError::kNone) << response.error_text;
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "hello");
  EXPECT_EQ(response.header("x-back"), "yes");
  EXPECT_EQ(response.header("x-none"), std::nullopt);

  const PeerRequest seen = peer.requests().at(0);
  EXPECT_EQ(seen.method, "GET");
  EXPECT_EQ(seen.target, "/v2/ep/job-take/w?gpu=NVIDIA+RTX+A5000&a=%7e%2f");
  std::vector<std::string> names;
  for (const auto& header : seen.headers) names.push_back(header.first);
  EXPECT_THAT(names, ElementsAre("Host", "Accept-Encoding", "Content-Type", "Authorization",
                                 "User-Agent", "X-Empty"));
  EXPECT_EQ(seen.header("User-Agent"), "RunPod-Python-SDK/1.12.0 (Linux) Language/C++");
  EXPECT_EQ(seen.header("Accept-Encoding"), "gzip, deflate");
  EXPECT_EQ(seen.header("Host"), "127.0.0.1:" + std::to_string(peer.port()));
}

TEST_F(HttpClientTest, M05_TargetsKeepEveryByte) {
  HttpPeer peer(scripted({{}}));
  for (const std::string target :
       {"/a/../b/./c", "/%c3%a9", "/x?", "/x?a=b?c&d=/&e=%20+", "//x", "/a'()!*[]|^`{}"}) {
    client_->perform(patient_get(peer.url(target)));
    EXPECT_EQ(peer.requests().back().target, target);
  }
}

TEST_F(HttpClientTest, PostsABodyWithItsLengthAndNoExtras) {
  HttpPeer peer(scripted({{}}));
  HttpRequest request = patient_get(peer.url("/post"));
  request.method = "POST";
  request.body = std::string(3 << 20, 'x') + std::string("\0y", 2);
  request.headers = {{"charset", "utf-8"}};
  EXPECT_TRUE(client_->perform(request).ok());
  const PeerRequest seen = peer.requests().at(0);
  EXPECT_EQ(seen.method, "POST");
  EXPECT_EQ(seen.body, request.body);
  EXPECT_EQ(seen.header("Content-Length"), std::to_string(request.body.size()));
  EXPECT_FALSE(seen.has_header("Transfer-Encoding"));
  EXPECT_FALSE(seen.has_header("Expect"));
  EXPECT_FALSE(seen.has_header("Content-Type"));
  EXPECT_FALSE(seen.has_header("Accept"));
}

TEST_F(HttpClientTest, SendsEveryMethod) {
  HttpPeer peer(scripted({{.headers = {{"Content-Length", "123"}}, .cut_after = 0}}));
  for (const std::string method : {"HEAD", "PUT", "DELETE"}) {
    HttpRequest request = patient_get(peer.url("/x"));
    request.method = method;
    const HttpResponse response = client_->perform(request);
    EXPECT_EQ(response.status, 200) << response.error_text;
    EXPECT_EQ(peer.requests().back().method, method);
    EXPECT_EQ(peer.requests().back().header("Content-Length"), method == "PUT" ? "0" : "");
    // A HEAD has no body to wait for; the others miss theirs.
    EXPECT_EQ(response.ok(), method == "HEAD") << method;
  }
}

TEST_F(HttpClientTest, ReadsTheBodyFromASource) {
  HttpPeer peer(scripted({{}}));
  std::string data(1'000'003, '\0');
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i * 31);
  HttpRequest request = patient_get(peer.url("/x"));
  request.method = "PUT";
  request.body_source_size = data.size();
  request.body_source = [&](std::uint64_t offset, std::span<char> to) {
    const auto size = std::min<std::size_t>({to.size(), data.size() - offset, 777});
    std::memcpy(to.data(), data.data() + offset, size);
    return size;
  };
  EXPECT_TRUE(client_->perform(request).ok());
  EXPECT_EQ(peer.requests().at(0).body, data);
}

TEST_F(HttpClientTest, AShortSourceIsAnErrorOfTheCaller) {
  HttpPeer peer(scripted({{}}));
  HttpRequest request = patient_get(peer.url("/x"));
  request.method = "PUT";
  request.body_source_size = 10;
  request.body_source = [](std::uint64_t, std::span<char>) { return std::size_t{0}; };
  EXPECT_THROW(client_->perform(request), Error);
}

TEST_F(HttpClientTest, M53_DecodesGzipAndDeflateAndNeverAsksForBrotli) {
  const std::string text = "{\"id\":\"1\",\"input\":{}}";
  HttpPeer peer(
      scripted({{.headers = {{"Content-Encoding", "gzip"}}, .body = compress(text, 31)},
                {.headers = {{"Content-Encoding", "deflate"}}, .body = compress(text, 15)},
                {.body = text}}));
  for (int i = 0; i < 3; ++i) {
    const HttpResponse response = client_->perform(patient_get(peer.url("/")));
    EXPECT_TRUE(response.ok()) << response.error_text;
    EXPECT_EQ(response.body, text);
    EXPECT_EQ(peer.requests().back().header("Accept-Encoding"), "gzip, deflate");
  }
  HttpRequest plain = patient_get(peer.url("/"));
  plain.accept_compressed = false;
  client_->perform(plain);
  EXPECT_FALSE(peer.requests().back().has_header("Accept-Encoding"));
}

TEST_F(HttpClientTest, LimitsTheDecodedBody) {
  HttpPeer peer(scripted({{.headers = {{"Content-Encoding", "gzip"}},
                           .body = compress(std::string(10 << 20, 'a'), 31)}}));
  HttpRequest request = patient_get(peer.url("/"));
  request.max_body = 1 << 20;
  const HttpResponse response = client_->perform(request);
  EXPECT_EQ(response.error, TransportError::kTooLarge);
  EXPECT_LE(response.body.size(), request.max_body);
}

TEST_F(HttpClientTest, LimitsTheHeaders) {
  PeerReply reply;
  for (int i = 0; i < 400; ++i) reply.headers.emplace_back("X-Long", std::string(1000, 'h'));
  HttpPeer peer(scripted({reply}));
  EXPECT_EQ(client_->perform(patient_get(peer.url("/"))).error, TransportError::kTooLarge);
}

TEST_F(HttpClientTest, ASinkTakesTheBodyOfASuccessOnly) {
  HttpPeer peer(scripted({{.status = 503, .body = "busy"}, {.status = 206, .body = "bytes"}}));
  std::string taken;
  HttpRequest request = patient_get(peer.url("/"));
  request.sink = [&](const HttpResponse& head, std::string_view bytes) {
    EXPECT_EQ(head.status, 206);
    taken += bytes;
    return true;
  };
  EXPECT_EQ(client_->perform(request).body, "busy");
  EXPECT_EQ(taken, "");
  EXPECT_EQ(client_->perform(request).body, "");
  EXPECT_EQ(taken, "bytes");
}

TEST_F(HttpClientTest, ASinkMayStopAndMayThrow) {
  HttpPeer peer(scripted({{.body = std::string(1 << 20, 'x')}}));
  HttpRequest request = patient_get(peer.url("/"));
  request.sink = [](const HttpResponse&, std::string_view) { return false; };
  EXPECT_EQ(client_->perform(request).error, TransportError::kSinkStopped);
  request.sink = [](const HttpResponse&, std::string_view) -> bool {
    throw std::out_of_range("disk");
  };
  EXPECT_THROW(client_->perform(request), std::out_of_range);
  EXPECT_TRUE(client_->perform(patient_get(peer.url("/"))).ok());
}

TEST_F(HttpClientTest, ErrorStatusIsAnAnswer) {
  HttpPeer peer(scripted({{.status = 404, .body = "no"}}));
  const HttpResponse response = client_->perform(patient_get(peer.url("/")));
  EXPECT_EQ(response.error, TransportError::kNone);
  EXPECT_EQ(response.status, 404);
  EXPECT_FALSE(response.ok());
}

TEST_F(HttpClientTest, TransportFaultsAreValues) {
  struct Case {
    const char* name;
    PeerReply reply;
    TransportError expected;
  };
  const Case cases[] = {
      {"closed without a byte", {.silent = true}, TransportError::kConnectionLost},
      {"reset", {.silent = true, .reset = true}, TransportError::kConnectionLost},
      {"short body", {.body = "0123456789", .cut_after = 4}, TransportError::kConnectionLost},
      {"reset within the body",
       {.body = std::string(1 << 20, 'x'), .piece = 1000, .cut_after = 5000, .reset = true},
       TransportError::kConnectionLost},
      {"not HTTP", {.close = true, .raw = "SSH-2.0-OpenSSH\r\n\r\n"}, TransportError::kProtocol},
      {"broken gzip",
       {.headers = {{"Content-Encoding", "gzip"}}, .body = "not gzip at all"},
       TransportError::kProtocol},
      {"broken chunks",
       {.close = true, .raw = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"},
       TransportError::kConnectionLost},
  };
  for (const Case& fault : cases) {
    HttpPeer peer(scripted({fault.reply}));
    const HttpResponse response = client_->perform(patient_get(peer.url("/?canary")));
    EXPECT_EQ(transport_error_name(response.error), transport_error_name(fault.expected))
        << fault.name << ": " << response.error_text;
    EXPECT_NE(response.error_text, "") << fault.name;
    EXPECT_EQ(response.error_text.find("canary"), std::string::npos) << response.error_text;
  }
}

TEST_F(HttpClientTest, NobodyThere) {
  EXPECT_EQ(client_->perform(patient_get("http://127.0.0.1:1/")).error, TransportError::kConnect);
  EXPECT_EQ(client_->perform(patient_get("http://name.invalid/")).error, TransportError::kResolve);
}

TEST_F(HttpClientTest, TotalTimeout) {
  HttpPeer peer(scripted({{.delay = 60s}}));
  HttpRequest request = patient_get(peer.url("/"));
  request.timeouts.total = 150ms;
  EXPECT_EQ(client_->perform(request).error, TransportError::kTimeout);
}

TEST_F(HttpClientTest, ASlowTransferTimesOutAndAQuietPollDoesNot) {
  const PeerReply trickle{.body = std::string(1000, 'x'), .piece = 1, .pause = 20ms};
  HttpPeer peer(scripted({trickle, {.delay = 400ms}}));
  HttpRequest request = patient_get(peer.url("/"));
  request.timeouts.slow_window = 200ms;
  request.timeouts.min_bytes = 500;
  const HttpResponse response = client_->perform(request);
  EXPECT_EQ(response.error, TransportError::kTimeout);
  EXPECT_THAT(response.error_text, HasSubstr("500 bytes in 200 ms"));
  request.timeouts.slow_window = 0ms;
  EXPECT_TRUE(client_->perform(request).ok());
}

TEST_F(HttpClientTest, CancelledWhileItWaitsAndBeforeItStarts) {
  HttpPeer peer(scripted({{.delay = 600s}}));
  std::stop_source stop;
  HttpRequest request = patient_get(peer.url("/"));
  request.stop = stop.get_token();
  std::jthread canceller([&] {
    EXPECT_TRUE(peer.wait_for_requests(1));
    stop.request_stop();
  });
  EXPECT_EQ(client_->perform(request).error, TransportError::kCancelled) << "not its timeout";
  EXPECT_EQ(client_->perform(request).error, TransportError::kCancelled) << "before it starts";
  EXPECT_EQ(peer.requests().size(), 1u);
}

TEST_F(HttpClientTest, KeepsConnections) {
  HttpPeer peer(scripted({{.body = "x"}}));
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(client_->perform(patient_get(peer.url("/"))).ok());
  EXPECT_EQ(peer.connections(), 1);
}

TEST_F(HttpClientTest, ConnectionsThatWereIdleForTooLongAreNotUsed) {
  HttpPeer peer(scripted({{.body = "x"}}));
  HttpClientOptions options;
  options.max_idle = std::chrono::seconds(0);
  const auto client = make_http_client(options);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(client->perform(patient_get(peer.url("/"))).ok());
  EXPECT_EQ(peer.connections(), 3);
}

TEST_F(HttpClientTest, M54_AKeptConnectionThatThePeerClosedIsReplaced) {
  HttpPeer peer(scripted({{.body = "x"}}));
  for (const std::string method : {"GET", "POST"}) {
    HttpRequest request = patient_get(peer.url("/"));
    request.method = method;
    EXPECT_TRUE(client_->perform(request).ok());
    peer.close_connections();
    const HttpResponse response = client_->perform(request);
    EXPECT_TRUE(response.ok()) << method << ": " << response.error_text;
  }
}

TEST_F(HttpClientTest, M54_ARequestThatDiesUnansweredOnAKeptConnectionIsSentAgain) {
  // As when the peer closes at the very moment at which the request arrives.
  for (const std::string method : {"GET", "POST"}) {
    HttpPeer peer([](const PeerRequest& request) {
      return PeerReply{.body = "x", .silent = request.on_connection == 2};
    });
    HttpRequest request = patient_get(peer.url("/"));
    request.method = method;
    if (method == "POST") request.body = std::string(200'000, 'b');
    EXPECT_TRUE(client_->perform(request).ok());
    const HttpResponse response = client_->perform(request);
    EXPECT_TRUE(response.ok()) << method << ": " << response.error_text;
    EXPECT_EQ(peer.connections(), 2);
    EXPECT_EQ(peer.requests().back().body, request.body);
  }
}

TEST_F(HttpClientTest, FollowsRedirectsWithinAHostWithCredentials) {
  HttpPeer peer([](const PeerRequest& request) {
    if (request.path() == "/a")
      return PeerReply{.status = 302, .headers = {{"Location", "/b?x=1"}}, .body = "moved"};
    return PeerReply{.body = "there"};
  });
  HttpRequest request = patient_get(peer.url("/a"));
  request.headers = {{"Authorization", "key"}};
  const HttpResponse response = client_->perform(request);
  EXPECT_EQ(response.body, "there");
  EXPECT_EQ(response.final_url, peer.url("/b?x=1"));
  EXPECT_EQ(peer.requests().at(1).header("Authorization"), "key");
}

TEST_F(HttpClientTest, CredentialsDoNotFollowToAnotherOrigin) {
  HttpPeer other(scripted({{.body = "cdn"}}));
  HttpPeer peer(scripted({{.status = 307, .headers = {{"Location", other.url("/file")}}}}));
  HttpRequest request = patient_get(peer.url("/a"));
  request.headers = {{"authorization", "key"}, {"Cookie", "c"}, {"Range", "bytes=0-"}};
  EXPECT_EQ(client_->perform(request).body, "cdn");
  EXPECT_EQ(peer.requests().at(0).header("Authorization"), "key");
  EXPECT_FALSE(other.requests().at(0).has_header("Authorization"));
  EXPECT_FALSE(other.requests().at(0).has_header("Cookie"));
  EXPECT_EQ(other.requests().at(0).header("Range"), "bytes=0-");
}

TEST_F(HttpClientTest, RedirectsChangeMethodsAsBrowsersDo) {
  for (const auto& [status, expected] :
       {std::pair{301, "GET"}, {302, "GET"}, {303, "GET"}, {307, "POST"}, {308, "POST"}}) {
    HttpPeer peer(scripted({{.status = status, .headers = {{"Location", "/b"}}}, {}}));
    HttpRequest request = patient_get(peer.url("/a"));
    request.method = "POST";
    request.body = "data";
    EXPECT_TRUE(client_->perform(request).ok());
    EXPECT_EQ(peer.requests().at(1).method, expected);
    EXPECT_EQ(peer.requests().at(1).body, std::string(expected) == "POST" ? "data" : "");
  }
}

TEST_F(HttpClientTest, RedirectsEnd) {
  HttpPeer peer(scripted({{.status = 302, .headers = {{"Location", "/again"}}}}));
  EXPECT_EQ(client_->perform(patient_get(peer.url("/"))).error, TransportError::kRedirect);
  EXPECT_EQ(peer.requests().size(), 11u);
  HttpRequest request = patient_get(peer.url("/"));
  request.max_redirects = 0;
  const HttpResponse response = client_->perform(request);
  EXPECT_EQ(response.status, 302);
  EXPECT_EQ(response.error, TransportError::kNone);
  EXPECT_EQ(response.header("Location"), "/again");
}

TEST_F(HttpClientTest, RefusesRedirectsToOtherProtocols) {
  for (const char* location : {"file:///etc/passwd", "gopher://h/", "http://u:p@h/"}) {
    HttpPeer peer(scripted({{.status = 302, .headers = {{"Location", location}}}}));
    EXPECT_EQ(client_->perform(patient_get(peer.url("/"))).error, TransportError::kRedirect)
        << location;
  }
}

TEST_F(HttpClientTest, RefusesRequestsThatCouldSmuggle) {
  HttpPeer peer(scripted({{}}));
  HttpRequest request = patient_get(peer.url("/"));
  request.headers = {{"X-A", "b\r\nX-C: d"}};
  EXPECT_THROW(client_->perform(request), Error);
  request.headers = {{"X A", "b"}};
  EXPECT_THROW(client_->perform(request), Error);
  request.headers.clear();
  request.method = "GET / HTTP/1.1\r\n";
  EXPECT_THROW(client_->perform(request), Error);
  EXPECT_THROW(client_->perform(patient_get(peer.url("/a b"))), Error);
  EXPECT_EQ(peer.requests().size(), 0u);
}

TEST_F(HttpClientTest, ManyThreadsAtOnce) {
  HttpPeer peer([](const PeerRequest& request) { return PeerReply{.body = request.target}; });
  std::atomic<int> wrong{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 50; ++i) {
          const std::string target = "/" + std::to_string(t) + "/" + std::to_string(i);
          if (client_->perform(patient_get(peer.url(target))).body != target) ++wrong;
        }
      });
    }
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_LE(peer.connections(), 8);
}

TEST(HttpClientTls, VerifiesCertificateAndHost) {
  TempDir dir;
  TlsPeer peer("127.0.0.1", dir / "good.pem");
  TlsPeer stranger("example.org", dir / "wrong_host.pem");
  const std::string url = "https://127.0.0.1:" + std::to_string(peer.port()) + "/";

  EXPECT_EQ(make_http_client()->perform(patient_get(url)).error, TransportError::kTls);
  EXPECT_EQ(peer.answered(), 0);

  HttpClientOptions trusting;
  trusting.ca_certificates = read_file(dir / "good.pem");
  const HttpResponse response = make_http_client(trusting)->perform(patient_get(url));
  EXPECT_EQ(response.body, "secure") << response.error_text;

  trusting.ca_certificates = read_file(dir / "wrong_host.pem");
  const std::string wrong = "https://127.0.0.1:" + std::to_string(stranger.port()) + "/";
  EXPECT_EQ(make_http_client(trusting)->perform(patient_get(wrong)).error, TransportError::kTls);
  EXPECT_EQ(stranger.answered(), 0);
}

}  // namespace
}  // namespace echo
