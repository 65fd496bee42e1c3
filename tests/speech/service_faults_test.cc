// What goes wrong around a speech service, and what comes out of it then.
#include <cmath>
#include <iterator>
#include <limits>
#include <new>
#include <stdexcept>
#include <thread>

#include "speech/service_fixture.h"

namespace echo {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

using SpeechServiceFaults = ServiceFixture;

TEST_F(SpeechServiceFaults, FailuresBeginWithTheirKind) {
  write_file(root_ / "voices" / "noise.wav", "this is no sound at all");
  write_file(root_ / "voices" / "empty.wav", "");
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
    EXPECT_EQ(document_.size(), 1u);
    EXPECT_FALSE(fatal());
  }
  EXPECT_EQ(reports_.size(), std::size(table));
  EXPECT_THAT(store_.objects(), IsEmpty());
}

TEST_F(SpeechServiceFaults, BadJobsNeverReachTheEngine) {
  error({{"input", {{"text", "Hi."}, {"parameters", {{"bitrate", 1}}}}}});
  error({{"input", {{"text", "Hi."}, {"session_id", "a b"}}}});
  error({{"input", {{"text", "Hi."}, {"speaker_voice", "absent.wav"}}}});
  error({{"input", {{"text", "Hi."}}}, {"s3Config", 5}});
  EXPECT_EQ(speech_.calls(), 0);
}

TEST_F(SpeechServiceFaults, WhatTheEngineThrows) {
  struct Case {
    std::function<void()> thrown;
    const char* message;
    bool fatal;
  };
  const Case table[] = {
      {[] { throw_invalid("voice: too short"); }, "invalid_input: voice: too short", false},
      {[] { throw_unavailable("the queue is full"); }, "unavailable: the queue is full", false},
      {[] { throw KindError(kNoSpeech, ErrorCode::kUnavailable, "the model gave no speech"); },
       "no_speech: the model gave no speech", false},
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
    speech_.at_start = c.thrown;
    EXPECT_EQ(say("Hello."), (Json{{"error", c.message}}));
    EXPECT_EQ(fatal(), c.fatal) << c.message;
  }
}

TEST_F(SpeechServiceFaults, BrokenAudioIsNeverASuccess) {
  speech_.at_end = [](std::vector<float>& samples) { samples.clear(); };
  EXPECT_EQ(say("Hello.")["error"], "no_speech: the audio has no samples");
  speech_.at_end = [](std::vector<float>& samples) { samples[100] = std::nanf(""); };
  EXPECT_EQ(say("Hello.")["error"],
            "audio_rejected: sample 100 of the audio is not a finite number");
  speech_.at_end = [](std::vector<float>& samples) {
    samples.back() = std::numeric_limits<float>::infinity();
  };
  EXPECT_THAT(say("Hello.")["error"], StartsWith("audio_rejected: sample 22049 "));
  EXPECT_FALSE(fatal()) << "one bad result is no broken device";
  EXPECT_THAT(store_.objects(), IsEmpty());
}

TEST_F(SpeechServiceFaults, WithoutAnyStorageNothingIsSpoken) {
  store_pointer_ = nullptr;
  EXPECT_EQ(say("Hello.")["error"], "storage_unavailable: no storage is configured");
  EXPECT_EQ(speech_.calls(), 0);
  EXPECT_EQ(run({{"input", {{"text", "Hello."}}}, {"s3Config", {{"bucketName", "own"}}}})["status"],
            "completed");
  EXPECT_EQ(run({{"input", {{"text", "Hello."}}}, {"s3Config", Json::object()}})["error"],
            "storage_unavailable: no storage is configured");
}

TEST_F(SpeechServiceFaults, WhenStorageFailsForGoodTheAudioIsKept) {
  store_.fail_always("storage: PUT a.ogg in bucket fake: status 503, after 6 attempts");
  const Json job = {{"input", {{"text", "Hello."}, {"session_id", "a"}}}};
  EXPECT_EQ(error(job),
            "storage_unavailable: storage: PUT a.ogg in bucket fake: status 503, after 6 attempts; "
            "the audio is kept as \"a.ogg\" in the worker's output directory");
  EXPECT_FALSE(fatal());
  EXPECT_THAT(file_names(output()), ElementsAre("a.ogg"));
  std::ifstream file(output("a.ogg"), std::ios::binary);
  const std::string kept{std::istreambuf_iterator<char>(file), {}};
  store_.recover();
  run(job);
  EXPECT_EQ(kept, store_.objects().at("results/a.ogg").data);
}

TEST_F(SpeechServiceFaults, ALongReasonDoesNotHideTheName) {
  store_.fail_always(std::string(5000, 'x'));
  EXPECT_THAT(error({{"input", {{"text", "Hello."}, {"session_id", std::string(128, 'n')}}}}),
              HasSubstr(std::string(128, 'n') + ".ogg\" in the worker's output directory"));
}

TEST_F(SpeechServiceFaults, EveryFinalAnswerOfAStoreCounts) {
  for (const ErrorCode code : {ErrorCode::kUnavailable, ErrorCode::kNotFound,
                               ErrorCode::kInvalidArgument, ErrorCode::kInternal}) {
    store_.fail_always("storage: no", code);
    EXPECT_THAT(error({{"input", {{"text", "Hello."}}}}), StartsWith("storage_unavailable: "));
    EXPECT_FALSE(fatal());
  }
  EXPECT_EQ(file_names(output()).size(), 4u);
}

TEST_F(SpeechServiceFaults, WhenNothingCanBeKeptTheMessageSaysSo) {
  write_file(output(), "a file in place of the directory");
  store_.fail_always("storage: status 503");
  const std::string message = error({{"input", {{"text", "Hello."}, {"session_id", "a"}}}});
  EXPECT_THAT(message, StartsWith("storage_unavailable: storage: status 503; the audio is lost: "));
  EXPECT_THAT(message, HasSubstr("Not a directory"));
  EXPECT_THAT(message, Not(HasSubstr(root_.path().string())));
}

TEST_F(SpeechServiceFaults, AHangingUploadEndsWhenTheJobIsCancelled) {
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
  EXPECT_THAT(file_names(output()), IsEmpty());
}

TEST_F(SpeechServiceFaults, AStopRequestEndsTheEngineWithinAStep) {
  std::stop_source stop;
  SpeechContext context;
  context.stop = stop.get_token();
  int steps = 0;
  // Who collects the sound passes the request on in its own time: the step lasts until then.
  speech_.at_step = [&](const SpeechProgress& progress, std::stop_token stopped) {
    ++steps;
    if (progress.step != 7) return;
    stop.request_stop();
    for (int i = 0; !stopped.stop_requested() && i < 120'000; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  };
  EXPECT_THAT(error({{"input", {{"text", "Hello."}}}}, context), StartsWith("cancelled: "));
  EXPECT_EQ(steps, 7);
  EXPECT_THAT(store_.objects(), IsEmpty());
  EXPECT_EQ(reports_.back().kind, "cancelled");
}

TEST_F(SpeechServiceFaults, AStopFromWithinAStepEndsTheEngineToo) {
  int told = 0;
  std::stop_source enough;
  SpeechContext context;
  context.stop = enough.get_token();
  context.step = [&] {
    if (++told > 5) enough.request_stop();
  };
  int steps = 0;
  // Who collects the sound may not listen yet when the answer comes: the step lasts until then.
  speech_.at_step = [&](const SpeechProgress&, std::stop_token stop) {
    ++steps;
    for (int i = 0; told > 5 && !stop.stop_requested() && i < 120'000; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  };
  EXPECT_THAT(error({{"input", {{"text", "Hello."}}}}, context), StartsWith("cancelled: "));
  EXPECT_EQ(steps, 6);
}

TEST_F(SpeechServiceFaults, AJobCancelledBeforeItStartsDoesNothing) {
  std::stop_source stop;
  stop.request_stop();
  SpeechContext context;
  context.stop = stop.get_token();
  EXPECT_THAT(error({{"input", {{"text", "Hello."}}}}, context), StartsWith("cancelled: "));
  EXPECT_EQ(speech_.calls(), 0);
}

TEST_F(SpeechServiceFaults, AnEngineThatFinishesACancelledJobChangesNothing) {
  std::stop_source stop;
  SpeechContext context;
  context.stop = stop.get_token();
  speech_.at_end = [&](std::vector<float>&) { stop.request_stop(); };
  EXPECT_THAT(error({{"input", {{"text", "Hello."}}}}, context), StartsWith("cancelled: "));
  EXPECT_THAT(store_.objects(), IsEmpty());
}

// Secrets and what the user said, hidden in every place that a peer or a user can put them.
TEST_F(SpeechServiceFaults, NoTextAndNoSecretLeaves) {
  const std::string text = "My password is correct horse battery staple, says canary seven.";
  const std::string access = "AKIACANARYCANARY", secret = "canary/secret+with=signs/1234";
  const Json s3_config = {{"accessId", access}, {"accessSecret", secret}};
  const auto job = [&](const Json& extra) {
    Json input = {{"text", text}};
    if (extra.is_object()) input.update(extra);
    return Json{{"input", input}, {"s3Config", s3_config}};
  };
  std::string all;
  // Whoever asked is told what each chunk says, and there alone.
  const auto keep = [&](Json value) {
    const Json::json_pointer chunks("/metadata/chunks");
    if (value.contains(chunks)) {
      for (Json& chunk : value[chunks]) EXPECT_EQ(chunk.erase("text"), 1u);
    }
    all += value.dump() + '\n';
  };

  keep(run(job({})));
  keep(run(job({{"parameters", {{"num_steps", -1}}}})));
  keep(run(
      job({{"parameters", {{"max_chars_per_chunk", 0}}}, {"text", text + std::string(900, 'x')}})));
  keep(run(job({{"text", text + "\a"}})));
  keep(run(job({{"text", text + "\xFF"}})));
  keep(run(job({{"text", Json::array({text})}})));
  keep(run(job({{"speaker_voice", "absent.wav"}})));
  write_file(root_ / "voices" / "bad.wav", text);
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
  EXPECT_THAT(log_->text(), HasSubstr("\"status\":\"completed\""));
}

TEST_F(SpeechServiceFaults, AGuessedFolderIsNotConfirmed) {
  const std::string right = (root_ / "voices").string(), kept = (root_ / "output").string();
  const auto answer_to = [&](const std::string& folder) {
    std::string all;
    for (const std::string& guess : {folder + "/x.wav", "a" + folder + "/x.wav", folder,
                                     folder.substr(1) + "/x.wav", "say " + folder + " now"}) {
      all += error({{"input", {{"text", "Hello."}, {"speaker_voice", guess}}}}) + '\n';
      all += error({{"input", {{"text", "Hello."}, {"session_id", guess}}}}) + '\n';
      all += error({{"input", {{"text", "Hello."}, {"action", guess}}}}) + '\n';
    }
    return all;
  };
  for (const std::string& guess : {right, kept}) {
    std::string wrong = guess;
    wrong[wrong.size() - 1] = 'q';
    std::string of_wrong = answer_to(wrong);
    const std::string last = "/" + std::filesystem::path(guess).filename().string();
    const std::string last_of_wrong = "/" + std::filesystem::path(wrong).filename().string();
    // But for what was asked the answers are the same.
    const auto same = [](std::string text, const std::string& from, const std::string& to) {
      for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
        text.replace(at, from.size(), to);
      }
      return text;
    };
    EXPECT_EQ(answer_to(guess),
              same(same(of_wrong, last_of_wrong, last), last_of_wrong.substr(1), last.substr(1)));
    EXPECT_THAT(of_wrong + answer_to(guess), Not(HasSubstr("[hidden]")));
  }
}

TEST_F(SpeechServiceFaults, AnObserverThatThrowsDoesNotHarmTheJob) {
  options_.finished = [](const JobReport&) { throw std::runtime_error("no"); };
  EXPECT_EQ(say("Hello.")["status"], "completed");
}

TEST_F(SpeechServiceFaults, DirectoriesMustNotOverlap) {
  const VoiceDirectory inside((root_ / "output" / "voices").string());
  fs::create_directories(inside.path());
  VoiceLibrary library(inside);
  EXPECT_THROW(
      SpeechService(
          options_,
          SpeechServiceParts{std::ref(speech_), library, &store_, {}, output_, logger_, clock_}),
      Error);
}

}  // namespace
}  // namespace echo
