// Redirects of a bucket, against a service that is scripted: real ones are reached by https only.
#include "net/s3_redirect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "base/error.h"
#include "net/s3_store.h"
#include "s3_test_options.h"
#include "support/fake_clock.h"
#include "support/thrown_error.h"

namespace echo {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// Gives the answers in their order, then 200.
class ScriptedClient final : public HttpClient {
 public:
  explicit ScriptedClient(std::deque<HttpResponse> answers) : answers_(std::move(answers)) {}

  HttpResponse perform(const HttpRequest& request) override {
    requests.push_back(request);
    HttpResponse response;
    response.status = 200;
    if (!answers_.empty()) {
      response = answers_.front();
      answers_.pop_front();
    }
    response.final_url = request.url;
    return response;
  }

  std::vector<HttpRequest> requests;

 private:
  std::deque<HttpResponse> answers_;
};

HttpResponse moved(int status, const std::string& location, const std::string& region = "") {
  HttpResponse response;
  response.status = status;
  if (!location.empty()) response.headers.push_back({"Location", location});
  if (!region.empty()) response.headers.push_back({"x-amz-bucket-region", region});
  return response;
}

std::string credential_of(const HttpRequest& request) {
  return std::string(find_header(request.headers, "Authorization").value_or(""));
}

class S3RedirectTest : public testing::Test {
 protected:
  S3Options options_ = test_s3_options("https://s3.amazonaws.com");
  FakeClock clock_;
};

TEST_F(S3RedirectTest, APermanentOneIsSignedAnewAndRemembered) {
  ScriptedClient client(
      {moved(301, "https://tts.s3.eu-west-1.amazonaws.com/a%20b.ogg", "eu-west-1")});
  S3Store store(options_, client, clock_);
  store.put("a b.ogg", "data", "audio/ogg");
  ASSERT_EQ(client.requests.size(), 2u);
  EXPECT_EQ(client.requests[0].url, "https://tts.s3.amazonaws.com/a%20b.ogg");
  EXPECT_THAT(credential_of(client.requests[0]), HasSubstr("/us-east-1/s3/"));
  EXPECT_EQ(client.requests[1].url, "https://tts.s3.eu-west-1.amazonaws.com/a%20b.ogg");
  EXPECT_EQ(client.requests[1].method, "PUT");
  EXPECT_EQ(client.requests[1].body, "data");
  EXPECT_THAT(credential_of(client.requests[1]), HasSubstr("/eu-west-1/s3/"));
  EXPECT_THAT(store.link("x.ogg"), AllOf(HasSubstr("https://tts.s3.eu-west-1.amazonaws.com/x.ogg?"),
                                         HasSubstr("%2Feu-west-1%2Fs3")));
  store.put("c.ogg", "data", "audio/ogg");
  EXPECT_EQ(client.requests.at(2).url, "https://tts.s3.eu-west-1.amazonaws.com/c.ogg");
}

TEST_F(S3RedirectTest, AnAnswerThatNamesTheRegionAloneIsEnough) {
  ScriptedClient client({moved(301, "", "eu-west-1")});
  S3Store store(options_, client, clock_);
  store.head("a.ogg");
  EXPECT_EQ(client.requests.at(1).url, "https://tts.s3.eu-west-1.amazonaws.com/a.ogg");
}

TEST_F(S3RedirectTest, ATemporaryOneIsNotRemembered) {
  ScriptedClient client({moved(307, "https://tts.s3-us-west-2.amazonaws.com/a.ogg")});
  S3Store store(options_, client, clock_);
  store.put("a.ogg", "data", "audio/ogg");
  EXPECT_EQ(client.requests.at(1).url, "https://tts.s3-us-west-2.amazonaws.com/a.ogg");
  EXPECT_THAT(credential_of(client.requests[1]), HasSubstr("/us-west-2/s3/"));
  EXPECT_THAT(store.link("x"), HasSubstr("https://tts.s3.amazonaws.com/x?"));
}

TEST_F(S3RedirectTest, FromPlainToTlsOnOneHost) {
  options_ = test_s3_options("http://minio.example:9000/store");
  ScriptedClient client({moved(308, "https://minio.example/store/tts/a.ogg")});
  S3Store store(options_, client, clock_);
  store.put("a.ogg", "data", "audio/ogg");
  EXPECT_EQ(client.requests.at(1).url, "https://minio.example/store/tts/a.ogg");
}

TEST_F(S3RedirectTest, NobodyElseGetsASignature) {
  struct Case {
    const char* endpoint;
    const char* location;
    const char* named;
  };
  const Case cases[] = {
      {"https://s3.amazonaws.com", "https://evil.example/tts/a.ogg", "https://evil.example"},
      {"https://s3.amazonaws.com", "http://tts.s3.eu-west-1.amazonaws.com/a.ogg",
       "http://tts.s3.eu-west-1.amazonaws.com"},
      {"https://minio.example", "https://other.example/tts/a.ogg", "https://other.example"},
      {"http://minio.example", "http://minio.example:9000/tts/a.ogg", "http://minio.example:9000"},
      {"https://minio.example", "https://minio.example/login?next=/tts/a.ogg",
       "https://minio.example"},
      {"https://s3.amazonaws.com.evil.example", "", ""},
  };
  for (const Case& one : cases) {
    ScriptedClient client({moved(301, one.location, "eu-west-1")});
    S3Store store(test_s3_options(one.endpoint), client, clock_);
    const Error error = error_of([&] { store.put("a.ogg", "data", "audio/ogg"); });
    EXPECT_EQ(client.requests.size(), 1u) << one.location;
    EXPECT_THAT(error.what(), HasSubstr("status 301"));
    if (*one.named == '\0') continue;
    EXPECT_THAT(error.what(), HasSubstr(std::string("the answer names ") + one.named));
    EXPECT_THAT(error.what(), HasSubstr("set S3_ENDPOINT_URL"));
  }
}

TEST_F(S3RedirectTest, ACircleEnds) {
  std::deque<HttpResponse> answers;
  for (int i = 0; i < 20; ++i) {
    answers.push_back(moved(307, i % 2 == 0 ? "https://tts.s3.eu-west-1.amazonaws.com/a.ogg"
                                            : "https://tts.s3.amazonaws.com/a.ogg"));
  }
  ScriptedClient client(std::move(answers));
  S3Store store(options_, client, clock_);
  const Error error = error_of([&] { store.put("a.ogg", "data", "audio/ogg"); });
  EXPECT_EQ(client.requests.size(), 4u);
  EXPECT_THAT(error.what(), HasSubstr("(redirect 3)"));
}

}  // namespace
}  // namespace echo
