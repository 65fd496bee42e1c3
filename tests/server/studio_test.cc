// The page of /studio: what is served, and that it works in a browser.
#include <gmock/gmock.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>

#include "base/digest.h"
#include "server/openai_fixture.h"
#include "server/studio_page.h"
#include "speech/voice_uploads.h"
#include "support/child_process.h"
#include "support/paths.h"

namespace echo::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr size_t kMaxPage = 60 << 10;  // bytes

std::string between(const std::string& text, const std::string& begin, const std::string& end) {
  const size_t from = text.find(begin) + begin.size();
  return text.substr(from, text.find(end, from) - from);
}

TEST(StudioPage, IsOneFileUnderAStrictPolicy) {
  TestServer server;
  const Answer page = server.get("/studio");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.header("Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(page.header("Referrer-Policy"), "no-referrer");
  EXPECT_EQ(page.header("X-Content-Type-Options"), "nosniff");
  EXPECT_LE(page.body.size(), kMaxPage);
  const auto sum = [](const std::string& text) {
    return "'sha256-" + base64(digest(DigestKind::kSha256, text)) + "'";
  };
  EXPECT_EQ(page.header("Content-Security-Policy"),
            "default-src 'none'; script-src " + sum(between(page.body, "<script>", "</script>")) +
                "; style-src " + sum(between(page.body, "<style>", "</style>")) +
                "; connect-src 'self'; media-src 'self' blob:; img-src 'self' data:; base-uri "
                "'none'; form-action 'none'; frame-ancestors 'none'");
  // Nothing that the policy would stop, and nothing of elsewhere.
  const std::string markup =
      page.body.substr(0, page.body.find("<style>")) + page.body.substr(page.body.find("</style>"));
  EXPECT_THAT(markup, Not(HasSubstr(" style=")));
  EXPECT_THAT(page.body, Not(HasSubstr("https://")));
  EXPECT_THAT(page.body, Not(HasSubstr("studio.css")));
  EXPECT_THAT(page.body, Not(HasSubstr("studio.js")));
}

TEST(StudioPage, TheRootLeadsThereUnlessItIsSwitchedOff) {
  TestServer on;
  const Answer root = on.get("/");
  EXPECT_EQ(root.status, 302);
  EXPECT_EQ(root.header("Location"), "studio");

  TestServer::Setup setup;
  setup.options.studio = false;
  TestServer off(std::move(setup));
  EXPECT_EQ(off.get("/studio").status, 404);
  EXPECT_EQ(off.get("/studio/settings").status, 404);
  EXPECT_FALSE(off.get("/openapi.json").json()["paths"].contains("/studio"));
  EXPECT_EQ(off.get("/").status, 200);
  EXPECT_THAT(off.get("/").body, HasSubstr("openapi.json"));
}

TEST(StudioPage, IsFreeOfKeysAndToldTheLimits) {
  TestServer::Setup setup;
  setup.options.api_keys = {"key"};
  setup.options.openai.orders.max_input_chars = 123;
  TestServer server(std::move(setup));
  EXPECT_EQ(server.get("/studio").status, 200);
  const Json settings = server.get("/studio/settings").json();
  EXPECT_EQ(settings["ready"], false);
  EXPECT_EQ(settings["max_input_chars"], 123);
  EXPECT_EQ(settings["uploads"], false);
  EXPECT_EQ(server.get("/metrics").status, 401);

  SpeechParameters defaults;
  defaults.num_steps = 12;
  const Json ready = studio_settings_json({&defaults, 5, true, 6});
  EXPECT_EQ(ready["ready"], true);
  EXPECT_EQ(ready["uploads"], true);
  EXPECT_EQ(ready["max_voice_bytes"], 6);
  EXPECT_EQ(ready["parameters"]["num_steps"],
            Json({{"default", "12"}, {"minimum", 1.0}, {"maximum", 1000.0}}));
  EXPECT_EQ(ready["parameters"]["force_speaker"]["default"], "null");
}

// In Chromium, where there is one.
class NetStudio : public OpenAiApi {
 protected:
  static constexpr uint64_t kMaxVoiceBytes = 1 << 20;

  NetStudio() {
    fake_.at_step = [this](const SpeechProgress& progress, const std::stop_token& stop) {
      if (progress.chunk < 2) return;
      std::unique_lock lock(mutex_);
      changed_.wait(lock, stop, [this] { return !held_; });
    };
    std::filesystem::create_directories(dir_ / "files");
    const auto write = [&](const char* name, size_t seconds) {
      std::ofstream(dir_ / "files" / name, std::ios::binary)
          << encode_audio(FakeSpeech::tone(seconds * kModelRate), {AudioFormat::kWav, 0, 0});
    };
    write("voice.wav", 2);
    write("large.wav", 13);
  }

  void SetUp() override {
    if (!std::filesystem::exists(kChromium)) GTEST_SKIP() << "there is no " << kChromium;
    if (!std::filesystem::exists(source_path("/tests/js/node_modules/playwright-core"))) {
      GTEST_SKIP() << "scripts/test-clients has not installed playwright-core";
    }
    const std::string version = run_program({"node", "--version"}, {});  // "v20.1.0"
    if (std::stoi(version.substr(1)) < 20) {
      GTEST_SKIP() << "playwright-core needs Node 20, found " << version;
    }
  }
  void TearDown() override {
    hold(false);
    server_.reset();
  }

  void start(ServerOptions options = {}) {
    options.openai.voice_uploads = true;
    options.openai.voice_bytes = kMaxVoiceBytes;
    serve(std::move(options), /*ready=*/false);
    for (const bool held : {false, true}) {
      http::Route route{"POST", held ? "/test/hold" : "/test/release",
                        [this, held](const http::Call& call) {
                          hold(held);
                          call.reply.send({});
                        }};
      server_->api().router().add(std::move(route));
    }
    server_->api().set_speech(live_, &uploads_);
  }
  void hold(bool held) {
    const std::scoped_lock lock(mutex_);
    held_ = held;
    changed_.notify_all();
  }
  // Throws when the browser saw something that should not be.
  void browse(const std::string& scenario, const std::string& host = "127.0.0.1") {
    run_program({"node", source_path("/tests/js/studio.js"), scenario,
                 "http://" + host + ":" + std::to_string(server_->port()) + "/studio",
                 (dir_ / "files").string()});
  }

  static constexpr const char* kChromium = "/usr/bin/chromium";
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool held_ = false;
  VoiceDirectory directory_{(dir_ / "voices").string(), real_clock(), (dir_ / "uploads").string()};
  VoiceUploads uploads_{directory_, {.max_bytes = kMaxVoiceBytes}};
  VoiceLibrary voice_library_{directory_};
  LiveSpeech live_{
      {.speak = std::ref(fake_),
       .voices = voice_library_,
       .logger = logger_,
       .finished = [this](const JobReport& report) { metrics_.speech_finished(report); }}};
};

TEST_F(NetStudio, A31SpeaksWhileItIsMadeAndStops) {
  start();
  hold(true);
  EXPECT_NO_THROW(browse("speak"));
}

TEST_F(NetStudio, A32VoicesAreAddedUsedAndDeleted) {
  start();
  EXPECT_NO_THROW(browse("voices"));
}

TEST_F(NetStudio, A34IsThereForKeyboardsScreenReadersAndPhones) {
  start();
  EXPECT_NO_THROW(browse("access"));
}

TEST_F(NetStudio, A35PlaysWhereThereIsNoEncryption) {
  ServerOptions options;
  options.allowed_hosts = {"studio.test"};
  start(std::move(options));
  EXPECT_NO_THROW(browse("insecure", "studio.test"));
}

TEST_F(NetStudio, AsksForTheKey) {
  ServerOptions options;
  options.api_keys = {"key"};
  start(std::move(options));
  EXPECT_NO_THROW(browse("key"));
}

}  // namespace
}  // namespace echo::server
