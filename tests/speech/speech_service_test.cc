#include "speech/speech_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <new>
#include <stdexcept>
#include <thread>

#include "audio/decode.h"
#include "audio/encode.h"
#include "support/fake_clock.h"
#include "support/fake_speech.h"
#include "support/temp_dir.h"

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

void write(const fs::path& path, const std::string& bytes) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

std::vector<std::string> names(const fs::path& folder) {
  std::vector<std::string> found;
  if (!fs::exists(folder)) return found;
  for (const auto& item : fs::directory_iterator(folder)) found.push_back(item.path().filename());
  return found;
}

// A service around a fake engine and a fake store, on real directories.
class SpeechServiceTest : public testing::Test {
 protected:
  SpeechServiceTest() {
    fs::create_directories(root_ / "voices");
    options_.model = "tiny@1";
    options_.device = "cpu";
    options_.storage_patience = 50ms;
    options_.finished = [this](const JobReport& report) { reports_.push_back(report); };
    job_stores_ = [this](const Json& config) -> std::unique_ptr<ObjectStore> {
      seen_config_ = config;
      if (!config.is_object()) throw_invalid("s3Config must be an object");
      auto store = std::make_unique<FakeStore>("theirs/");
      job_store_ = store.get();
      if (!job_store_failure_.empty()) store->fail_always(job_store_failure_);
      return store;
    };
  }

  SpeechService& service() {
    if (!service_) {
      service_.emplace(options_, SpeechServiceParts{std::ref(speech_), voices_, store_pointer_,
                                                    job_stores_, output_, logger_, clock_});
    }
    return *service_;
  }

  Json run(const Json& job, SpeechContext context = {}) {
    result_ = service().run(job, context);
    return result_.value;
  }
  Json say(const std::string& text) { return run({{"input", {{"text", text}}}}); }
  std::string error(const Json& job, SpeechContext context = {}) {
    const Json value = run(job, std::move(context));
    EXPECT_TRUE(value.contains("error")) << value.dump();
    return value.value("error", "");
  }
  fs::path output(const std::string& name = "") const {
    return name.empty() ? root_ / "output" : root_ / "output" / name;
  }

  TempDir root_;
  FakeClock clock_{std::chrono::system_clock::now() + 1h};
  FakeSpeech speech_;
  FakeStore store_{"results/"};
  ObjectStore* store_pointer_ = &store_;
  FakeStore* job_store_ = nullptr;  // gone when the job is over
  std::string job_store_failure_;
  Json seen_config_;
  JobStoreFactory job_stores_;
  VoiceDirectory voice_directory_{(root_ / "voices").string(), clock_};
  VoiceLibrary voices_{voice_directory_, clock_};
  OutputDirectory output_{{.path = (root_ / "output").string()}, clock_};
  std::shared_ptr<MemoryLog> log_ = std::make_shared<MemoryLog>();
  Logger logger_{{.level = LogLevel::kTrace}, log_};
  SpeechServiceOptions options_;
  std::vector<JobReport> reports_;
  JobResult result_;
  std::optional<SpeechService> service_;
};

TEST_F(SpeechServiceTest, AJobBecomesAnObjectAndALink) {
  const Json result = run({{"input", {{"text", "Hello, world."}, {"session_id", "abc"}}}});
  EXPECT_FALSE(result_.failed());
  EXPECT_FALSE(result_.fatal);
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
  EXPECT_THAT(names(output()), IsEmpty());
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
  EXPECT_EQ(metadata["chunks"][0]["text_chars"], 13);
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
  write(root_ / "voices" / "women" / "anna.wav", sound);
  const Json job = {{"input", {{"text", "Hello."}, {"speaker_voice", "women/anna.wav"}}}};
  EXPECT_EQ(run(job)["metadata"]["voice_cache"], "miss");
  EXPECT_EQ(run(job)["metadata"]["voice_cache"], "hit");
  // Another recording under the same name is another voice.
  write(root_ / "voices" / "women" / "new.wav",
        encode_audio(FakeSpeech::tone(50000), {.format = AudioFormat::kWav}));
  fs::rename(root_ / "voices" / "women" / "new.wav", root_ / "voices" / "women" / "anna.wav");
  EXPECT_EQ(run(job)["metadata"]["voice_cache"], "miss");
}

TEST_F(SpeechServiceTest, WarningsAboutAVoiceStayWithIt) {
  std::string sound = encode_audio(FakeSpeech::tone(88200), {.format = AudioFormat::kWav});
  sound.resize(sound.size() / 2);
  write(root_ / "voices" / "cut.wav", sound);
  const Json job = {{"input", {{"text", "Hello."}, {"speaker_voice", "cut.wav"}}}};
  for (const char* use : {"miss", "hit"}) {
    const Json metadata = run(job)["metadata"];
    EXPECT_EQ(metadata["voice_cache"], use);
    EXPECT_THAT(metadata["warnings"].get<std::vector<std::string>>(),
                Contains(AllOf(StartsWith("voice \"cut.wav\": "), HasSubstr("cut"))));
  }
}

TEST_F(SpeechServiceTest, FailuresBeginWithTheirKind) {
  write(root_ / "voices" / "noise.wav", "this is no sound at all");
  write(root_ / "voices" / "empty.wav", "");
  fs::create_symlink("/etc", root_ / "voices" / "etc");
  struct Case {
    Json job;
    const char* begin;
  };
  const Json text = {{"text", "Hello."}};
  const auto with_voice = [&](const char* voice) {
    return Json{{"input", {{"text", "Hello."}, {"speaker_voice", voice}}}};
  };
  const Case table[] = {
      {nullptr, "invalid_input: input: found null"},
      {"a text", "invalid_input: input: "},
      {Json::object(), "invalid_input: input: "},
      {{{"input", nullptr}}, "invalid_input: input: found null"},
      {{{"input", {{"text", ""}}}}, "invalid_input: text: "},
      {{{"input", {{"text", "Hi."}, {"parameters", {{"num_steps", 0}}}}}},
       "invalid_input: num_steps: found 0"},
      {with_voice("../anna.wav"), "invalid_input: voice "},
      {with_voice("etc/a.wav"), "voice_not_found: voice "},
      {with_voice("anna.wav"), "voice_not_found: voice \"anna.wav\""},
      {with_voice("noise.wav"), "voice_unusable: voice \"noise.wav\""},
      {with_voice("empty.wav"), "voice_unusable: voice \"empty.wav\""},
      {{{"input", text}, {"s3Config", "bucket"}}, "invalid_input: s3Config"},
  };
  for (const Case& c : table) {
    SCOPED_TRACE(c.job.dump());
    EXPECT_THAT(error(c.job), StartsWith(c.begin));
    EXPECT_EQ(result_.value.size(), 1u);
    EXPECT_FALSE(result_.fatal);
  }
  EXPECT_EQ(reports_.size(), std::size(table));
  EXPECT_THAT(store_.objects(), IsEmpty());
}

TEST_F(SpeechServiceTest, BadJobsNeverReachTheEngine) {
  error({{"input", {{"text", "Hi."}, {"parameters", {{"bitrate", 1}}}}}});
  error({{"input", {{"text", "Hi."}, {"session_id", "a b"}}}});
  error({{"input", {{"text", "Hi."}, {"speaker_voice", "absent.wav"}}}});
  error({{"input", {{"text", "Hi."}}}, {"s3Config", 5}});
  EXPECT_EQ(speech_.calls(), 0);
}

TEST_F(SpeechServiceTest, WhatTheEngineThrows) {
  struct Case {
    std::function<void()> thrown;
    const char* message;
    bool fatal;
  };
  const Case table[] = {
      {[] { throw_invalid("voice: too short"); }, "invalid_input: voice: too short", false},
      {[] { throw_unavailable("the queue is full"); }, "unavailable: the queue is full", false},
      {[] { throw_internal("device lost"); }, "internal: device lost", true},
      {[] { throw_corrupt("/models/a.safetensors: bad"); }, "internal: a.safetensors: bad", false},
      {[] { throw Error(ErrorCode::kCancelled, "it was cancelled"); },
       "cancelled: it was cancelled", false},
      {[] { throw std::bad_alloc(); }, "internal: out of memory", true},
      {[] { throw std::runtime_error("/root/secret"); }, "internal: unexpected std::runtime_error",
       true},
      {[] { throw 5; }, "internal: unexpected exception", true},
  };
  for (const Case& c : table) {
    speech_.at_step = [&](const SpeechProgress&, std::stop_token) { c.thrown(); };
    EXPECT_EQ(say("Hello."), (Json{{"error", c.message}}));
    EXPECT_EQ(result_.fatal, c.fatal) << c.message;
  }
}

TEST_F(SpeechServiceTest, BrokenAudioIsNeverASuccess) {
  speech_.at_end = [](std::vector<float>& samples) { samples.clear(); };
  EXPECT_EQ(say("Hello.")["error"], "internal: the audio has no samples");
  speech_.at_end = [](std::vector<float>& samples) { samples[100] = std::nanf(""); };
  EXPECT_EQ(say("Hello.")["error"],
            "internal: sample 100 of 22050 of the audio is not a finite number");
  speech_.at_end = [](std::vector<float>& samples) {
    samples.back() = std::numeric_limits<float>::infinity();
  };
  EXPECT_THAT(say("Hello.")["error"], StartsWith("internal: sample 22049"));
  EXPECT_FALSE(result_.fatal) << "one bad result is no broken device";
  EXPECT_THAT(store_.objects(), IsEmpty());
}

TEST_F(SpeechServiceTest, DubiousAudioIsAWarning) {
  const auto warnings = [&] {
    return say("Hello, world.")["metadata"]["warnings"].get<std::vector<std::string>>();
  };
  EXPECT_THAT(warnings(), IsEmpty());
  speech_.at_end = [](std::vector<float>& samples) {
    for (float& sample : samples) sample *= 1e-4F;
  };
  EXPECT_THAT(warnings(), ElementsAre("the audio is nearly silent"));
  speech_.at_end = [](std::vector<float>& samples) { samples.resize(2000); };
  EXPECT_THAT(warnings(), ElementsAre("the audio is only 0.05 s long for a text of 13 characters"));
  speech_.at_end = [](std::vector<float>& samples) {
    for (float& sample : samples) sample *= 2.5F;
  };
  EXPECT_THAT(warnings(), ElementsAre(HasSubstr("clipped")));
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

TEST_F(SpeechServiceTest, WithoutAnyStorageNothingIsSpoken) {
  store_pointer_ = nullptr;
  EXPECT_EQ(say("Hello.")["error"], "storage_unavailable: no storage is configured");
  EXPECT_EQ(speech_.calls(), 0);
  EXPECT_EQ(run({{"input", {{"text", "Hello."}}}, {"s3Config", Json::object()}})["status"],
            "completed");
}

TEST_F(SpeechServiceTest, WhenStorageFailsForGoodTheAudioIsKept) {
  store_.fail_always("storage: PUT a.ogg in bucket fake: status 503, after 6 attempts");
  const Json job = {{"input", {{"text", "Hello."}, {"session_id", "a"}}}};
  EXPECT_EQ(error(job),
            "storage_unavailable: storage: PUT a.ogg in bucket fake: status 503, after 6 attempts; "
            "the audio is kept as \"a.ogg\" in the worker's output directory");
  EXPECT_FALSE(result_.fatal);
  EXPECT_THAT(names(output()), ElementsAre("a.ogg"));
  std::ifstream file(output("a.ogg"), std::ios::binary);
  const std::string kept{std::istreambuf_iterator<char>(file), {}};
  store_.recover();
  run(job);
  EXPECT_EQ(kept, store_.objects().at("results/a.ogg").data);
}

TEST_F(SpeechServiceTest, ALongReasonDoesNotHideTheName) {
  store_.fail_always(std::string(5000, 'x'));
  EXPECT_THAT(error({{"input", {{"text", "Hello."}, {"session_id", std::string(128, 'n')}}}}),
              HasSubstr(std::string(128, 'n') + ".ogg\" in the worker's output directory"));
}

TEST_F(SpeechServiceTest, EveryFinalAnswerOfAStoreCounts) {
  for (const ErrorCode code : {ErrorCode::kUnavailable, ErrorCode::kNotFound,
                               ErrorCode::kInvalidArgument, ErrorCode::kInternal}) {
    store_.fail_always("storage: no", code);
    EXPECT_THAT(error({{"input", {{"text", "Hello."}}}}), StartsWith("storage_unavailable: "));
    EXPECT_FALSE(result_.fatal);
  }
  EXPECT_EQ(names(output()).size(), 4u);
}

TEST_F(SpeechServiceTest, WhenNothingCanBeKeptTheMessageSaysSo) {
  write(output(), "a file in place of the directory");
  store_.fail_always("storage: status 503");
  const std::string message = error({{"input", {{"text", "Hello."}, {"session_id", "a"}}}});
  EXPECT_THAT(message, StartsWith("storage_unavailable: storage: status 503; the audio is lost: "));
  EXPECT_THAT(message, HasSubstr("Not a directory"));
  EXPECT_THAT(message, Not(HasSubstr(root_.path().string())));
}

TEST_F(SpeechServiceTest, AHangingUploadEndsWhenTheJobIsCancelled) {
  store_.hang();
  std::stop_source stop;
  SpeechContext context;
  context.stop = stop.get_token();
  std::jthread canceller([&] {
    EXPECT_TRUE(store_.wait_until_hanging());
    stop.request_stop();
  });
  EXPECT_EQ(error({{"input", {{"text", "Hello."}}}}, context),
            "cancelled: the upload was cancelled");
  EXPECT_THAT(names(output()), IsEmpty());
}

TEST_F(SpeechServiceTest, AStopRequestEndsTheEngineWithinAStep) {
  std::stop_source stop;
  SpeechContext context;
  context.stop = stop.get_token();
  int steps = 0;
  speech_.at_step = [&](const SpeechProgress& progress, std::stop_token) {
    ++steps;
    if (progress.step == 7) stop.request_stop();
  };
  EXPECT_THAT(error({{"input", {{"text", "Hello."}}}}, context), StartsWith("cancelled: "));
  EXPECT_EQ(steps, 7);
  EXPECT_THAT(store_.objects(), IsEmpty());
  EXPECT_EQ(reports_.back().kind, "cancelled");
}

TEST_F(SpeechServiceTest, TheCancelledQuestionEndsTheEngineToo) {
  int asked = 0;
  SpeechContext context;
  context.cancelled = [&] { return ++asked > 5; };
  int steps = 0;
  speech_.at_step = [&](const SpeechProgress&, std::stop_token) { ++steps; };
  EXPECT_THAT(error({{"input", {{"text", "Hello."}}}}, context), StartsWith("cancelled: "));
  EXPECT_EQ(steps, 6);
}

TEST_F(SpeechServiceTest, AJobCancelledBeforeItStartsDoesNothing) {
  std::stop_source stop;
  stop.request_stop();
  SpeechContext context;
  context.stop = stop.get_token();
  EXPECT_THAT(error({{"input", {{"text", "Hello."}}}}, context), StartsWith("cancelled: "));
  EXPECT_EQ(speech_.calls(), 0);
}

TEST_F(SpeechServiceTest, AnEngineThatFinishesACancelledJobChangesNothing) {
  std::stop_source stop;
  SpeechContext context;
  context.stop = stop.get_token();
  speech_.at_end = [&](std::vector<float>&) { stop.request_stop(); };
  EXPECT_THAT(error({{"input", {{"text", "Hello."}}}}, context), StartsWith("cancelled: "));
  EXPECT_THAT(store_.objects(), IsEmpty());
}

TEST_F(SpeechServiceTest, SamplesAreHandedOnAsTheyCome) {
  size_t samples = 0;
  SpeechContext context;
  context.audio = [&](std::span<const float> piece) { samples += piece.size(); };
  const SpokenJob spoken = service().speak(parse_job_input({{"text", "Hello."}}), context);
  EXPECT_EQ(samples, spoken.speech.samples.size());
  EXPECT_EQ(samples, 22050u);
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
        const JobResult result =
            shared.run({{"input", {{"text", "Hello."}, {"session_id", id}}}}, {});
        good += result.value.value("s3_key", "") == "results/" + id + ".ogg";
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 20);
  EXPECT_EQ(store_.objects().size(), 20u);
}

// Secrets and what the user said, hidden in every place that a peer or a user can put them.
TEST_F(SpeechServiceTest, NoTextAndNoSecretLeaves) {
  const std::string text = "My password is correct horse battery staple, says canary seven.";
  const std::string access = "AKIACANARYCANARY", secret = "canary/secret+with=signs/1234";
  const Json s3_config = {{"accessId", access}, {"accessSecret", secret}};
  const auto job = [&](const Json& extra) {
    Json input = {{"text", text}};
    if (extra.is_object()) input.update(extra);
    return Json{{"input", input}, {"s3Config", s3_config}};
  };
  std::string all;
  const auto keep = [&](const Json& value) { all += value.dump() + '\n'; };

  keep(run(job({})));
  keep(run(job({{"parameters", {{"num_steps", -1}}}})));
  keep(run(
      job({{"parameters", {{"max_chars_per_chunk", 0}}}, {"text", text + std::string(900, 'x')}})));
  keep(run(job({{"text", text + "\a"}})));
  keep(run(job({{"text", text + "\xFF"}})));
  keep(run(job({{"text", Json::array({text})}})));
  keep(run(job({{"speaker_voice", "absent.wav"}})));
  write(root_ / "voices" / "bad.wav", text);
  keep(run(job({{"speaker_voice", "bad.wav"}})));
  for (const ErrorCode code : {ErrorCode::kInternal, ErrorCode::kInvalidArgument,
                               ErrorCode::kUnavailable, ErrorCode::kCorrupt}) {
    speech_.at_step = [&](const SpeechProgress&, std::stop_token) {
      throw Error(code, "chunk \"" + text + "\" in " + root_.path().string() + "/voices/a.wav");
    };
    keep(run(job({})));
  }
  speech_.at_step = [&](const SpeechProgress&, std::stop_token) { throw std::runtime_error(text); };
  keep(run(job({})));
  speech_.at_step = {};
  speech_.warnings = {"a warning with " + text + " and " + secret};
  keep(run(job({})));
  job_store_failure_ = "storage: PUT https://h/b/k?X-Amz-Signature=cafecafecafe: key " + access +
                       " secret " + secret + " file " + output("a.ogg").string();
  keep(run(job({{"session_id", "a"}})));
  keep(run({{"input", {{"action", "health_check"}, {"text", text}}}, {"s3Config", s3_config}}));

  all += log_->text();
  for (const std::string& canary : {std::string("correct horse"), std::string("canary seven"),
                                    access, secret, std::string("cafecafe"), root_.path().string(),
                                    std::string("/voices"), std::string("traceback")}) {
    EXPECT_THAT(all, Not(HasSubstr(canary)));
  }
  EXPECT_THAT(all, HasSubstr("kept as \\\"a.ogg\\\""));
  EXPECT_THAT(log_->text(), HasSubstr("Spoke "));
}

TEST_F(SpeechServiceTest, TheLogSaysWhatBelongsToWhichJob) {
  SpeechContext context;
  context.scope.job_id = "job-7";
  run({{"input", {{"text", "Hello."}}}}, context);
  EXPECT_THAT(log_->text(), AllOf(HasSubstr("job-7"), HasSubstr("Spoke 0.50 s of audio")));
}

TEST_F(SpeechServiceTest, AnObserverThatThrowsDoesNotHarmTheJob) {
  options_.finished = [](const JobReport&) { throw std::runtime_error("no"); };
  EXPECT_EQ(say("Hello.")["status"], "completed");
}

TEST_F(SpeechServiceTest, KeptFilesAreCleanedNowAndThen) {
  service();
  write(output("old.ogg"), "x");
  fs::last_write_time(output("old.ogg"), fs::file_time_type::clock::now() - 25h);
  say("Hello.");
  EXPECT_THAT(names(output()), ElementsAre("old.ogg")) << "not at every job";
  clock_.advance(11min);
  say("Hello.");
  EXPECT_THAT(names(output()), IsEmpty());
}

TEST_F(SpeechServiceTest, DirectoriesMustNotOverlap) {
  const VoiceDirectory inside((root_ / "output" / "voices").string());
  fs::create_directories(inside.path());
  VoiceLibrary library(inside);
  EXPECT_THROW(
      SpeechService(
          options_,
          SpeechServiceParts{std::ref(speech_), library, &store_, {}, output_, logger_, clock_}),
      Error);
}

TEST_F(SpeechServiceTest, HealthCheckLeavesTheEngineAlone) {
  write(root_ / "voices" / "anna.wav", "sound");
  const Json health = run({{"input", {{"action", "health_check"}}}});
  EXPECT_EQ(health["status"], "pass") << health.dump(2);
  std::vector<std::string> checks;
  for (const auto& item : health["checks"].items()) checks.push_back(item.key());
  EXPECT_THAT(checks,
              ElementsAre("configuration", "device", "directories", "model", "storage", "voices"));
  EXPECT_THAT(health["checks"]["voices"]["detail"], HasSubstr("1 voice,"));
  EXPECT_EQ(speech_.calls(), 0);
  EXPECT_THAT(reports_, IsEmpty());
}

TEST_F(SpeechServiceTest, HealthCheckTellsTheWorst) {
  const auto status = [&](const char* check) {
    return service().health()["checks"][check]["status"].get<std::string>();
  };
  EXPECT_EQ(status("voices"), "warn");  // none
  store_.fail_always("storage: HEAD probe in bucket fake: status 403");
  EXPECT_EQ(status("storage"), "warn");
  EXPECT_EQ(service().health()["status"], "warn");
  store_.fail_always("storage: bucket fake does not exist", ErrorCode::kNotFound);
  EXPECT_EQ(status("storage"), "fail");
  EXPECT_EQ(service().health()["status"], "fail");
  store_.recover();
  store_.hang();
  const Json hanging = service().health()["checks"]["storage"];
  EXPECT_EQ(hanging["status"], "fail");
  EXPECT_THAT(hanging["detail"], HasSubstr("did not answer within 50 ms"));
  store_.recover();
  fs::remove_all(root_ / "voices");
  EXPECT_EQ(status("voices"), "fail");
  fs::remove_all(output());
  write(output(), "x");
  EXPECT_EQ(status("directories"), "warn");
}

TEST_F(SpeechServiceTest, TheProgramsOwnChecksAreShownAndMayBreak) {
  options_.health = [] {
    return std::vector<HealthItem>{{"model", HealthStatus::kFail, "still loading"},
                                   {"fitness", HealthStatus::kWarn, "little memory"}};
  };
  const Json health = service().health();
  EXPECT_EQ(health["status"], "fail");
  EXPECT_EQ(health["checks"]["model"]["detail"], "still loading");
  EXPECT_EQ(health["checks"]["fitness"]["status"], "warn");

  service_.reset();
  options_.health = []() -> std::vector<HealthItem> { throw std::runtime_error("no"); };
  EXPECT_EQ(service().health()["checks"]["configuration"]["status"], "fail");
}

}  // namespace
}  // namespace echo
