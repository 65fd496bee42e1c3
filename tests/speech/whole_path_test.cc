// Jobs through the real engine with the recorded tiny model, a real voice file and a real store.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

#include "audio/decode.h"
#include "audio/encode.h"
#include "engine/engine_fixture.h"
#include "net/directory_store.h"
#include "speech/document_of.h"
#include "speech/speech_service.h"
#include "support/fake_speech.h"
#include "support/temp_dir.h"

namespace echo {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kBaseUrl = "http://127.0.0.1:8000/files";

class WholePathTest : public testing::Test {
 protected:
  WholePathTest() {
    fs::create_directories(root_ / "voices");
    // The engine is shared, so every test brings a voice that it has not heard.
    static int tests = 0;
    std::ofstream(root_ / "voices" / "anna.wav", std::ios::binary) << encode_audio(
        FakeSpeech::tone(3 * kModelRate + 100 * ++tests), {.format = AudioFormat::kWav});
  }

  static Json job(const std::string& id, uint64_t seed) {
    return {{"input",
             {{"text", "Hello there, this is a short test. It has two sentences."},
              {"session_id", id},
              {"seed", seed},
              {"speaker_voice", "anna.wav"},
              {"parameters",
               {{"num_steps", 3}, {"sequence_length", 6}, {"max_chars_per_chunk", 30}}}}}};
  }

  // The bytes behind a link, found as a server of the store would find them.
  std::string fetch(const std::string& url) const {
    const std::string rest = url.substr(std::string(kBaseUrl).size() + 1);
    const size_t query = rest.find('?');
    const LinkedFile linked = store_.open_link(rest.substr(0, query), rest.substr(query + 1));
    EXPECT_EQ(linked.status, LinkedFile::Status::kOk);
    std::ifstream file(linked.path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  TempDir root_;
  DirectoryStore store_{{.directory = root_ / "results", .base_url = kBaseUrl}};
  VoiceDirectory voice_directory_{(root_ / "voices").string()};
  VoiceLibrary voices_{voice_directory_};
  OutputDirectory output_{{.path = (root_ / "output").string()}};
  Logger logger_{{.level = LogLevel::kTrace}, std::make_shared<KeptLog>()};
  SpeechService service_{{.limits = {}, .model = "tiny", .device = tiny_engine().info().device},
                         {[](SpeechRequest request, SpeechCallbacks callbacks) {
                            return tiny_engine().start(std::move(request), std::move(callbacks));
                          },
                          voices_,
                          &store_,
                          {},
                          output_,
                          logger_}};
};

TEST_F(WholePathTest, ALinkGivesPlayableAudioOfTheStatedDuration) {
  std::vector<std::string> progress;
  SpeechContext context;
  context.progress = [&](const Json& update) { progress.push_back(update.get<std::string>()); };
  const Json result = document_of(service_.run(job("first", 7), context));
  ASSERT_EQ(result.value("error", ""), "");
  const std::string bytes = fetch(result["url"]);
  const DecodedAudio audio = decode_audio_bytes(bytes, "first.ogg");
  const Json metadata = result["metadata"];
  EXPECT_EQ(audio.codec, "opus");
  EXPECT_NEAR(static_cast<double>(audio.samples.size()) / audio.sample_rate,
              metadata["duration"].get<double>(), 0.021);
  EXPECT_EQ(metadata["device"], "cpu");
  EXPECT_EQ(metadata["voice_cache"], "miss");
  EXPECT_GE(metadata["chunks"].size(), 2u);
  EXPECT_EQ(metadata["strands"], 0) << "without continuity there is none";
  for (size_t i = 0; i < metadata["chunks"].size(); ++i) {
    const Json& chunk = metadata["chunks"][i];
    EXPECT_EQ(chunk["index"], i);
    EXPECT_EQ(chunk["seed"], 7 + 1000 * i);
    EXPECT_EQ(chunk["text_chars"], chunk["text"].get<std::string>().size());
    EXPECT_NEAR(chunk["duration"], chunk["new_frames"].get<double>() * 2048 / 44100, 1e-3);
    EXPECT_LE(chunk["new_frames"], chunk["frames"]);
    EXPECT_TRUE(chunk["warnings"].is_array());
  }
  EXPECT_GT(metadata["timings"]["diffusion"], 0.0);
  EXPECT_GT(metadata["timings"]["voice"], 0.0);
  ASSERT_FALSE(progress.empty());
  EXPECT_THAT(progress[0], AllOf(StartsWith("chunk "), HasSubstr("/3")));

  const Json again = document_of(service_.run(job("again", 7), {}));
  EXPECT_EQ(again["metadata"]["voice_cache"], "hit");
  EXPECT_EQ(fetch(again["url"]), bytes) << "the same job gives the same bytes";
}

TEST_F(WholePathTest, SubtitlesShowEveryChunkWhileItIsHeard) {
  Json wanted = job("subtitled", 7);
  wanted["input"]["subtitles"] = "srt";
  const Json result = document_of(service_.run(wanted, {}));
  ASSERT_EQ(result.value("error", ""), "");
  const Json& chunks = result["metadata"]["chunks"];
  // Every cue has a number, two times and its text.
  std::istringstream file(result["subtitles"].get<std::string>());
  size_t cues = 0;
  std::string spoken;
  for (std::string number, times; std::getline(file, number); ++cues) {
    ASSERT_TRUE(std::getline(file, times));
    std::string text;  // of one or two lines
    for (std::string line; std::getline(file, line) && !line.empty();) {
      text += (text.empty() ? "" : " ") + line;
    }
    EXPECT_EQ(number, std::to_string(cues + 1));
    ASSERT_LT(cues, chunks.size());
    spoken += (spoken.empty() ? "" : " ") + text;
    int hours = 0, minutes = 0;
    double seconds = 0;
    ASSERT_EQ(std::sscanf(std::string(times).replace(8, 1, ".").c_str(), "%d:%d:%lf", &hours,
                          &minutes, &seconds),
              3);
    EXPECT_NEAR(seconds, chunks[cues]["start_seconds"].get<double>(), 0.001);
  }
  EXPECT_EQ(cues, chunks.size());
  EXPECT_EQ(spoken, wanted["input"]["text"].get<std::string>());
  wanted["input"]["subtitles"] = "vtt";
  const Json web = document_of(service_.run(wanted, {}));
  EXPECT_THAT(web["subtitles"].get<std::string>(), StartsWith("WEBVTT\n"));
}

TEST_F(WholePathTest, JobsSideBySideGiveWhatEachGivesAlone) {
  std::vector<std::string> alone;
  for (uint64_t seed = 0; seed < 3; ++seed) {
    alone.push_back(fetch(document_of(service_.run(job("alone", seed), {}))["url"]));
  }
  std::vector<std::string> together(3);
  std::vector<std::thread> threads;
  for (uint64_t seed = 0; seed < 3; ++seed) {
    threads.emplace_back([&, seed] {
      const std::string id = "together-" + std::to_string(seed);
      together[seed] = fetch(document_of(service_.run(job(id, seed), {}))["url"]);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(together, alone);
}

TEST_F(WholePathTest, ACancelledJobLeavesTheEngineFree) {
  std::stop_source stop;
  SpeechContext context;
  context.stop = stop.get_token();
  context.progress = [&](const Json&) { stop.request_stop(); };
  Json endless = job("endless", 0);
  endless["input"]["parameters"]["num_steps"] = 1000;
  EXPECT_THAT(document_of(service_.run(endless, context))["error"], StartsWith("cancelled: "));
  EXPECT_EQ(tiny_engine().status().waiting, 0u);
  EXPECT_EQ(document_of(service_.run(job("next", 0), {}))["status"], "completed");
}

TEST_F(WholePathTest, AVoiceThatIsNoSoundFailsBeforeTheDevice) {
  std::ofstream(root_ / "voices" / "noise.wav") << "no sound";
  Json bad = job("bad", 0);
  bad["input"]["speaker_voice"] = "noise.wav";
  EXPECT_THAT(document_of(service_.run(bad, {}))["error"], StartsWith("voice_unusable: voice"));
}

}  // namespace
}  // namespace echo
