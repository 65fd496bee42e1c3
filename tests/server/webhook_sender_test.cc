// Webhooks to receivers that answer, fail, or never say a word.
#include "server/webhook_sender.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "net/curl_http_client.h"
#include "support/http_peer.h"
#include "test_server.h"

namespace echo::server {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class WebhookSenderTest : public ::testing::Test {
 protected:
  void make() { sender_ = std::make_unique<WebhookSender>(options_, *http_, logger_); }

  std::shared_ptr<KeptLog> log_ = std::make_shared<KeptLog>();
  Logger logger_{LogOptions{.level = LogLevel::kInfo, .json = false, .repeat_burst = 0}, log_};
  std::unique_ptr<HttpClient> http_ = make_http_client();
  WebhookOptions options_{.public_hosts_only = false, .pause = 1ms};
  // Declared before the sender, so that it outlives it.
  HttpPeer silent_{scripted({{.delay = 1h}})};
  std::unique_ptr<WebhookSender> sender_;
};

TEST_F(WebhookSenderTest, AReceiverThatNeverAnswersDelaysNobodyElse) {
  options_.timeout = 1h;
  make();
  for (int i = 0; i < 20; ++i) sender_->send("s" + std::to_string(i), silent_.url("/"), "{}");
  ASSERT_TRUE(silent_.wait_for_requests(2));
  HttpPeer good(scripted({{}}));
  for (int i = 0; i < 20; ++i) sender_->send("g" + std::to_string(i), good.url("/"), "{}");
  EXPECT_TRUE(good.wait_for_requests(20));
  EXPECT_EQ(silent_.requests().size(), 2u) << "no more at a time to one host";
}

TEST_F(WebhookSenderTest, ManyThatNeverAnswerLeaveRoomForOthers) {
  options_.timeout = 300ms;
  options_.attempts = 1'000;
  options_.threads = 4;
  std::vector<std::unique_ptr<HttpPeer>> dead;
  for (int i = 0; i < 8; ++i) dead.push_back(std::make_unique<HttpPeer>(scripted({{.delay = 1h}})));
  make();
  for (const auto& peer : dead) sender_->send("d", peer->url("/"), "{}");
  for (const auto& peer : dead) ASSERT_TRUE(peer->wait_for_requests(1)) << "each has had its try";
  HttpPeer good(scripted({{}}));
  for (int i = 0; i < 10; ++i) sender_->send("g", good.url("/"), "{}");
  EXPECT_TRUE(good.wait_for_requests(10));
  sender_.reset();
}

TEST_F(WebhookSenderTest, TooManyOfOneReceiverDropItsOwn) {
  options_.capacity = 10;
  options_.timeout = 1h;
  make();
  for (int i = 0; i < 30; ++i) sender_->send("s" + std::to_string(i), silent_.url("/"), "{}");
  EXPECT_THAT(log_->text(), HasSubstr("s10 | Webhook dropped"));
  HttpPeer good(scripted({{}}));
  for (int i = 0; i < 5; ++i) sender_->send("g" + std::to_string(i), good.url("/"), "{}");
  EXPECT_TRUE(good.wait_for_requests(5));
  EXPECT_EQ(log_->text().find("g0 | Webhook dropped"), std::string::npos) << log_->text();
  EXPECT_THAT(log_->text(), HasSubstr("s9 | Webhook dropped"));
}

TEST_F(WebhookSenderTest, BytesAreBoundedToo) {
  options_.max_bytes = 1'000;
  options_.timeout = 1h;
  make();
  sender_->send("a", silent_.url("/"), std::string(900, 'x'));
  sender_->send("b", silent_.url("/"), std::string(200, 'x'));
  EXPECT_THAT(log_->text(), HasSubstr("b | Webhook dropped"));
}

TEST_F(WebhookSenderTest, TheEndWaitsForThoseThatAnswerAndNotForThoseThatDoNot) {
  options_.timeout = 1h;
  options_.farewell = 1s;
  options_.pause = 1h;
  HttpPeer good(scripted({{500}, {}}));
  make();
  for (int i = 0; i < 6; ++i) sender_->send("s", silent_.url("/"), "{}");
  sender_->send("g", good.url("/"), "{}");
  ASSERT_TRUE(good.wait_for_requests(1));
  EXPECT_FALSE(sender_->flush(1h)) << "its own patience is shorter";
  EXPECT_EQ(good.requests().size(), 2u) << "without the pause before the next attempt";
  sender_.reset();
  EXPECT_THAT(log_->text(), HasSubstr("Webhooks not sent: 6"));
}

TEST_F(WebhookSenderTest, AtTheEndWhoFailsIsGivenUpWithAllThatWaits) {
  HttpPeer bad(scripted({{500}}));
  options_.attempts = 1'000;
  options_.pause = 1h;
  make();
  for (int i = 0; i < 20; ++i) sender_->send("b" + std::to_string(i), bad.url("/"), "{}");
  ASSERT_TRUE(bad.wait_for_requests(20));
  EXPECT_TRUE(sender_->flush(2min));
  EXPECT_LE(bad.requests().size(), 24u) << "a few were on their way";
}

TEST_F(WebhookSenderTest, AnAddressThatIsNoneIsGivenUp) {
  make();
  sender_->send("x", "nonsense", "{}");
  EXPECT_TRUE(sender_->flush(2min));
  EXPECT_THAT(log_->text(), HasSubstr("x | Webhook given up"));
}

}  // namespace
}  // namespace echo::server
