// What is said is heard: a recogniser listens to the small voice, through every door of the
// program.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <random>

#include "audio/encode.h"
#include "audio/voice.h"
#include "net/curl_http_client.h"
#include "nn/safetensors.h"
#include "support/child_process.h"
#include "support/ears/hearing.h"
#include "support/fake_platform.h"
#include "support/paths.h"
#include "support/subprocess.h"
#include "support/temp_dir.h"

namespace echo {
namespace {

using nlohmann::json;

const std::filesystem::path kSmall = std::filesystem::path(source_path()) / "models/echo-small";

// Of what is said. A recogniser is no perfect listener, and single words differ between processors.
constexpr double kUnderstood = 0.25;
// Of what is none of it.
constexpr double kNotUnderstood = 0.8;

constexpr double kPitchStep = 21.5;  // Hz: the small voice has whole periods in a frame
const std::string kSteps = "16";     // enough for a text that is easy to hear

const std::vector<std::string> kSentences = {
    "The children are playing in the garden.",   "He opened the door and walked into the room.",
    "It is cold outside, so take your coat.",    "They have lived in this house for many years.",
    "Please close the window before you leave.", "There is a small lake behind the hill.",
};

class Hearing : public ::testing::Test {
 protected:
  DecodedAudio say(const std::string& text, std::vector<std::string> arguments,
                   const std::string& name = "said.wav") const {
    const std::string file = dir_ / name;
    std::vector<std::string> command = {program_path(), "say", text, "--model",     "small",
                                        "--quiet",      "-o",  file, "--num_steps", kSteps};
    command.insert(command.end(), arguments.begin(), arguments.end());
    const ProcessResult result = run_process(command);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return decode_audio_file(file);
  }

  // Each sound says the sentence of its place, and together they are understood.
  static void expect_heard(const std::vector<std::string>& said,
                           const std::vector<DecodedAudio>& sounds) {
    const std::vector<std::string> words = heard(sounds);
    EXPECT_LE(word_error_rate(said, words), kUnderstood) << testing::PrintToString(words);
  }

  TempDir dir_;
};

TEST_F(Hearing, EveryFormatAndRateSpeaks) {
  const std::vector<std::pair<std::string, std::string>> files = {
      {"ogg", "48000"}, {"ogg", "16000"},  {"wav", "44100"},
      {"wav", "16000"}, {"flac", "48000"}, {"mp3", "24000"}};
  std::vector<DecodedAudio> sounds;
  for (size_t i = 0; i < files.size(); ++i) {
    const auto& [format, rate] = files[i];
    sounds.push_back(say(kSentences[i], {"--sample_rate", rate}, "said." + format));
  }
  expect_heard(kSentences, sounds);
}

// Higher and faster, as when a tape runs too fast.
DecodedAudio raised(DecodedAudio sound, double factor) {
  sound.sample_rate = static_cast<int>(std::lround(sound.sample_rate * factor));
  return sound;
}

TEST_F(Hearing, ThreeVoicesSpeakEachAsItsReference) {
  std::map<std::string, DecodedAudio> references;
  for (const std::string voice : {"awb", "rms", "slt"}) {
    references[voice] = decode_audio_file(kSmall / "voices" / (voice + ".flac"));
  }
  // One is a recording in another format.
  EncodeOptions other_format;
  other_format.format = AudioFormat::kMp3;
  other_format.sample_rate = 24000;
  const std::string clone = dir_ / "clone.mp3";
  std::ofstream(clone, std::ios::binary)
      << encode_audio(load_voice(kSmall / "voices/slt.flac").samples, other_format);

  std::vector<std::string> said;
  std::vector<DecodedAudio> sounds;
  for (const auto& [voice, reference] : references) {
    // Two sentences: one alone tells too little of a voice.
    said.push_back(kSentences[said.size()] + " " + kSentences[said.size() + 3]);
    sounds.push_back(say(said.back(), {"--voice", voice == "slt" ? clone : voice,
                                       "--max_chars_per_chunk", "50"}));
    // A whole step away it would be another voice: of rms a step leads to awb.
    EXPECT_NEAR(pitch_of(sounds.back()), pitch_of(reference), 0.75 * kPitchStep) << voice;
    EXPECT_EQ(nearest_voice(sounds.back(), references), voice);
  }
  expect_heard(said, sounds);
  // What is judged by could fail: with the pitch of another it is not taken for rms any more.
  const double step = pitch_of(references["awb"]) / pitch_of(references["rms"]);
  EXPECT_NE(nearest_voice(raised(sounds[1], step), references), "rms");
}

TEST_F(Hearing, ALongTextIsSaidOnceAndInOrder) {
  std::string text;
  for (const std::string& sentence : kSentences) text += (text.empty() ? "" : " ") + sentence;
  const DecodedAudio sound = say(text, {"--max_chars_per_chunk", "60"});
  const std::string understood = heard(sound);
  const std::vector<std::string> said = words_of(text), words = words_of(understood);
  EXPECT_LE(word_error_rate(text, understood), kUnderstood) << understood;
  EXPECT_NEAR(static_cast<double>(words.size()), static_cast<double>(said.size()),
              0.15 * static_cast<double>(said.size()));
  // A word of each sentence that no other has: nothing is lost at the joins, or said twice.
  size_t last = 0;
  int found = 0;
  for (const char* word : {"garden", "door", "coat", "house", "window", "lake"}) {
    EXPECT_LE(std::count(words.begin(), words.end(), word), 1) << word;
    const auto at = std::find(words.begin(), words.end(), word);
    if (at == words.end()) continue;
    const auto place = static_cast<size_t>(at - words.begin());
    EXPECT_GE(place, last) << word << ": " << understood;
    last = place;
    ++found;
  }
  EXPECT_GE(found, 5) << understood;
}

TEST_F(Hearing, BothPrecisionsSpeak) {
  std::vector<std::string> said;
  std::vector<DecodedAudio> sounds;
  for (const std::string precision : {"bf16", "float32"}) {
    said.push_back(kSentences[4]);
    sounds.push_back(say(said.back(), {"--precision", precision, "--codec-precision", precision}));
  }
  expect_heard(said, sounds);
}

TEST_F(Hearing, BlocksSayWhatOneWindowSays) {
  ASSERT_TRUE(SafetensorsFile::open(kSmall / "dit.safetensors")->find("latent_norm.weight"))
      << "the small voice has no blockwise part";
  const std::string text = kSentences[0] + " " + kSentences[4] + " " + kSentences[5];
  const auto sound = say(text, {"--block_sizes", "32,64,96", "--max_chars_per_chunk", "50"});
  expect_heard({text}, {sound});
}

TEST_F(Hearing, NoiseAndReversedSpeechAreNotUnderstood) {
  DecodedAudio noise = say(kSentences[0], {});
  std::mt19937 random(1);
  std::uniform_real_distribution<float> values(-0.5F, 0.5F);
  DecodedAudio reversed = noise;
  std::reverse(reversed.samples.begin(), reversed.samples.end());
  for (float& x : noise.samples) x = values(random);
  const std::vector<std::string> words = heard(std::vector{noise, reversed});
  EXPECT_GE(word_error_rate(kSentences[0], words[0]), kNotUnderstood) << words[0];
  EXPECT_GE(word_error_rate(kSentences[0], words[1]), kNotUnderstood) << words[1];
  EXPECT_EQ(pitch_of(noise), 0);
}

// A job's parts, its text and the voice that is asked for.
json job_input(const std::string& text, const json& voice) {
  return {{"text", text}, {"speaker_voice", voice}, {"parameters", {{"num_steps", kSteps}}}};
}

DecodedAudio fetch(const std::string& url) {
  HttpRequest request;
  request.url = url;
  const HttpResponse fetched = make_http_client()->perform(request);
  EXPECT_EQ(fetched.status, 200) << url;
  return decode_audio_bytes(fetched.body, "fetched.ogg");
}

using NetHearing = Hearing;

TEST_F(NetHearing, AJobThroughPlatformAndBucketSpeaks) {
  ChildProcess bucket(std::vector<std::string>{"node", source_path("/tests/js/s3_server.js"),
                                               dir_ / "bucket", "tts"});
  const auto port = bucket.read_line(std::chrono::seconds(60));
  ASSERT_TRUE(port) << "the S3 server did not start; run scripts/test-clients";
  FakePlatform platform;
  std::vector<std::string> environment = {"S3_ENDPOINT_URL=http://127.0.0.1:" + *port,
                                          "S3_ACCESS_KEY_ID=S3RVER",
                                          "S3_SECRET_ACCESS_KEY=S3RVER",
                                          "S3_BUCKET_NAME=tts",
                                          "ECHO_MODEL_DIR=small",
                                          "AUDIO_VOICES_DIR=" + (dir_ / "none").string(),
                                          "OUTPUT_AUDIO_DIR=" + (dir_ / "output").string()};
  for (const auto& [name, value] : platform.environment())
    environment.push_back(name + "=" + value);
  ChildProcess worker({program_path(), "worker"}, environment);
  platform.add_job("a", job_input(kSentences[0], nullptr));
  platform.add_job("b", job_input(kSentences[1], "rms.flac"));
  ASSERT_TRUE(platform.wait_for_results(2, std::chrono::minutes(2)));
  std::vector<DecodedAudio> sounds;
  for (const char* id : {"a", "b"}) {
    const json output = platform.result_of(id)->value("output", json::object());
    ASSERT_TRUE(output.contains("url")) << platform.result_of(id)->dump();
    EXPECT_EQ(output.at("metadata").at("model"), "echo-small");
    sounds.push_back(fetch(output.at("url")));
  }
  expect_heard({kSentences[0], kSentences[1]}, sounds);
}

TEST_F(NetHearing, TheLocalApiSpeaks) {
  ChildProcess server({program_path(), "worker", "--rp_serve_api", "--rp_api_port", "0", "--model",
                       "small", "--storage", dir_ / "results"},
                      {"AUDIO_VOICES_DIR=" + (dir_ / "none").string(),
                       "OUTPUT_AUDIO_DIR=" + (dir_ / "output").string()});
  std::string url;
  while (const auto line = server.read_line(std::chrono::seconds(60))) {
    const size_t at = line->find("http://");
    if (line->find("Listening on ") != line->npos) url = line->substr(at);
    if (!url.empty()) break;
  }
  ASSERT_FALSE(url.empty());
  std::vector<DecodedAudio> sounds;
  for (const auto& [text, voice] :
       {std::pair{kSentences[2], json()}, std::pair{kSentences[3], json("awb.flac")}}) {
    HttpRequest request;
    request.url = url + "/runsync";
    request.method = "POST";
    request.body = json{{"input", job_input(text, voice)}}.dump();
    const json job = json::parse(make_http_client()->perform(request).body);
    ASSERT_EQ(job.at("status"), "COMPLETED") << job.dump();
    sounds.push_back(fetch(job.at("output").at("url")));
  }
  expect_heard({kSentences[2], kSentences[3]}, sounds);
}

}  // namespace
}  // namespace echo
