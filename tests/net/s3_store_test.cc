// The store against scripted peers: what it sends, and what it makes of every fault.
#include "net/s3_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "base/digest.h"
#include "base/error.h"
#include "net/curl_http_client.h"
#include "s3_test_options.h"
#include "support/fake_clock.h"
#include "support/http_peer.h"
#include "support/thrown_error.h"

namespace echo {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// Sun, 24 May 2026 12:00:00 GMT
const std::chrono::system_clock::time_point kNow{std::chrono::seconds(1779624000)};

std::string xml_error(const std::string& code, const std::string& message = "m") {
  return "<?xml version=\"1.0\"?><Error><Code>" + code + "</Code><Message>" + message +
         "</Message></Error>";
}

class S3StoreTest : public testing::Test {
 protected:
  S3Store store(const HttpPeer& peer) { return store(test_s3_options(peer.url())); }
  S3Store store(const S3Options& options) { return S3Store(options, *client_, clock_); }

  std::unique_ptr<HttpClient> client_ = make_http_client();
  FakeClock clock_{kNow};
};

TEST_F(S3StoreTest, PutSendsASignedObject) {
  HttpPeer peer(scripted({{}}));
  S3Options options = test_s3_options(peer.url());
  options.key_prefix = "out";
  options.session_token = "token";
  auto s3 = store(options);
  const std::string data("Ogg\0S", 5);
  s3.put("a b/ü.ogg", data, "audio/ogg; codecs=opus");
  const PeerRequest seen = peer.requests().at(0);
  EXPECT_EQ(seen.method, "PUT");
  EXPECT_EQ(seen.target, "/tts/out/a%20b/%C3%BC.ogg");
  EXPECT_EQ(seen.body, data);
  EXPECT_EQ(seen.header("Content-Type"), "audio/ogg; codecs=opus");
  EXPECT_EQ(seen.header("Content-Length"), "5");
  EXPECT_EQ(seen.header("X-Amz-Date"), "20260524T120000Z");
  EXPECT_EQ(seen.header("X-Amz-Content-Sha256"), hex(digest(DigestKind::kSha256, data)));
  EXPECT_EQ(seen.header("X-Amz-Security-Token"), "token");
  EXPECT_THAT(
      seen.header("Authorization"),
      AllOf(HasSubstr("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260524/us-east-1/s3/aws4_request, "
                      "SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date;x-amz-"
                      "security-token, "),
            HasSubstr("Signature=")));
  EXPECT_EQ(s3.key("x"), "out/x");
}

TEST_F(S3StoreTest, PassingFaultsAreTriedAgain) {
  struct Case {
    const char* name;
    PeerReply fault;
  };
  const Case cases[] = {
      {"500", {.status = 500}},
      {"502 without XML", {.status = 502, .body = "<html>"}},
      {"503 SlowDown", {.status = 503, .body = xml_error("SlowDown")}},
      {"429", {.status = 429}},
      {"408", {.status = 408}},
      {"400 RequestTimeout", {.status = 400, .body = xml_error("RequestTimeout")}},
      {"409 OperationAborted", {.status = 409, .body = xml_error("OperationAborted")}},
      {"closed", {.silent = true}},
      {"reset", {.silent = true, .reset = true}},
      {"cut", {.body = "0123456789", .cut_after = 3}},
      {"not HTTP", {.close = true, .raw = "garbage\r\n\r\n"}},
  };
  for (const Case& one : cases) {
    HttpPeer peer(scripted({one.fault, one.fault, {}}));
    EXPECT_NO_THROW(store(peer).put("x", "data", "audio/ogg")) << one.name;
    EXPECT_EQ(peer.requests().size(), 3u) << one.name;
    EXPECT_EQ(peer.requests().back().body, "data");
  }
}

TEST_F(S3StoreTest, RepeatedUploadsAreTold) {
  HttpPeer peer(scripted({{.status = 503}, {.status = 500}, {}, {.status = 503}, {}}));
  int repeated = 0;
  S3Options options = test_s3_options(peer.url());
  options.upload_retried = [&] { ++repeated; };
  auto s3 = store(options);
  s3.put("x", "data", "audio/ogg");
  EXPECT_EQ(repeated, 2);
  s3.get("x");
  EXPECT_EQ(repeated, 2) << "nothing was uploaded";
}

TEST_F(S3StoreTest, AnErrorInA200IsAnError) {
  const std::string spaced = "\xef\xbb\xbf \n<?xml version=\"1.0\"?>\n  ";
  for (const std::string& body :
       {xml_error("InternalError"), xml_error("SlowDown"),
        spaced + "<s3:Error><s3:Code>ServiceUnavailable</s3:Code></s3:Error>"}) {
    HttpPeer peer(scripted({{.body = body}, {}}));
    EXPECT_NO_THROW(store(peer).put("x", "data", "audio/ogg")) << body;
    EXPECT_EQ(peer.requests().size(), 2u) << body;
  }
  for (const auto& [body, says] : {std::pair{xml_error("AccessDenied"), "status 200 AccessDenied"},
                                   {spaced + "<!DOCTYPE HTML><p>Log in", "with a web page"},
                                   {std::string("<html>"), "with a web page"}}) {
    HttpPeer peer(scripted({{.body = body}}));
    auto s3 = store(peer);
    EXPECT_THAT(error_of([&] { s3.put("x", "data", "audio/ogg"); }).what(), HasSubstr(says));
    EXPECT_THAT(error_of([&] { s3.remove("x"); }).what(), HasSubstr(says));
    EXPECT_EQ(s3.get("x"), body) << "an object may be anything";
  }
  HttpPeer peer(scripted({{.body = "<PutObjectResult/>"}}));
  EXPECT_NO_THROW(store(peer).put("x", "data", "audio/ogg"));
}

TEST_F(S3StoreTest, LastingFaultsEndAfterTheAttempts) {
  HttpPeer peer(scripted({{.status = 503, .body = xml_error("SlowDown", "Reduce your rate")}}));
  S3Options options = test_s3_options(peer.url());
  options.retry.max_attempts = 6;
  auto s3 = store(options);
  const Error error = error_of([&] { s3.put("dir/x.ogg", "data", "audio/ogg"); });
  EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
  EXPECT_THAT(error.what(), AllOf(HasSubstr("PUT dir/x.ogg in bucket tts at http://127.0.0.1"),
                                  HasSubstr("status 503 SlowDown: Reduce your rate"),
                                  HasSubstr("after 6 attempts")));
  EXPECT_EQ(peer.requests().size(), 6u);
  EXPECT_EQ(clock_.sleeps().size(), 5u);
}

TEST_F(S3StoreTest, AnOutageOfMinutesCostsNoResult) {
  // As long as the service's clock, which is ours, says that it is away.
  const auto back = clock_.now() + 150s;
  HttpPeer peer(
      [&](const PeerRequest&) { return PeerReply{.status = clock_.now() < back ? 503 : 200}; });
  S3Options options = test_s3_options(peer.url());
  options.retry = S3Options().retry;
  store(options).put("x.ogg", "data", "audio/ogg");
  EXPECT_EQ(peer.requests().back().body, "data");
  EXPECT_LT(peer.requests().size(), 60u) << "it is not hammered";
}

TEST_F(S3StoreTest, AnOutageThatLastsEndsWithThePatience) {
  HttpPeer peer(scripted({{.status = 503}}));
  S3Options options = test_s3_options(peer.url());
  options.retry = S3Options().retry;
  const auto begin = clock_.now();
  error_of([&] { store(options).put("x.ogg", "data", "audio/ogg"); });
  EXPECT_GT(clock_.now() - begin, 160s);
  EXPECT_LE(clock_.now() - begin, 180s);
}

TEST_F(S3StoreTest, RefusalsAreNotTriedAgain) {
  struct Case {
    int status;
    const char* code;
    ErrorCode expected;
    const char* hint;
  };
  const Case cases[] = {
      {403, "AccessDenied", ErrorCode::kUnavailable, "403 AccessDenied"},
      {403, "SignatureDoesNotMatch", ErrorCode::kUnavailable, "secret key or the region is wrong"},
      {403, "InvalidAccessKeyId", ErrorCode::kUnavailable, "access key is unknown"},
      {404, "NoSuchBucket", ErrorCode::kNotFound, "bucket does not exist"},
      {404, "NoSuchKey", ErrorCode::kNotFound, "404 NoSuchKey"},
      {400, "InvalidDigest", ErrorCode::kUnavailable, "400"},
      {501, "NotImplemented", ErrorCode::kUnavailable, "501"},
  };
  for (const Case& one : cases) {
    HttpPeer peer(scripted({{.status = one.status, .body = xml_error(one.code)}}));
    const Error error = error_of([&] { store(peer).get("x"); });
    EXPECT_EQ(error.code(), one.expected) << one.code;
    EXPECT_THAT(error.what(), HasSubstr(one.hint));
    EXPECT_EQ(peer.requests().size(), 1u) << one.code;
  }
}

TEST_F(S3StoreTest, AWrongRegionIsNamed) {
  HttpPeer moved(scripted(
      {{.status = 301,
        .headers = {{"x-amz-bucket-region", "eu-west-1"}, {"Location", "http://127.0.0.1:1/"}},
        .body = xml_error("PermanentRedirect")}}));
  EXPECT_THAT(
      error_of([&] { store(moved).get("x"); }).what(),
      AllOf(HasSubstr("region eu-west-1"), HasSubstr("the answer names http://127.0.0.1:1")));
  HttpPeer malformed(scripted(
      {{.status = 400,
        .body = "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-2</Region></Error>"}}));
  EXPECT_THAT(error_of([&] { store(malformed).get("x"); }).what(), HasSubstr("region eu-2"));
}

TEST_F(S3StoreTest, SecretsNeverShow) {
  const std::string leak = "AKIDEXAMPLE canary-secret/key+ canary-token " + std::string(5000, 'x');
  for (const int status : {403, 404, 500}) {
    HttpPeer peer(scripted({{.status = status, .body = xml_error(leak, leak)}}));
    S3Options options = test_s3_options(peer.url());
    options.retry.max_attempts = 2;
    options.session_token = "canary-token";
    const Error error = error_of([&] { store(options).get("x"); });
    EXPECT_THAT(error.what(), AllOf(Not(HasSubstr("canary")), Not(HasSubstr("AKID"))));
    EXPECT_LT(std::string(error.what()).size(), 700u);
  }
}

TEST_F(S3StoreTest, WaitsAsLongAsTheServiceAsks) {
  HttpPeer peer(scripted({{.status = 503, .headers = {{"Retry-After", "7"}}}, {}}));
  store(peer).put("x", "d", "audio/ogg");
  EXPECT_THAT(clock_.sleeps(), ElementsAre(7000ms));
}

TEST_F(S3StoreTest, TotalTimeEndsTheAttempts) {
  HttpPeer peer(scripted({{.status = 503, .headers = {{"Retry-After", "100"}}}}));
  auto s3 = store(peer);
  EXPECT_THAT(error_of([&] { s3.put("x", "d", "audio/ogg"); }).what(),
              HasSubstr("after 2 attempts"));
}

TEST_F(S3StoreTest, ASlowAttemptIsGivenUpAndRepeated) {
  HttpPeer peer(scripted({{.delay = 60s}, {}}));
  S3Options options = test_s3_options(peer.url());
  options.attempt_timeout = 100ms;
  store(options).put("x", "d", "audio/ogg");
  EXPECT_GE(peer.requests().size(), 2u);
}

TEST_F(S3StoreTest, NobodyThere) {
  S3Options options = test_s3_options("http://127.0.0.1:1");
  options.retry.max_attempts = 2;
  const Error error = error_of([&] { store(options).put("x", "d", "audio/ogg"); });
  EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
  EXPECT_THAT(error.what(), HasSubstr("cannot connect"));
}

TEST_F(S3StoreTest, CancelledWhileItWaits) {
  HttpPeer peer(scripted({{.delay = 60s}}));
  std::stop_source stop;
  std::jthread canceller([&] {
    peer.wait_for_requests(1);
    stop.request_stop();
  });
  auto s3 = store(peer);
  const Error error = error_of([&] { s3.put("x", "d", "audio/ogg", stop.get_token()); });
  EXPECT_EQ(error.code(), ErrorCode::kCancelled);
}

TEST_F(S3StoreTest, LearnsTheServicesTime) {
  // An hour ahead of our clock.
  const PeerHeaders date{{"Date", "Sun, 24 May 2026 13:00:00 GMT"}};
  for (const PeerReply& refusal :
       {PeerReply{.status = 403, .headers = date, .body = xml_error("RequestTimeTooSkewed")},
        PeerReply{.status = 403, .headers = date, .body = xml_error("AccessDenied")},
        PeerReply{.status = 400, .headers = date, .body = xml_error("RequestInTheFuture")},
        PeerReply{.status = 403, .headers = date}}) {
    HttpPeer peer(scripted({refusal, {}}));
    auto s3 = store(peer);
    s3.put("x", "data", "audio/ogg");
    EXPECT_EQ(peer.requests().at(0).header("X-Amz-Date"), "20260524T120000Z");
    EXPECT_EQ(peer.requests().at(1).header("X-Amz-Date"), "20260524T130000Z");
    EXPECT_THAT(s3.link("x"), HasSubstr("X-Amz-Date=20260524T130000Z"));
  }
}

TEST_F(S3StoreTest, ARefusalWithTheSameTimeIsARefusal) {
  HttpPeer peer(
      scripted({{.status = 403, .headers = {{"Date", "Sun, 24 May 2026 12:01:00 GMT"}}}}));
  auto s3 = store(peer);
  error_of([&] { s3.get("x"); });
  EXPECT_EQ(peer.requests().size(), 1u);
}

TEST_F(S3StoreTest, TimeIsLearntOncePerRequest) {
  HttpPeer peer(scripted({{.status = 403,
                           .headers = {{"Date", "Sun, 24 May 2026 13:00:00 GMT"}},
                           .body = xml_error("RequestTimeTooSkewed")}}));
  auto s3 = store(peer);
  error_of([&] { s3.get("x"); });
  EXPECT_EQ(peer.requests().size(), 2u);
}

TEST_F(S3StoreTest, HeadTellsSizeAndTypeOrNothing) {
  HttpPeer peer([](const PeerRequest& request) {
    if (request.path() == "/tts/absent") return PeerReply{.status = 404};
    return PeerReply{.headers = {{"Content-Length", "42"}, {"Content-Type", "audio/ogg"}}};
  });
  auto s3 = store(peer);
  const auto info = s3.head("x");
  ASSERT_TRUE(info);
  EXPECT_EQ(info->size, 42u);
  EXPECT_EQ(info->content_type, "audio/ogg");
  EXPECT_FALSE(s3.head("absent"));
}

TEST_F(S3StoreTest, RemoveMindsOnlyAMissingBucket) {
  HttpPeer peer(scripted({{.status = 204},
                          {.status = 404, .body = xml_error("NoSuchKey")},
                          {.status = 404, .body = xml_error("NoSuchBucket")}}));
  auto s3 = store(peer);
  EXPECT_NO_THROW(s3.remove("x"));
  EXPECT_NO_THROW(s3.remove("x"));
  EXPECT_EQ(error_of([&] { s3.remove("x"); }).code(), ErrorCode::kNotFound);
}

TEST_F(S3StoreTest, NamesThatCannotBeKeys) {
  auto s3 = store(test_s3_options("http://h"));
  for (const std::string& name :
       {std::string(), std::string("/x"), std::string(1025, 'k'), std::string("a/../b"),
        std::string("./a"), std::string("a//b"), std::string("a/"), std::string("..")}) {
    EXPECT_THROW(s3.key(name), Error);
    EXPECT_THROW(s3.link(name), Error);
  }
}

TEST_F(S3StoreTest, IncompleteOptionsAreRefused) {
  try {
    store(S3Options{});
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("S3_ENDPOINT_URL"), HasSubstr("S3_BUCKET_NAME")));
  }
}

TEST_F(S3StoreTest, LinksAreReadWithoutCredentials) {
  HttpPeer peer(scripted({{.body = "audio"}, {.status = 403}}));
  auto s3 = store(peer);
  EXPECT_EQ(s3.read_link(s3.link("x")), "audio");
  EXPECT_FALSE(peer.requests().at(0).has_header("Authorization"));
  const Error error = error_of([&] { s3.read_link(s3.link("x")); });
  EXPECT_THAT(error.what(), AllOf(HasSubstr("status 403"), Not(HasSubstr("Signature"))));
}

// A bucket that has another rule of someone else's.
class LifecyclePeer {
 public:
  explicit LifecyclePeer(std::string xml) : xml_(std::move(xml)) {}

  PeerReply answer(const PeerRequest& request) {
    EXPECT_EQ(request.target, "/tts?lifecycle=");
    std::scoped_lock lock(mutex_);
    if (request.method == "PUT") {
      EXPECT_EQ(request.header("Content-MD5"), base64(digest(DigestKind::kMd5, request.body)));
      xml_ = request.body;
    } else if (request.method == "DELETE") {
      xml_.clear();
      return {.status = 204};
    } else if (xml_.empty()) {
      return {.status = 404, .body = xml_error("NoSuchLifecycleConfiguration")};
    }
    return {.body = request.method == "GET" ? xml_ : ""};
  }
  std::string xml() {
    std::scoped_lock lock(mutex_);
    return xml_;
  }

 private:
  std::mutex mutex_;
  std::string xml_;
};

TEST_F(S3StoreTest, LifecycleRulesOfOthersStay) {
  const std::string theirs =
      "<Rule><ID>logs</ID><Filter><And><Prefix>log/</Prefix><Tag><Key>a</Key></Tag></And></Filter>"
      "<Status>Disabled</Status><Transition><Days>3</Days></Transition></Rule>";
  LifecyclePeer bucket("<LifecycleConfiguration>" + theirs + "</LifecycleConfiguration>");
  HttpPeer peer([&](const PeerRequest& request) { return bucket.answer(request); });
  S3Options options = test_s3_options(peer.url());
  options.key_prefix = "out & more";
  auto s3 = store(options);

  s3.set_lifecycle(7);
  s3.set_lifecycle(30);
  EXPECT_THAT(bucket.xml(), HasSubstr(theirs));
  const auto rules = s3.lifecycle_rules();
  ASSERT_EQ(rules.size(), 2u);
  EXPECT_EQ(rules[0].id, "logs");
  EXPECT_FALSE(rules[0].enabled);
  EXPECT_EQ(rules[0].expiration_days, std::nullopt);
  EXPECT_EQ(rules[1].prefix, "out & more/");
  EXPECT_TRUE(rules[1].enabled);
  EXPECT_EQ(rules[1].expiration_days, 30);

  EXPECT_TRUE(s3.remove_lifecycle());
  EXPECT_EQ(s3.lifecycle_rules().size(), 1u);
  EXPECT_FALSE(s3.remove_lifecycle());
}

TEST_F(S3StoreTest, LifecycleRulesInOtherPrefixesStay) {
  LifecyclePeer bucket(
      "<?xml version=\"1.0\"?><s3:LifecycleConfiguration xmlns:s3=\"http://s3/\"><s3:Rule>"
      "<s3:ID>logs</s3:ID><s3:Prefix>log/</s3:Prefix><s3:Status>Enabled</s3:Status></s3:Rule>"
      "</s3:LifecycleConfiguration>");
  HttpPeer peer([&](const PeerRequest& request) { return bucket.answer(request); });
  auto s3 = store(peer);
  s3.set_lifecycle(7);
  EXPECT_THAT(bucket.xml(), HasSubstr("<Rule><ID>logs</ID><Prefix>log/</Prefix>"
                                      "<Status>Enabled</Status></Rule>"));
  EXPECT_EQ(s3.lifecycle_rules().size(), 2u);
  EXPECT_TRUE(s3.remove_lifecycle());
  EXPECT_EQ(s3.lifecycle_rules().at(0).id, "logs");
}

TEST_F(S3StoreTest, LifecycleOfABareBucket) {
  LifecyclePeer bucket("");
  HttpPeer peer([&](const PeerRequest& request) { return bucket.answer(request); });
  auto s3 = store(peer);
  EXPECT_TRUE(s3.lifecycle_rules().empty());
  EXPECT_FALSE(s3.remove_lifecycle());
  s3.set_lifecycle(1);
  EXPECT_EQ(s3.lifecycle_rules().at(0).prefix, "");
  EXPECT_TRUE(s3.remove_lifecycle());
  EXPECT_EQ(bucket.xml(), "");
  EXPECT_THROW(s3.set_lifecycle(0), Error);
}

TEST_F(S3StoreTest, ALifecycleThatIsNoneIsCorrupt) {
  HttpPeer peer(scripted({{.body = "<html>"}}));
  auto s3 = store(peer);
  EXPECT_EQ(error_of([&] { s3.lifecycle_rules(); }).code(), ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace echo
