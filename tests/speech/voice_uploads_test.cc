// Voices that are added and removed: what is stored, under which name, and what is refused.
#include "speech/voice_uploads.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "audio/decode.h"
#include "audio/encode.h"
#include "audio/silence.h"
#include "audio/voice.h"
#include "base/uuid.h"
#include "speech/unicode_name.h"
#include "support/fake_speech.h"
#include "support/kill_points.h"
#include "support/sounds/sounds.h"
#include "support/temp_dir.h"
#include "support/thrown_error.h"

namespace echo {
namespace {

namespace fs = std::filesystem;
using Reason = VoiceUploadError::Reason;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string recording(AudioFormat format, double seconds = 2, float level = 1) {
  std::vector<float> samples = FakeSpeech::tone(static_cast<size_t>(seconds * kModelRate));
  for (float& x : samples) x *= level;
  return encode_audio(samples, {format, 0, 0});
}

std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class VoiceUploadsTest : public testing::Test {
 protected:
  VoiceUploadsTest() { fs::create_directories(root_ / "voices/women"); }

  VoiceUploads make(VoiceUploadOptions options = {}) { return {voices_, std::move(options)}; }

  std::vector<std::string> ids() const {
    std::vector<std::string> ids;
    for (const CatalogVoice& voice : VoiceCatalog(voices_).list()) ids.push_back(voice.id);
    return ids;
  }
  fs::path uploaded(const std::string& file) const { return root_ / "voices/uploads" / file; }

  Reason refused(VoiceUploads& uploads, const NewVoice& voice) {
    try {
      uploads.add(voice);
    } catch (const VoiceUploadError& error) {
      EXPECT_THAT(error.what(), testing::Not(HasSubstr(root_.path().string())));
      return error.reason();
    }
    ADD_FAILURE() << "it was added: " << voice.name;
    return Reason::kFull;
  }

  TempDir root_;
  VoiceDirectory voices_{(root_ / "voices").string(), real_clock(),
                         (root_ / "voices/uploads").string()};
  const std::string wav_ = recording(AudioFormat::kWav);
};

TEST_F(VoiceUploadsTest, StoresWhatItKnowsAsItCameAndTheRestAsFlac) {
  VoiceUploads uploads = make();
  const std::vector<float> sound = make_sound(2 * kModelRate, kModelRate);
  const std::vector<float> at_48000 = make_sound(2 * 48000, 48000);
  const struct {
    const char* name;
    std::string bytes;
    const char* stored;  // as a file of this kind
  } kinds[] = {
      {"wav", recording(AudioFormat::kWav), "wav"},
      {"flac", recording(AudioFormat::kFlac), "flac"},
      {"mp3", recording(AudioFormat::kMp3), "mp3"},
      {"opus", recording(AudioFormat::kOggOpus), "ogg"},
      {"vorbis", mux_sound("ogg", "libvorbis", sound, kModelRate), "ogg"},
      {"m4a", mux_sound("ipod", "aac", sound, kModelRate), "m4a"},
      {"lossless m4a", mux_sound("ipod", "alac", sound, kModelRate), "m4a"},
      {"mp4", mux_sound("mp4", "aac", sound, kModelRate), "flac"},
      {"aac", recording(AudioFormat::kAac), "flac"},
      {"webm", mux_sound("webm", "libopus", at_48000, 48000), "flac"},
  };
  for (const auto& [kind, bytes, stored] : kinds) {
    SCOPED_TRACE(kind);
    const std::string name = std::string("from ") + kind, file = name + "." + stored;
    const bool converted = std::string_view(stored) == "flac" && !bytes.starts_with("fLaC");
    const AddedVoice added = uploads.add({name, bytes, "", false});
    EXPECT_EQ(added.voice.id, name);
    EXPECT_EQ(added.voice.file, "uploads/" + file);
    EXPECT_THAT(added.warnings, IsEmpty());
    EXPECT_GT(added.voice.created_at, 1'000'000'000);
    struct stat status {};
    ASSERT_EQ(::stat(uploaded(file).c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600U) << "others must not read it";
    const std::string held = voices_.open(added.voice.file).read();
    EXPECT_EQ(added.voice.bytes, held.size());
    EXPECT_NEAR(*uploads.details(added.voice).seconds, 2, 0.08) << "AAC adds some frames";
    if (!converted) {
      EXPECT_EQ(held, bytes);
      continue;
    }
    const DecodedAudio flac = decode_audio_bytes(held, file);
    EXPECT_EQ(flac.codec, "flac");
    EXPECT_EQ(flac.sample_rate, kModelRate);
    EXPECT_NEAR(flac.stated_seconds, 2, 0.08) << "its header is complete";
    // The very samples that a voice of the file would have.
    const Voice voice = load_voice_bytes(bytes, file);
    ASSERT_EQ(flac.samples.size(), voice.samples.size());
    for (size_t i = 0; i < flac.samples.size(); ++i) {
      ASSERT_NEAR(flac.samples[i], std::clamp(voice.samples[i], -1.F, 1.F), 1e-4) << i;
    }
  }
}

TEST_F(VoiceUploadsTest, WhatIsConvertedIsBroughtToFullScale) {
  std::vector<float> loud = make_sound(2 * 48000, 48000);
  const float peak = find_peak(loud);
  for (float& x : loud) x *= 3 / peak;
  VoiceUploads uploads = make();
  const AddedVoice added =
      uploads.add({"loud", mux_sound("matroska", "pcm_f32le", loud, 48000), "", false});
  EXPECT_EQ(added.voice.file, "uploads/loud.flac");
  const DecodedAudio flac = decode_audio_bytes(voices_.open(added.voice.file).read(), "loud");
  EXPECT_NEAR(find_peak(flac.samples), 1, 1e-3);
  EXPECT_LT(std::count_if(flac.samples.begin(), flac.samples.end(),
                          [](float x) { return std::abs(x) > 0.9999F; }),
            5)
      << "it is not clipped";
}

TEST_F(VoiceUploadsTest, ARefusedRecordingLeavesNoFile) {
  VoiceUploads uploads = make();
  uploads.add({"a", wav_, "", false});
  EXPECT_EQ(refused(uploads, {"A", recording(AudioFormat::kAac), "", false}), Reason::kExists);
  EXPECT_EQ(refused(uploads, {"A", recording(AudioFormat::kFlac), "", false}), Reason::kExists);
  const auto files = fs::directory_iterator(uploaded(""));
  EXPECT_EQ(std::distance(begin(files), end(files)), 1);
}

TEST_F(VoiceUploadsTest, EndsWithItsClient) {
  VoiceUploads uploads = make();
  std::stop_source gone;
  gone.request_stop();
  EXPECT_EQ(error_of([&] {
              uploads.add({"a", wav_, "", false}, gone.get_token());
            }).code(),
            ErrorCode::kCancelled);
  EXPECT_THAT(ids(), IsEmpty());
}

TEST_F(VoiceUploadsTest, NamesAreCheckedAndComposed) {
  for (const char* good :
       {"Anna", "CON", "a.b-c_d e", "7", "Zo\xC3\xAB", "\xE5\xA4\xAA\xE9\x83\x8E",
        "\xE0\xA4\xB9\xE0\xA4\xBF\xE0\xA4\xA8\xE0\xA5\x8D\xE0\xA4\xA6\xE0\xA5\x80"}) {
    EXPECT_EQ(checked_voice_name(good), good);
  }
  EXPECT_EQ(checked_voice_name("  Anna "), "Anna");
  EXPECT_EQ(checked_voice_name("Zoe\xCC\x88"), "Zo\xC3\xAB") << "decomposed, as a Mac gives it";
  EXPECT_EQ(checked_voice_name(std::string(64, 'x')), std::string(64, 'x'));
  for (const std::string& bad : {std::string(),
                                 std::string("  "),
                                 std::string(65, 'x'),
                                 std::string("../x"),
                                 std::string(".."),
                                 std::string(".hidden"),
                                 std::string("a/b"),
                                 std::string("a\\b"),
                                 std::string("a:b"),
                                 std::string("a*"),
                                 std::string("a?"),
                                 std::string("\"a\""),
                                 std::string("a<b"),
                                 std::string("a|b"),
                                 std::string("a\nb"),
                                 std::string("a\0b", 3),
                                 std::string("a\xE2\x80\xAE"
                                             "b"),
                                 std::string("\xF0\x9F\x98\x82"),
                                 std::string("\xFF"),
                                 std::string(4000, 'x')}) {
    EXPECT_THROW(checked_voice_name(bad), Error) << bad;
  }
  std::string longest;
  for (int i = 0; i < 64; ++i) longest += "\xF0\x90\x90\x80";  // 256 bytes
  EXPECT_THROW(checked_voice_name(longest), Error) << "no file can have this name";
}

TEST_F(VoiceUploadsTest, RefusesRecordingsThatAreNoVoice) {
  VoiceUploads uploads = make({.max_bytes = wav_.size()});
  EXPECT_EQ(refused(uploads, {"a", "no sound at all", "", false}), Reason::kAudio);
  EXPECT_EQ(refused(uploads, {"a", "", "", false}), Reason::kAudio);
  EXPECT_EQ(refused(uploads, {"a", recording(AudioFormat::kFlac, 0.9), "", false}), Reason::kAudio);
  EXPECT_EQ(refused(uploads, {"a", recording(AudioFormat::kFlac, 2, 1e-4F), "", false}),
            Reason::kAudio);
  EXPECT_EQ(refused(uploads, {"a", wav_ + "x", "", false}), Reason::kTooLarge);
  EXPECT_EQ(refused(uploads, {"../x", wav_, "", false}), Reason::kName);
  EXPECT_EQ(refused(uploads, {"a", wav_, "\xFF", false}), Reason::kText);
  EXPECT_EQ(refused(uploads, {"a", wav_, std::string(4001, 'x'), false}), Reason::kText);
  EXPECT_THAT(ids(), IsEmpty());
  EXPECT_EQ(uploads.add({"a", recording(AudioFormat::kFlac, 1.05), "", false}).voice.id, "a");
}

// The head of a FLAC says how many samples there are, in 36 bits at its byte 21.
TEST_F(VoiceUploadsTest, RefusesWhatClaimsToBeMoreThanAnHour) {
  std::string claims = recording(AudioFormat::kFlac);
  const auto claim = [&](uint64_t seconds) {
    const uint64_t samples = seconds * kModelRate;
    claims[21] = static_cast<char>((claims[21] & 0xF0) | (samples >> 32));
    for (int i = 0; i < 4; ++i) {
      claims[static_cast<size_t>(22 + i)] = static_cast<char>(samples >> (24 - 8 * i));
    }
  };
  VoiceUploads uploads = make();
  claim(3601);
  EXPECT_EQ(refused(uploads, {"a", claims, "", false}), Reason::kAudio);
  claim(3599);
  EXPECT_THAT(uploads.add({"a", claims, "", false}).warnings, ElementsAre(HasSubstr("it is cut")));
}

TEST_F(VoiceUploadsTest, WhatWasSentMayGoBeforeItIsConverted) {
  std::string body = recording(AudioFormat::kAac), name = "anna", text = "Hello there.";
  int released = 0;
  VoiceUploads uploads = make();
  const AddedVoice added = uploads.add({name, body, text, false, [&] {
                                          ++released;
                                          for (std::string* gone : {&body, &name, &text}) {
                                            std::fill(gone->begin(), gone->end(), '?');
                                          }
                                        }});
  EXPECT_EQ(released, 1);
  EXPECT_EQ(added.voice.file, "uploads/anna.flac");
  const VoiceDetails details = uploads.details(added.voice);
  EXPECT_NEAR(*details.seconds, 2, 0.08);
  EXPECT_EQ(details.text, "Hello there.");
}

TEST_F(VoiceUploadsTest, ANameIsTakenWhateverItsCase) {
  std::ofstream(root_ / "voices/women/Ben.wav", std::ios::binary) << wav_;
  std::vector<std::string> forgotten;
  VoiceUploads uploads =
      make({.forget = [&](const std::string& hash) { forgotten.push_back(hash); }});
  uploads.add({"Zo\xC3\xAB", wav_, "Hello there.", false});
  EXPECT_EQ(refused(uploads, {"ZOE\xCC\x88", wav_, "", false}), Reason::kExists);
  EXPECT_EQ(refused(uploads, {"ben", wav_, "", false}), Reason::kExists);
  EXPECT_EQ(refused(uploads, {"ben", wav_, "", true}), Reason::kReadOnly);

  const CatalogVoice before = *VoiceCatalog(voices_).find("Zo\xC3\xAB");
  EXPECT_EQ(uploads.details(before).text, "Hello there.");
  const std::string hash = voices_.open(before.file).content_hash();
  const VoiceFile held = voices_.open(before.file);
  uploads.add({"zo\xC3\xAB", recording(AudioFormat::kFlac), "", true});
  EXPECT_THAT(ids(), ElementsAre("Ben", "zo\xC3\xAB"));
  EXPECT_THAT(forgotten, ElementsAre(hash));
  EXPECT_EQ(uploads.details(*VoiceCatalog(voices_).find("zo\xC3\xAB")).text, "")
      << "the text belonged to another recording";
  EXPECT_EQ(held.read(), wav_) << "whoever holds the voice goes on";
}

TEST_F(VoiceUploadsTest, RemovesWhatWasUploadedAndNothingElse) {
  std::ofstream(root_ / "voices/women/ben.wav", std::ios::binary) << wav_;
  std::ofstream(root_ / "secret.wav", std::ios::binary) << wav_;
  std::vector<std::string> forgotten;
  VoiceUploads uploads =
      make({.forget = [&](const std::string& hash) { forgotten.push_back(hash); }});
  const AddedVoice added = uploads.add({"Zo\xC3\xAB", wav_, "Hello.", false});
  const auto refusal = [&](std::string_view name) {
    try {
      uploads.remove(name);
    } catch (const VoiceUploadError& error) {
      return error.reason();
    }
    return Reason::kFull;
  };
  EXPECT_EQ(refusal("ben"), Reason::kReadOnly);
  for (const char* name :
       {"none", "", "..", "../secret", "../../secret.wav", "uploads/Zo\xC3\xAB"}) {
    EXPECT_EQ(refusal(name), Reason::kUnknown) << name;
  }
  EXPECT_EQ(uploads.remove("Zoe\xCC\x88"), "Zo\xC3\xAB");
  EXPECT_EQ(forgotten.size(), 1U);
  EXPECT_THAT(ids(), ElementsAre("ben"));
  EXPECT_TRUE(fs::is_empty(uploaded("")));
  EXPECT_TRUE(fs::exists(root_ / "secret.wav"));
}

TEST_F(VoiceUploadsTest, KeepsRoom) {
  VoiceUploads uploads = make({.max_voices = 1});
  uploads.add({"a", wav_, "", false});
  EXPECT_EQ(refused(uploads, {"b", wav_, "", false}), Reason::kFull);
  EXPECT_EQ(uploads.add({"A", wav_, "", true}).voice.id, "A") << "nothing is added";
  VoiceUploads cramped = make({.min_free_bytes = uint64_t{1} << 62});
  EXPECT_EQ(refused(cramped, {"b", wav_, "", false}), Reason::kFull);
  EXPECT_THAT(ids(), ElementsAre("A"));
}

TEST_F(VoiceUploadsTest, TheFolderMayLieElsewhere) {
  VoiceDirectory apart((root_ / "nowhere").string(), real_clock(), (root_ / "mine").string());
  VoiceUploads uploads(apart, {});
  EXPECT_TRUE(VoiceCatalog(apart).list().empty());
  const AddedVoice added = uploads.add({"a", wav_, "", false});
  EXPECT_EQ(added.voice.file, "uploads/a.wav");
  EXPECT_EQ(content_of(root_ / "mine/a.wav"), wav_);
  EXPECT_EQ(apart.open("uploads/a.wav").read(), wav_);
  EXPECT_THROW(apart.open("uploads/../secret.wav"), Error);

  // A folder of that name inside the directory is hidden then, as what it holds cannot be opened.
  fs::create_directories(root_ / "voices/uploads");
  std::ofstream(root_ / "voices/uploads/b.wav", std::ios::binary) << wav_;
  VoiceDirectory both((root_ / "voices").string(), real_clock(), (root_ / "mine").string());
  ASSERT_EQ(both.list(false).size(), 1U);
  EXPECT_EQ(both.list(false)[0].name, "uploads/a.wav");
}

TEST_F(VoiceUploadsTest, KilledAtAnyCallTheListIsTheOldOrTheNewOne) {
  const std::string replaced = recording(AudioFormat::kFlac);
  const int killed = kill_at_every_point(
      KillPoints::kCallsThatChangeFiles,
      {.prepare =
           [&] {
             fs::remove_all(uploaded(""));
             make().add({"a", wav_, "", false});
           },
       .work =
           [&] {
             VoiceUploads uploads = make();
             uploads.add({"b", wav_, "", false});
             uploads.add({"a", replaced, "", true});
           },
       .check =
           [&](int killed_at) {
             for (const CatalogVoice& voice : VoiceCatalog(voices_).list()) {
               const std::string bytes = voices_.open(voice.file).read();
               EXPECT_TRUE(bytes == wav_ || bytes == replaced) << killed_at << ": " << voice.file;
             }
             EXPECT_TRUE(VoiceCatalog(voices_).find("a")) << killed_at;
             // What was left under no name of its own is swept once it is old.
             for (const auto& item : fs::directory_iterator(uploaded(""))) {
               if (item.path().filename().string().starts_with(".echo-")) {
                 fs::last_write_time(item,
                                     fs::file_time_type::clock::now() - std::chrono::minutes(11));
               }
             }
             make();
             for (const auto& item : fs::directory_iterator(uploaded(""))) {
               EXPECT_NE(item.path().filename().string().front(), '.') << killed_at;
             }
           }});
  if (killed < 0) GTEST_SKIP() << "processes may not be traced here";
  EXPECT_GE(killed, 8) << "two files: open, lock, flush, rename; one removed";
}

}  // namespace
}  // namespace echo
