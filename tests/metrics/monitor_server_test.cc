// The port of a worker that takes its jobs elsewhere.
#include "metrics/monitor_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "net/curl_http_client.h"

namespace echo {
namespace {

using testing::HasSubstr;

class MonitorServerTest : public testing::Test {
 protected:
  MonitorServerTest() { monitor_.start(); }

  HttpResponse ask(const std::string& path, const std::string& method = "GET") {
    HttpRequest request;
    request.method = method;
    request.url = "http://127.0.0.1:" + std::to_string(monitor_.port()) + path;
    return http_->perform(request);
  }

  Metrics metrics_;
  MonitorServer monitor_{http::HttpServerOptions{}, metrics_};
  std::unique_ptr<HttpClient> http_ = make_http_client();
};

TEST_F(MonitorServerTest, M50SaysReadyOnlyWhenItIs) {
  EXPECT_EQ(ask("/ping").status, 204);
  EXPECT_EQ(ask("/health").body, R"({"status":"loading"})");
  monitor_.set_ready();
  EXPECT_EQ(ask("/ping").status, 200);
  EXPECT_EQ(ask("/health").body, R"({"status":"ready"})");
  monitor_.set_draining();
  EXPECT_EQ(ask("/ping").status, 503);
  EXPECT_EQ(ask("/health").status, 200) << "the process answers";
}

TEST_F(MonitorServerTest, ServesTheNumbers) {
  metrics_.request_finished("queue", "ogg", "completed", 2);
  const HttpResponse answer = ask("/metrics");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(
      answer.body,
      HasSubstr("echotts_requests_total{format=\"ogg\",route=\"queue\",status=\"completed\"} 1\n"));
}

TEST_F(MonitorServerTest, ServesNothingElse) {
  EXPECT_EQ(ask("/run", "POST").status, 405);
  EXPECT_EQ(ask("/metrics", "DELETE").status, 405);
  EXPECT_EQ(ask("/").status, 404);
  EXPECT_EQ(ask("/files/x").status, 404);
}

TEST_F(MonitorServerTest, APortInUseIsAClearError) {
  http::HttpServerOptions options;
  options.port = monitor_.port();
  try {
    MonitorServer second(options, metrics_);
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
    EXPECT_THAT(error.what(), HasSubstr(std::to_string(options.port)));
  }
}

}  // namespace
}  // namespace echo
