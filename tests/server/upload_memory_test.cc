// What the server holds while a voice of 10 MiB is uploaded: the body and hardly more, also where
// it is stored in another format.
#include <algorithm>
#include <utility>

#include "server/openai_fixture.h"
#include "speech/voice_uploads.h"
#include "support/peak_memory.h"
#include "support/sounds/sounds.h"

namespace echo::server {
namespace {

constexpr size_t kFileBytes = size_t{10} << 20;
constexpr int64_t kMostBytes = int64_t{12} << 20;

// A file that goes on as it began until it has that size, as streams of frames may.
std::string repeated(const std::string& frames) {
  std::string file;
  file.reserve(kFileBytes);
  while (file.size() + frames.size() <= kFileBytes) file += frames;
  return file;
}

std::string wav() {
  return encode_audio(make_sound((kFileBytes - 44) / 2, kModelRate), {AudioFormat::kWav, 0, 0});
}

std::string streamed(AudioFormat format) {
  AudioEncoder encoder({format, 0, 0}, AudioEncoder::Mode::kStream);
  encoder.push(make_sound(10 * kModelRate, kModelRate));
  encoder.finish();
  return repeated(encoder.take_bytes());
}

class UploadMemory : public OpenAiApi {
 protected:
  void SetUp() override {
    ServerOptions options;
    options.openai.voice_uploads = true;
    serve(std::move(options), /*ready=*/false);
    server_->api().set_speech(live_, &uploads_);
    const std::vector<float> second = make_sound(kModelRate, kModelRate);
    // What is done once stays: tables of the decoders, threads, buffers.
    upload("first", encode_audio(second, {AudioFormat::kAac, 0, 0}), "Content-Length");
    upload("second", encode_audio(second, {AudioFormat::kMp3, 0, 0}), "Transfer-Encoding");
  }
  void TearDown() override { server_.reset(); }

  // Sends the form from where it lies, and returns by how much memory grew meanwhile.
  std::optional<int64_t> upload(const std::string& name, const std::string& file,
                                const std::string& framing) {
    const std::string head =
        "--b\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\n" + name +
        "\r\n--b\r\nContent-Disposition: form-data; name=\"audio_sample\"; filename=\"a\"\r\n\r\n";
    const std::string end = "\r\n--b--\r\n";
    const size_t size = head.size() + file.size() + end.size();
    const bool chunked = framing == "Transfer-Encoding";
    const PeakMemory memory;
    RawClient client(server_->port());
    client.send("POST /v1/audio/voices HTTP/1.1\r\nHost: localhost\r\n" + framing + ": " +
                (chunked ? "chunked" : std::to_string(size)) +
                "\r\nContent-Type: multipart/form-data; boundary=b\r\n\r\n");
    const auto send = [&](std::string_view bytes) {
      for (; !bytes.empty(); bytes.remove_prefix(std::min<size_t>(bytes.size(), 64 << 10))) {
        const std::string_view piece = bytes.substr(0, 64 << 10);
        char count[24];
        std::snprintf(count, sizeof count, "%zx\r\n", piece.size());
        if (chunked) client.send(count);
        ASSERT_TRUE(client.send(piece));
        if (chunked) client.send("\r\n");
      }
    };
    send(head);
    send(file);
    send(end);
    if (chunked) client.send("0\r\n\r\n");
    const Answer answer = client.read_answer();
    EXPECT_EQ(answer.status, 200) << answer.body;
    return memory.grown();
  }

  void expect_held(const std::string& file, const std::string& framing, int64_t most) {
    const auto grown = upload("voice", file, framing);
    if (!grown) GTEST_SKIP() << kNoPeakMemory;
    RecordProperty("grown_bytes", std::to_string(*grown));
    EXPECT_LE(*grown, most);
    EXPECT_GE(*grown, static_cast<int64_t>(kFileBytes / 10 * 9)) << "it counts what is held";
  }

  VoiceDirectory directory_{dir_.path().string(), real_clock(), (dir_ / "uploads").string()};
  VoiceLibrary voice_library_{directory_};
  LiveSpeech live_{{.speak = std::ref(fake_), .voices = voice_library_, .logger = logger_}};
  VoiceUploads uploads_{directory_, {}};
};

// Each is a test of its own: the body of one before would be held until its connection has ended.
TEST_F(UploadMemory, OfAWavIsThatOfTheFile) { expect_held(wav(), "Content-Length", kMostBytes); }

TEST_F(UploadMemory, OfAChunkedBodyIsThatOfTheFile) {
  expect_held(wav(), "Transfer-Encoding", kMostBytes);
}

// Eleven minutes, of which five are decoded: 50 MiB of samples.
TEST_F(UploadMemory, OfAnMp3IsThatOfTheFile) {
  expect_held(streamed(AudioFormat::kMp3), "Content-Length", kMostBytes);
}

// The encoder of FLAC takes 7 MB, and has them when the body is held no longer.
TEST_F(UploadMemory, OfWhatIsStoredAsFlacIsThatOfTheFile) {
  expect_held(streamed(AudioFormat::kAac), "Content-Length", kMostBytes);
}

TEST_F(UploadMemory, OfAChunkedBodyStoredAsFlacIsThatOfTheFile) {
  expect_held(streamed(AudioFormat::kAac), "Transfer-Encoding", kMostBytes);
}

}  // namespace
}  // namespace echo::server
