// What is streamed, played by a browser while it is made. Skipped where there is no Chromium.
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "audio/encode.h"
#include "http/byte_stream.h"
#include "http/responses.h"
#include "support/child_process.h"
#include "support/fake_speech.h"
#include "support/temp_dir.h"

namespace echo::http {
namespace {

constexpr double kSeconds = 3;

// Plays what /audio gives, and posts what it heard.
constexpr const char* kMediaSourcePage = R"(<!doctype html><audio id="a"></audio><script>
const audio = document.getElementById('a');
const tell = (path, body) => fetch(path, {method: 'POST', body: JSON.stringify(body)});
const source = new MediaSource();
let bytes = 0, heard = false;
audio.src = URL.createObjectURL(source);
audio.ontimeupdate = () => {
  if (heard || audio.currentTime === 0) return;
  heard = true;
  tell('/heard', {bytes});
};
audio.onended = () => tell('/ended', {seconds: audio.currentTime});
source.onsourceopen = async () => {
  const buffer = source.addSourceBuffer('audio/mpeg');
  const reader = (await fetch('/audio')).body.getReader();
  for (;;) {
    const {value, done} = await reader.read();
    if (done) break;
    bytes += value.length;
    buffer.appendBuffer(value);
    await new Promise(done => buffer.onupdateend = done);
  }
  source.endOfStream();
};
audio.play().catch(error => tell('/failed', {error: String(error)}));
</script>)";

constexpr const char* kAudioPage = R"(<!doctype html><audio id="a" src="/audio"></audio><script>
const audio = document.getElementById('a');
const tell = (path, body) => fetch(path, {method: 'POST', body: JSON.stringify(body)});
audio.onended = () => tell('/ended', {seconds: audio.currentTime});
audio.onerror = () => tell('/failed', {error: audio.error.message});
audio.play().catch(error => tell('/failed', {error: String(error)}));
</script>)";

// The page, the sound that the test writes, and what the page tells.
class PlayerService final : public HttpService {
 public:
  PlayerService(std::string page, std::string type)
      : page_(std::move(page)), type_(std::move(type)) {}

  Admission admit(const Request&) override { return {std::nullopt, 10'000, "player"}; }
  void handle(Request request, Reply reply) override {
    const std::lock_guard lock(mutex_);
    if (request.method == "POST") {
      told_[request.path] = Json::parse(request.body, nullptr, /*allow_exceptions=*/false);
      changed_.notify_all();
      return reply.send(json_response(200, Json::object()));
    }
    Response response;
    if (request.path == "/audio") {
      stream_ = std::make_shared<ByteStream>(1 << 20, budget_);
      response.headers = {{"Content-Type", type_}, {"Cache-Control", "no-store"}};
      response.producer = stream_->reader();
      changed_.notify_all();
    } else if (request.path == "/") {
      response.headers = {{"Content-Type", "text/html"}};
      response.body = page_;
    } else {
      response.status = 404;
    }
    reply.send(std::move(response));
  }

  std::shared_ptr<ByteStream> stream() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kPatience, [&] { return stream_ != nullptr; });
    return stream_;
  }
  // Null when it did not come.
  Json told(const std::string& path) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kPatience, [&] {
      return told_.count(path) > 0 || told_.count("/failed") > 0;
    });
    EXPECT_EQ(told_.count("/failed"), 0U) << told_["/failed"].dump();
    return told_.count(path) > 0 ? told_[path] : Json();
  }

 private:
  static constexpr std::chrono::minutes kPatience{4};
  const std::string page_, type_;
  ByteBudget budget_{16 << 20};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<ByteStream> stream_;
  std::map<std::string, Json> told_;
};

// The sound as it is streamed, a tenth of a second at a time.
std::vector<std::string> pieces_of(AudioFormat format) {
  AudioEncoder encoder({format, 0, 0}, AudioEncoder::Mode::kStream);
  std::vector<std::string> pieces;
  constexpr size_t kPiece = kModelRate / 10;
  const std::vector<float> sound = FakeSpeech::tone(static_cast<size_t>(kSeconds * kModelRate));
  for (size_t at = 0; at < sound.size(); at += kPiece) {
    encoder.push({sound.data() + at, std::min(kPiece, sound.size() - at)});
    pieces.push_back(encoder.take_bytes());
  }
  encoder.finish();
  pieces.push_back(encoder.take_bytes());
  return pieces;
}

class NetPlayers : public ::testing::Test {
 protected:
  // Null when there is no browser, and the test is skipped.
  PlayerService* open(const char* page, const char* type) {
    std::string browser;
    for (const char* path : {"/usr/bin/chromium", "/usr/bin/chromium-browser"}) {
      if (std::filesystem::exists(path)) browser = path;
    }
    if (browser.empty()) return nullptr;
    service_.emplace(page, type);
    server_ = std::make_unique<HttpServer>(HttpServerOptions{}, *service_);
    server_->serve();
    browser_ = std::make_unique<ChildProcess>(std::vector<std::string>{
        browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
        "--disable-background-networking", "--no-first-run", "--mute-audio",
        "--autoplay-policy=no-user-gesture-required",
        "--user-data-dir=" + (profile_ / "profile").string(),
        "http://127.0.0.1:" + std::to_string(server_->port()) + "/"});
    return &*service_;
  }

  // They go in the opposite order.
  TempDir profile_;
  std::optional<PlayerService> service_;
  std::unique_ptr<HttpServer> server_;
  std::unique_ptr<ChildProcess> browser_;
};

TEST_F(NetPlayers, ChromiumPlaysStreamedMp3FromItsFirstBytesOn) {
  PlayerService* const service = open(kMediaSourcePage, "audio/mpeg");
  if (service == nullptr) GTEST_SKIP() << "there is no Chromium";
  const auto stream = service->stream();
  ASSERT_TRUE(stream);
  const std::vector<std::string> pieces = pieces_of(AudioFormat::kMp3);
  size_t given = 0, next = 0;
  while (next < pieces.size() && given + pieces[next].size() < 8192) {
    given += pieces[next].size();
    ASSERT_TRUE(pieces[next].empty() || stream->write(pieces[next]));
    ++next;
  }
  ASSERT_LT(next, pieces.size() / 2) << "most of it is yet to come";
  // It plays though no more comes.
  EXPECT_EQ(service->told("/heard")["bytes"], given);
  for (; next < pieces.size(); ++next) {
    ASSERT_TRUE(pieces[next].empty() || stream->write(pieces[next]));
  }
  stream->finish();
  // Of streamed MP3 the decoder keeps the padding at both ends.
  EXPECT_NEAR(service->told("/ended").value("seconds", 0.0), kSeconds, 0.1);
}

TEST_F(NetPlayers, ChromiumPlaysStreamedOggToItsExactEnd) {
  PlayerService* const service = open(kAudioPage, "audio/ogg; codecs=opus");
  if (service == nullptr) GTEST_SKIP() << "there is no Chromium";
  const auto stream = service->stream();
  ASSERT_TRUE(stream);
  for (const std::string& piece : pieces_of(AudioFormat::kOggOpus)) {
    ASSERT_TRUE(piece.empty() || stream->write(piece));
  }
  stream->finish();
  EXPECT_NEAR(service->told("/ended").value("seconds", 0.0), kSeconds, 0.03);
}

}  // namespace
}  // namespace echo::http
