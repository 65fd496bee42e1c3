#include "speech/speech_service.h"

#include <atomic>
#include <sstream>
#include <thread>

#include "audio/decode.h"
#include "audio/encode.h"
#include "speech/job_report.h"
#include "speech/service_fixture.h"
#include "speech/speech_metadata.h"

namespace echo {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

using SpeechServiceTest = ServiceFixture;

TEST_F(SpeechServiceTest, AJobBecomesAnObjectAndALink) {
  const Json result = run({{"input", {{"text", "Hello, world."}, {"session_id", "abc"}}}});
  EXPECT_FALSE(result_.failed());
  EXPECT_EQ(result["status"], "completed");
  EXPECT_EQ(result["filename"], "abc.ogg");
  EXPECT_EQ(result["s3_key"], "results/abc.ogg");
  EXPECT_EQ(result["url"], store_.link("abc.ogg"));
  EXPECT_EQ(result.size(), 5u);

  const FakeStore::Object object = store_.objects().at("results/abc.ogg");
  EXPECT_EQ(object.content_type, "audio/ogg; codecs=opus");
  const DecodedAudio audio = decode_audio_bytes(object.data, "abc.ogg");
  EXPECT_EQ(audio.codec, "opus");
  EXPECT_EQ(audio.sample_rate, 48000);
  EXPECT_NEAR(static_cast<double>(audio.samples.size()) / 48000, 13.0 / 12, 0.021);
  EXPECT_THAT(file_names(output()), IsEmpty());
}

TEST_F(SpeechServiceTest, MetadataTellsEverything) {
  speech_.warnings = {"the engine has something to say"};
  const Json metadata = run(
      {{"input",
        {{"text", "Hello, world."}, {"parameters", {{"seed", 77}, {"volume", 11}}}}}})["metadata"];
  EXPECT_EQ(metadata["sample_rate"], 48000);
  EXPECT_EQ(metadata["codec"], "opus");
  EXPECT_EQ(metadata["bitrate"], 128000);
  EXPECT_NEAR(metadata["duration"].get<double>(), 13.0 / 12, 1e-3);
  EXPECT_EQ(metadata["seed"], 77);
  EXPECT_EQ(metadata["device"], "cpu");
  EXPECT_EQ(metadata["model"], "tiny@1");
  EXPECT_EQ(metadata["voice_cache"], nullptr);
  EXPECT_EQ(metadata["chunks"].size(), 1u);
  const Json& chunk = metadata["chunks"][0];
  EXPECT_EQ(chunk["index"], 0);
  EXPECT_EQ(chunk["text"], "Hello, world.");
  EXPECT_EQ(chunk["text_chars"], 13);
  EXPECT_EQ(metadata["chunks"][0]["seed"], 77);
  EXPECT_NEAR(metadata["chunks"][0]["duration"].get<double>(), 13.0 / 12, 1e-3);
  EXPECT_THAT(
      metadata["warnings"].get<std::vector<std::string>>(),
      ElementsAre("\"volume\": unknown parameter, ignored", "the engine has something to say"));
  std::vector<std::string> stages;
  for (const auto& item : metadata["timings"].items()) stages.push_back(item.key());
  EXPECT_THAT(stages, ElementsAre("decode", "diffusion", "encode", "queue", "text", "total",
                                  "upload", "voice"));
  EXPECT_EQ(metadata["timings"]["diffusion"], 0.4);
}

TEST(SpeechMetadata, TellsTheTakesOfEveryChunk) {
  SpeechSummary speech;
  speech.sample_count = kModelRate;
  speech.chunks.resize(2);
  speech.chunks[0].attempts = 3;
  speech.chunks[0].retake_reasons = {"no_end", "empty"};
  speech.chunks[0].reasons = {"short"};
  speech.chunks[0].joined = "fallback";
  speech.chunks[1].attempts = 1;
  speech.chunks[1].joined = "continued";
  speech.chunks[1].prefix_frames = 280;
  JobReport report;
  fill_report({.speech = speech}, report);
  EXPECT_THAT(report.rerolls, ElementsAre("no_end", "empty"));
  EXPECT_EQ(report.kept_chunks, 1u);
  const Json metadata = speech_metadata({}, speech, report, {});
  EXPECT_EQ(metadata["rerolls"], 2);
  const Json& first = metadata["chunks"][0];
  EXPECT_EQ(first["attempts"], 3);
  EXPECT_EQ(first["retakes"], Json::array({"no_end", "empty"}));
  EXPECT_EQ(first["faults"], Json::array({"short"}));
  EXPECT_EQ(first["joined"], "fallback");
  const Json& second = metadata["chunks"][1];
  EXPECT_EQ(second["attempts"], 1);
  EXPECT_EQ(second["retakes"], Json::array());
  EXPECT_EQ(second["joined"], "continued");
  EXPECT_EQ(second["prefix_frames"], 280);
}

TEST_F(SpeechServiceTest, TimingsCountTheWaitBeforeAndTheWorkAfter) {
  SpeechContext context;
  context.queue_seconds = 2;
  speech_.at_end = [&](std::vector<float>&) { clock_.advance(3s); };
  const Json timings = run({{"input", {{"text", "Hi there."}}}}, context)["metadata"]["timings"];
  EXPECT_EQ(timings["queue"], 2.1);
  EXPECT_EQ(timings["total"], 5.0);
  ASSERT_EQ(reports_.size(), 1u);
  EXPECT_EQ(reports_[0].kind, "");
  EXPECT_EQ(reports_[0].total_seconds, 5.0);
}

TEST_F(SpeechServiceTest, EveryFormatDecodesToTheStatedDuration) {
  struct Case {
    const char *format, *type, *codec;
    int rate;
  };
  for (const Case& c :
       {Case{"ogg", "audio/ogg; codecs=opus", "opus", 24000},
        Case{"wav", "audio/wav", "pcm_s16le", 44100}, Case{"flac", "audio/flac", "flac", 48000},
        Case{"mp3", "audio/mpeg", "mp3", 44100}}) {
    SCOPED_TRACE(c.format);
    const Json result =
        run({{"input",
              {{"text", "Hello, world."},
               {"session_id", "id"},
               {"parameters", {{"output_format", c.format}, {"sample_rate", c.rate}}}}}});
    const std::string name = std::string("id.") + c.format;
    EXPECT_EQ(result["filename"], name);
    const FakeStore::Object object = store_.objects().at("results/" + name);
    EXPECT_EQ(object.content_type, c.type);
    const Json metadata = result["metadata"];
    EXPECT_EQ(metadata["codec"], c.codec);
    EXPECT_EQ(metadata["sample_rate"], c.rate);
    EXPECT_GT(metadata["bitrate"], 1000);
    const DecodedAudio audio = decode_audio_bytes(object.data, name);
    EXPECT_NEAR(static_cast<double>(audio.samples.size()) / audio.sample_rate,
                metadata["duration"].get<double>(), 0.06);
  }
}

TEST_F(SpeechServiceTest, TheSameSessionOverwritesTheSameObject) {
  run({{"input", {{"text", "One."}, {"session_id", "a"}}}});
  const std::string one = store_.objects().at("results/a.ogg").data;
  run({{"input", {{"text", "Two, and longer."}, {"session_id", "a"}}}});
  EXPECT_EQ(store_.objects().size(), 1u);
  EXPECT_NE(store_.objects().at("results/a.ogg").data, one);
}

TEST_F(SpeechServiceTest, AVoiceIsReadOnceAndFoundAfterwards) {
  const std::string sound = encode_audio(FakeSpeech::tone(44100), {.format = AudioFormat::kWav});
  write_file(root_ / "voices" / "women" / "anna.wav", sound);
  const Json job = {{"input", {{"text", "Hello."}, {"speaker_voice", "women/anna.wav"}}}};
  EXPECT_EQ(run(job)["metadata"]["voice_cache"], "miss");
  EXPECT_EQ(run(job)["metadata"]["voice_cache"], "hit");
  // Another recording under the same name is another voice.
  write_file(root_ / "voices" / "women" / "new.wav",
             encode_audio(FakeSpeech::tone(50000), {.format = AudioFormat::kWav}));
  fs::rename(root_ / "voices" / "women" / "new.wav", root_ / "voices" / "women" / "anna.wav");
  EXPECT_EQ(run(job)["metadata"]["voice_cache"], "miss");
}

TEST_F(SpeechServiceTest, WarningsAboutAVoiceStayWithIt) {
  std::string sound = encode_audio(FakeSpeech::tone(88200), {.format = AudioFormat::kWav});
  sound.resize(sound.size() / 2);
  write_file(root_ / "voices" / "cut.wav", sound);
  const Json job = {{"input", {{"text", "Hello."}, {"speaker_voice", "cut.wav"}}}};
  for (const char* use : {"miss", "hit"}) {
    const Json metadata = run(job)["metadata"];
    EXPECT_EQ(metadata["voice_cache"], use);
    EXPECT_THAT(metadata["warnings"].get<std::vector<std::string>>(),
                Contains(AllOf(StartsWith("voice \"cut.wav\": "), HasSubstr("cut"))));
  }
}

TEST_F(SpeechServiceTest, ProgressIsToldAtMostOnceASecond) {
  std::vector<std::string> told;
  SpeechContext context;
  context.progress = [&](const Json& update) { told.push_back(update.get<std::string>()); };
  speech_.at_step = [&](const SpeechProgress&, std::stop_token) { clock_.advance(300ms); };
  std::string text;
  for (int i = 0; i < 12; ++i) text += "This is one sentence. ";
  const Json result = run(
      {{"input", {{"text", text}, {"parameters", {{"num_steps", 3}, {"output_format", "wav"}}}}}},
      context);
  const std::string chunks = std::to_string(result["metadata"]["chunks"].size());
  // 300 ms a step: every fourth step is told.
  ASSERT_GE(told.size(), 3u);
  EXPECT_EQ(told[0], "chunk 1/" + chunks + ", step 1/3");
  EXPECT_EQ(told[1], "chunk 2/" + chunks + ", step 2/3");
  EXPECT_EQ(told[2], "chunk 3/" + chunks + ", step 3/3");
}

TEST_F(SpeechServiceTest, AJobsOwnBucketWins) {
  const Json config = {{"accessId", "AKIDCANARY"}, {"accessSecret", "canary-secret"}};
  const Json result =
      run({{"input", {{"text", "Hello."}, {"session_id", "a"}}}, {"s3Config", config}});
  EXPECT_EQ(result["s3_key"], "theirs/a.ogg");
  EXPECT_EQ(seen_config_, config);
  EXPECT_THAT(store_.objects(), IsEmpty());
  // null is as good as absent.
  EXPECT_EQ(
      run({{"input", {{"text", "Hello."}, {"session_id", "a"}}}, {"s3Config", nullptr}})["s3_key"],
      "results/a.ogg");
}

TEST_F(SpeechServiceTest, JobsRunSideBySide) {
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  options_.finished = {};
  SpeechService& shared = service();
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 5; ++i) {
        const std::string id = std::to_string(t) + "-" + std::to_string(i);
        const Json result =
            document_of(shared.run({{"input", {{"text", "Hello."}, {"session_id", id}}}}, {}));
        good += result.value("s3_key", "") == "results/" + id + ".ogg";
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 20);
  EXPECT_EQ(store_.objects().size(), 20u);
}

// The reports in a log: the lines' messages that are JSON.
std::vector<Json> reports_in(const std::string& log) {
  std::vector<Json> reports;
  std::istringstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    const size_t begin = line.find('{');
    if (begin != line.npos) reports.push_back(Json::parse(line.substr(begin)));
  }
  return reports;
}

TEST_F(SpeechServiceTest, OneLineTellsTheOperatorOfEachJob) {
  write_file(root_ / "voices" / "anna.wav",
             encode_audio(FakeSpeech::tone(4 * kModelRate), {.format = AudioFormat::kWav}));
  speech_.warnings = {"chunk 1: speech did not end"};
  SpeechContext context;
  context.scope.job_id = "job-7";
  context.queue_seconds = 2;
  const std::string text = "Words of the user that nobody else should read.";
  run({{"input",
        {{"text", text},
         {"session_id", "s-1"},
         {"speaker_voice", "anna.wav"},
         {"parameters", {{"seed", 5}, {"secret name", 1}, {"output_format", "wav"}}}}}},
      context);
  const std::vector<Json> reports = reports_in(log_->text());
  ASSERT_EQ(reports.size(), 1u) << log_->text();
  const Json& report = reports[0];
  EXPECT_THAT(log_->text(), HasSubstr("job-7 | {\"event\":\"job\",\"id\":\"job-7\""));
  EXPECT_EQ(report["session_id"], "s-1");
  EXPECT_EQ(report["status"], "completed");
  EXPECT_EQ(report["text_chars"], text.size());
  EXPECT_EQ(report["chunks"], 1);
  EXPECT_EQ(report["seed"], 5);
  EXPECT_EQ(report["format"], "wav");
  EXPECT_EQ(report["bytes"], store_.objects().at("results/s-1.wav").data.size());
  EXPECT_NEAR(report["audio_seconds"].get<double>(), static_cast<double>(text.size()) / 12, 0.01);
  EXPECT_EQ(report["voice_cache"], "miss");
  EXPECT_EQ(report["input_warnings"], 1) << "the parameter without meaning";
  EXPECT_EQ(report["warnings"], Json({"chunk 1: speech did not end"}));
  const Json timings = document_["metadata"]["timings"];
  for (const auto& item : timings.items()) EXPECT_EQ(report["timings"][item.key()], item.value());
  EXPECT_GE(report["timings"]["first_audio"], 2.0) << "the wait counts";
  for (const char* canary : {"Words of the user", "secret name", "anna"}) {
    EXPECT_THAT(log_->text(), Not(HasSubstr(canary)));
  }
}

TEST_F(SpeechServiceTest, FailedJobsHaveTheirLineToo) {
  run({{"input", {{"text", "Hi."}, {"speaker_voice", "absent.wav"}, {"session_id", "a"}}}});
  run({{"input", {{"text", 5}}}});
  store_.fail_always("storage: status 503");
  run({{"input", {{"text", "Hello."}, {"session_id", "b"}}}});
  run({{"input", {{"action", "health_check"}}}});
  const std::vector<Json> reports = reports_in(log_->text());
  ASSERT_EQ(reports.size(), 3u) << "a health check is no job\n" << log_->text();
  EXPECT_EQ(reports[0]["status"], "voice_not_found");
  EXPECT_EQ(reports[0]["session_id"], "a");
  EXPECT_EQ(reports[0]["text_chars"], 3);
  EXPECT_EQ(reports[1]["status"], "invalid_input");
  EXPECT_EQ(reports[1]["session_id"], "");
  EXPECT_EQ(reports[2]["status"], "storage_unavailable");
  EXPECT_GT(reports[2]["bytes"], 100) << "it was spoken";
}

TEST_F(SpeechServiceTest, ManyWarningsStayOneWholeLine) {
  speech_.warnings.clear();
  for (int i = 0; i < 40; ++i) {
    speech_.warnings.push_back("chunk " + std::to_string(i) + ": " + std::string(400, 'w'));
  }
  say("Hello.");
  const std::vector<Json> reports = reports_in(log_->text());
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports[0]["warnings"].size(), 5u);
  EXPECT_EQ(document_["metadata"]["warnings"].size(), 40u) << "the client sees all";
}

TEST_F(SpeechServiceTest, KeptFilesAreCleanedNowAndThen) {
  service();
  output_.save("old.ogg", "x");
  clock_.advance(22h + 50min);  // and an hour that the clock is ahead
  say("Hello.");
  clock_.advance(15min);
  say("Hello.");
  EXPECT_THAT(file_names(output()), IsEmpty());

  output_.save("older.ogg", "x");
  clock_.advance(1min);
  say("Hello.");
  EXPECT_THAT(file_names(output()), ElementsAre("older.ogg")) << "not at every job";
  clock_.advance(10min);
  say("Hello.");
  EXPECT_THAT(file_names(output()), IsEmpty());
}

}  // namespace
}  // namespace echo
