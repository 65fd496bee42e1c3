// Voices over HTTP: uploaded, listed, looked at, heard, deleted, and who may.
#include <gmock/gmock.h>

#include "http/multipart.h"
#include "server/openai_fixture.h"
#include "speech/voice_uploads.h"
#include "support/sounds/sounds.h"

namespace echo::server {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

using Field = std::pair<std::string, std::string>;

class VoiceRoutes : public OpenAiApi {
 protected:
  void serve_uploads(ServerOptions options = {}, VoiceUploadOptions limits = {}) {
    options.openai.voice_uploads = true;
    options.openai.voice_bytes = limits.max_bytes;
    uploads_ = std::make_unique<VoiceUploads>(directory_, limits);
    serve(std::move(options), /*ready=*/false);
    server_->api().set_speech(live_, uploads_.get());
  }

  static std::string form(const std::vector<Field>& fields) {
    std::string body;
    for (const auto& [name, content] : fields) {
      const std::string file =
          name == "audio_sample" ? "; filename=\"a.bin\"\r\nContent-Type: text/plain" : "";
      body += "--b\r\nContent-Disposition: form-data; name=\"" + name + "\"" + file + "\r\n\r\n" +
              content + "\r\n";
    }
    return body + "--b--\r\n";
  }
  Answer upload(const std::vector<Field>& fields, HttpHeaders headers = {}) const {
    headers.push_back({"Content-Type", "multipart/form-data; boundary=b"});
    return server_->request("POST", "/v1/audio/voices", form(fields), std::move(headers));
  }
  static std::string wav() {
    return encode_audio(FakeSpeech::tone(2 * kModelRate), {AudioFormat::kWav, 0, 0});
  }
  static void expect_error(const Answer& answer, int status, const Json& code, const Json& param) {
    EXPECT_EQ(answer.status, status) << answer.body;
    const Json json = answer.json();
    ASSERT_TRUE(json.is_object() && json.contains("error")) << answer.body;
    EXPECT_EQ(json["error"].size(), 4U);
    EXPECT_EQ(json["error"]["code"], code) << answer.body;
    EXPECT_EQ(json["error"]["param"], param) << answer.body;
  }

  VoiceDirectory directory_{dir_.path().string(), real_clock(), (dir_ / "uploads").string()};
  VoiceLibrary voice_library_{directory_};
  LiveSpeech live_{{.speak = std::ref(fake_), .voices = voice_library_, .logger = logger_}};
  std::unique_ptr<VoiceUploads> uploads_;

  void TearDown() override { server_.reset(); }
};

TEST_F(VoiceRoutes, AVoiceIsUploadedUsedHeardAndDeleted) {
  serve_uploads();
  const std::string sound = wav();
  const Answer made = upload({{"name", "Zoe\xCC\x88 1"},
                              {"audio_sample", sound},
                              {"consent", "cons_1"},
                              {"text", "Hello there."}});
  ASSERT_EQ(made.status, 200) << made.body;
  EXPECT_THAT(made.header("x-request-id"), StartsWith("req_"));
  const Json voice = made.json();
  EXPECT_EQ(voice.size(), 4U) << voice;
  EXPECT_EQ(voice["object"], "audio.voice");
  EXPECT_EQ(voice["id"], "Zo\xC3\xAB 1");
  EXPECT_EQ(voice["name"], "Zo\xC3\xAB 1");
  EXPECT_GT(voice["created_at"].get<int64_t>(), 1'000'000'000);

  EXPECT_THAT(server_->get("/openai/v1/audio/voices").body, HasSubstr("Zo\xC3\xAB 1"));
  const Json details = server_->get("/v1/audio/voices/Zo%C3%AB%201").json();
  EXPECT_EQ(details["bytes"], sound.size());
  EXPECT_EQ(details["deletable"], true);
  EXPECT_DOUBLE_EQ(details["seconds"].get<double>(), 2);
  EXPECT_EQ(details["text"], "Hello there.");

  EXPECT_EQ(speak({{"voice", "Zo\xC3\xAB 1"}}).status, 200);

  const Answer heard = server_->get("/v1/audio/voices/Zo%C3%AB%201/audio");
  EXPECT_EQ(heard.status, 200);
  EXPECT_EQ(heard.body, sound);
  EXPECT_EQ(heard.header("Content-Type"), "audio/wav");
  const Answer part =
      server_->get("/v1/audio/voices/Zo%C3%AB%201/audio", {{"Range", "bytes=0-43"}});
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.body, sound.substr(0, 44));
  const Answer outside =
      server_->get("/v1/audio/voices/Zo%C3%AB%201/audio", {{"Range", "bytes=99999999-"}});
  expect_error(outside, 416, nullptr, nullptr);
  EXPECT_EQ(outside.header("Content-Range"), "bytes */" + std::to_string(sound.size()));

  const Answer gone = server_->request("DELETE", "/v1/audio/voices/Zo%C3%AB%201");
  EXPECT_EQ(gone.status, 200);
  EXPECT_EQ(gone.json(),
            Json({{"id", "Zo\xC3\xAB 1"}, {"object", "audio.voice.deleted"}, {"deleted", true}}));
  expect_error(server_->request("DELETE", "/v1/audio/voices/Zo%C3%AB%201"), 404, "voice_not_found",
               "voice");
  expect_error(server_->get("/v1/audio/voices/Zo%C3%AB%201/audio"), 404, "voice_not_found",
               "voice");
  expect_error(speak({{"voice", "Zo\xC3\xAB 1"}}), 404, "voice_not_found", "voice");
}

// As a telephone records it: AAC in a file of the MP4 family.
TEST_F(VoiceRoutes, AnM4aIsAVoice) {
  serve_uploads();
  const std::string m4a =
      mux_sound("ipod", "aac", make_sound(2 * kModelRate, kModelRate), kModelRate);
  const Answer made = upload({{"name", "memo"}, {"audio_sample", m4a}});
  ASSERT_EQ(made.status, 200) << made.body;
  EXPECT_EQ(made.header("X-Echo-Warning"), "");
  const Json details = server_->get("/v1/audio/voices/memo").json();
  EXPECT_EQ(details["bytes"], m4a.size());
  EXPECT_NEAR(details["seconds"].get<double>(), 2, 0.08);
  const Answer heard = server_->get("/v1/audio/voices/memo/audio");
  EXPECT_EQ(heard.header("Content-Type"), "audio/mp4");
  EXPECT_EQ(heard.body, m4a);
  EXPECT_EQ(speak({{"voice", "memo"}}).status, 200);
}

TEST_F(VoiceRoutes, WhatIsWrongIsNamed) {
  serve_uploads({}, {.max_bytes = 1 << 20, .max_voices = 1});
  const std::string sound = wav();
  EXPECT_EQ(upload({{"name", "anna"}, {"audio_sample", sound}}).status, 200);

  const Answer exists = upload({{"name", "ANNA"}, {"audio_sample", sound}});
  expect_error(exists, 409, "voice_exists", "name");
  EXPECT_EQ(exists.header("x-should-retry"), "false") << "the clients repeat a 409";
  EXPECT_EQ(upload({{"name", "Anna"}, {"audio_sample", sound}, {"overwrite", "true"}}).json()["id"],
            "Anna");
  const Answer full = upload({{"name", "ben"}, {"audio_sample", sound}});
  expect_error(full, 507, "storage_full", nullptr);
  EXPECT_EQ(full.header("x-should-retry"), "false");

  expect_error(upload({{"audio_sample", sound}}), 400, "missing_required_parameter", "name");
  expect_error(upload({{"name", "x"}}), 400, "missing_required_parameter", "audio_sample");
  expect_error(upload({{"name", "x"}, {"audio_sample", ""}}), 400, "unusable_audio",
               "audio_sample");
  expect_error(upload({{"name", "x"}, {"audio_sample", "noise"}}), 400, "unusable_audio",
               "audio_sample");
  expect_error(upload({{"name", "x"}, {"name", "y"}, {"audio_sample", sound}}), 400, nullptr,
               "name");
  expect_error(upload({{"name", "x"}, {"audio_sample", sound}, {"overwrite", "maybe"}}), 400,
               nullptr, "overwrite");
  expect_error(upload({{"name", "x"}, {"audio_sample", sound}, {"text", "\xFF"}}), 400, nullptr,
               "text");
  for (const std::string& name : {std::string("../x"), std::string(65, 'n'), std::string(".x"),
                                  std::string("a/b"), std::string("a\nb")}) {
    expect_error(upload({{"name", name}, {"audio_sample", sound}}), 400, nullptr, "name");
  }
  expect_error(upload({{"name", "x"}, {"audio_sample", std::string((1 << 20) + 1, 'x')}}), 413,
               "request_too_large", "audio_sample");

  const auto post = [&](const std::string& type, const std::string& body) {
    return server_->request("POST", "/v1/audio/voices", body, {{"Content-Type", type}});
  };
  expect_error(post("application/json", R"({"type": "prompt", "name": "x", "prompt": "warm"})"),
               400, "unsupported_voice_type", nullptr);
  expect_error(post("audio/wav", sound), 415, "unsupported_media_type", nullptr);
  expect_error(post("multipart/form-data", form({})), 400, nullptr, nullptr);
  expect_error(post("multipart/form-data; boundary=c", form({})), 400, nullptr, nullptr);
  const std::string whole = form({{"name", "x"}, {"audio_sample", sound}});
  expect_error(post("multipart/form-data; boundary=b", whole.substr(0, whole.size() / 2)), 400,
               nullptr, nullptr);
}

TEST_F(VoiceRoutes, ATooLargeRecordingIsRefusedBeforeItIsRead) {
  serve_uploads({}, {.max_bytes = 1 << 20});
  RawClient client(server_->port());
  client.send(
      "POST /v1/audio/voices HTTP/1.1\r\nHost: localhost\r\nContent-Length: 11000000\r\n"
      "Content-Type: multipart/form-data; boundary=b\r\n\r\n");
  expect_error(client.read_answer(), 413, "request_too_large", nullptr);
}

TEST_F(VoiceRoutes, VoicesThatWereNotUploadedStay) {
  add_voice("women/ben.wav");
  serve_uploads();
  const Json details = server_->get("/v1/audio/voices/ben").json();
  EXPECT_EQ(details["deletable"], false);
  EXPECT_DOUBLE_EQ(details["seconds"].get<double>(), 2);
  expect_error(server_->request("DELETE", "/v1/audio/voices/ben"), 403, "voice_read_only", "name");
  expect_error(upload({{"name", "ben"}, {"audio_sample", wav()}, {"overwrite", "1"}}), 403,
               "voice_read_only", "name");
  expect_error(server_->request("DELETE", "/v1/audio/voices/..%2Fben"), 404, "voice_not_found",
               "voice");
  EXPECT_TRUE(std::filesystem::exists(dir_ / "women/ben.wav"));
}

TEST_F(VoiceRoutes, OffIsOff) {
  add_voice("anna.wav");
  serve();
  EXPECT_EQ(server_->get("/v1/audio/voices/anna").json()["deletable"], false);
  RawClient client(server_->port());
  client.send("POST /v1/audio/voices HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000\r\n\r\n");
  expect_error(client.read_answer(), 403, "uploads_disabled", nullptr);
  const Answer answer = server_->request("DELETE", "/v1/audio/voices/anna");
  expect_error(answer, 403, "uploads_disabled", nullptr);
  EXPECT_EQ(answer.json()["error"]["type"], "permission_error");
}

TEST_F(VoiceRoutes, WhileTheModelIsLoadedClientsAreToldToComeAgain) {
  ServerOptions options;
  options.openai.voice_uploads = true;
  serve(options, /*ready=*/false);
  expect_error(upload({{"name", "x"}, {"audio_sample", wav()}}), 503, "loading", nullptr);
  expect_error(server_->request("DELETE", "/v1/audio/voices/x"), 503, "loading", nullptr);
}

// A form is what any page may post anywhere without asking first.
TEST_F(VoiceRoutes, PagesOfOtherSitesAreTurnedAway) {
  serve_uploads();
  const std::vector<Field> voice = {{"name", "x"}, {"audio_sample", wav()}};
  const std::string own = "http://127.0.0.1:" + std::to_string(server_->port());
  for (const HttpHeaders& headers :
       {HttpHeaders{{"Origin", "https://evil.example"}}, HttpHeaders{{"Origin", "null"}},
        HttpHeaders{{"Sec-Fetch-Site", "cross-site"}}, HttpHeaders{{"Sec-Fetch-Site", "same-site"}},
        HttpHeaders{{"Host", "rebound.example"}}}) {
    const Answer refused = upload(voice, headers);
    EXPECT_EQ(refused.status, 403);
    EXPECT_EQ(refused.json()["error"]["type"], "permission_error");
    EXPECT_EQ(server_->request("DELETE", "/v1/audio/voices/x", "", headers).status, 403);
  }
  EXPECT_TRUE(VoiceCatalog(directory_).list().empty());
  EXPECT_EQ(upload(voice, {{"Origin", own}, {"Sec-Fetch-Site", "same-origin"}}).status, 200);
}

TEST_F(VoiceRoutes, WithKeysAKeyIsNeeded) {
  ServerOptions options;
  options.api_keys = {"key"};
  options.openai.public_lists = true;
  serve_uploads(std::move(options));
  const std::vector<Field> voice = {{"name", "x"}, {"audio_sample", wav()}};
  expect_error(upload(voice), 401, "invalid_api_key", nullptr);
  EXPECT_EQ(upload(voice, {{"Authorization", "Bearer key"}}).status, 200);
  EXPECT_EQ(server_->get("/v1/audio/voices").status, 200);
  expect_error(server_->get("/v1/audio/voices/x/audio"), 401, "invalid_api_key", nullptr);
  expect_error(server_->request("DELETE", "/v1/audio/voices/x"), 401, "invalid_api_key", nullptr);
}

}  // namespace
}  // namespace echo::server
