#include "audio/decode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "audio/encode.h"
#include "audio/silence.h"
#include "audio/voice.h"
#include "base/error.h"
#include "support/sounds/sounds.h"
#include "support/temp_dir.h"

namespace echo {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// The error of decoding a file as "kind: text"; "decoded" when there is none.
std::string failure_of(const fs::path& path, const DecodeOptions& options = {}) {
  try {
    decode_audio_file(path, options);
    return "decoded";
  } catch (const Error& error) {
    return std::string(error_kind(error.code())) + ": " + error.what();
  }
}

std::string failure_of_bytes(const std::string& bytes, const DecodeOptions& options = {}) {
  try {
    decode_audio_bytes(bytes, "upload", options);
    return "decoded";
  } catch (const Error& error) {
    return std::string(error_kind(error.code())) + ": " + error.what();
  }
}

// One file of every kind that is read, each holding `sound` at 44,100 Hz or, for Opus, 48,000 Hz.
struct Kind {
  std::string name;
  std::string bytes;
  int rate;
  std::string codec;
  int slack;        // samples that the file may be longer than the sound
  double likeness;  // least correlation with it
};

std::vector<Kind> all_kinds(const std::vector<float>& at_44100,
                            const std::vector<float>& at_48000) {
  std::vector<Kind> kinds;
  const auto ours = [&](AudioFormat format) { return encode_audio(at_44100, {format, 0, 0}); };
  kinds.push_back({"a.wav", ours(AudioFormat::kWav), 44100, "pcm_s16le", 0, 0.9999});
  kinds.push_back({"float.wav", float_wav(at_44100, 1, 44100), 44100, "pcm_f32le", 0, 0.9999});
  kinds.push_back({"a.flac", ours(AudioFormat::kFlac), 44100, "flac", 0, 0.9999});
  kinds.push_back({"a.mp3", ours(AudioFormat::kMp3), 44100, "mp3", 0, 0.99});
  kinds.push_back({"a.opus", ours(AudioFormat::kOggOpus), 48000, "opus", 0, 0.99});
  kinds.push_back(
      {"vorbis.ogg", mux_sound("ogg", "libvorbis", at_44100, 44100), 44100, "vorbis", 0, 0.99});
  kinds.push_back({"a.m4a", mux_sound("ipod", "aac", at_44100, 44100), 44100, "aac", 1024, 0.99});
  kinds.push_back(
      {"alac.m4a", mux_sound("ipod", "alac", at_44100, 44100), 44100, "alac", 0, 0.999});
  kinds.push_back({"a.aac", mux_sound("adts", "aac", at_44100, 44100), 44100, "aac", 3072, 0.98});
  kinds.push_back(
      {"a.webm", mux_sound("webm", "libopus", at_48000, 48000), 48000, "opus", 0, 0.99});
  return kinds;
}

TEST(Decode, ReadsEveryKindOfFile) {
  const std::vector<float> at_44100 = make_sound(66150, 44100);
  const std::vector<float> at_48000 = make_sound(72000, 48000);
  for (const Kind& kind : all_kinds(at_44100, at_48000)) {
    SCOPED_TRACE(kind.name);
    const DecodedAudio audio = decode_audio_bytes(kind.bytes, kind.name);
    EXPECT_EQ(audio.sample_rate, kind.rate);
    EXPECT_EQ(audio.channels, 1);
    EXPECT_EQ(audio.codec, kind.codec);
    EXPECT_TRUE(audio.warnings.empty()) << audio.warnings[0];
    const std::vector<float>& sound = kind.rate == 44100 ? at_44100 : at_48000;
    EXPECT_GE(audio.samples.size(), sound.size());
    EXPECT_LE(audio.samples.size(), sound.size() + static_cast<size_t>(kind.slack));
    // Raw AAC has no place to state the encoder's delay.
    const int reach = kind.name == "a.aac" ? 2048 : 4;
    EXPECT_GE(align(sound, audio.samples, reach).correlation, kind.likeness);
  }
}

TEST(Decode, ContentDecidesNotTheName) {
  const TempDir folder;
  const std::vector<float> sound = make_sound(44100, 44100);
  write_sound_file(folder / "really_flac.WAV", encode_audio(sound, {AudioFormat::kFlac, 0, 0}));
  EXPECT_EQ(decode_audio_file(folder / "really_flac.WAV").codec, "flac");
}

TEST(Decode, SuffixesInAnyCase) {
  for (const char* name : {"a.wav", "b.MP3", "c.M4a", "d.ogg", "dir/e.flac", "f.WebM", "g.aac",
                           "h.opus", "two.dots.Opus"}) {
    EXPECT_TRUE(has_audio_suffix(name)) << name;
  }
  for (const char* name : {"", "wav", ".wav", "a.txt", "a.wav.json", "a.wa", "awav"}) {
    EXPECT_FALSE(has_audio_suffix(name)) << name;
  }
}

TEST(Decode, MixesChannelsByTheirMean) {
  std::vector<float> planar(3 * 5000);
  for (size_t i = 0; i < 5000; ++i) {
    planar[i] = 0.9F, planar[5000 + i] = -0.3F, planar[10000 + i] = 0.3F;
  }
  const DecodedAudio audio = decode_audio_bytes(float_wav(planar, 3, 16000), "three.wav");
  EXPECT_EQ(audio.channels, 3);
  ASSERT_EQ(audio.samples.size(), 5000U);
  for (const float x : audio.samples) ASSERT_NEAR(x, 0.3F, 1e-7);
}

TEST(Decode, ReadsIntegersOfEveryWidthToTheSameScale) {
  const std::vector<float> sound = make_sound(20000, 44100);
  for (const auto& [encoder, step] : {std::pair{"pcm_u8", 1.0 / 100},
                                      {"pcm_s16le", 1.0 / 30000},
                                      {"pcm_s24le", 1e-6},
                                      {"pcm_s32le", 1e-6},
                                      {"pcm_f64le", 1e-7}}) {
    SCOPED_TRACE(encoder);
    const DecodedAudio audio = decode_audio_bytes(mux_sound("wav", encoder, sound, 44100), "x");
    ASSERT_EQ(audio.samples.size(), sound.size());
    for (size_t i = 0; i < sound.size(); ++i) ASSERT_NEAR(audio.samples[i], sound[i], step);
  }
}

// A WAV file of samples that lie in `bytes` bytes each, of which the upper `bits` are theirs.
std::string wide_wav(std::span<const float> sound, size_t bytes, unsigned bits, bool extensible,
                     bool floats = false) {
  std::string format, data;
  const auto put = [](std::string& to, uint64_t value, size_t size) {
    for (size_t i = 0; i < size; ++i) to.push_back(static_cast<char>(value >> (8 * i) & 0xFF));
  };
  const uint64_t kind = floats ? 3 : 1;
  put(format, extensible ? 0xFFFE : kind, 2);
  put(format, 1, 2);
  put(format, 44100, 4);
  put(format, 44100 * bytes, 4);
  put(format, bytes, 2);
  put(format, extensible ? bytes * 8 : bits, 2);
  if (extensible) {
    put(format, 22, 2);
    put(format, bits, 2);
    put(format, 4, 4);
    put(format, kind, 2);
    format += std::string("\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71", 14);
  }
  for (const float x : sound) {
    if (floats) {
      uint32_t word = 0;
      std::memcpy(&word, &x, sizeof word);
      put(data, word, 4);
      continue;
    }
    const auto value = std::llrint(std::ldexp(x, static_cast<int>(bits) - 1));
    const uint64_t shifted = static_cast<uint64_t>(value) << (bytes * 8 - bits);
    put(data, bytes == 1 ? shifted + 128 : shifted, bytes);
  }
  std::string file = "RIFF";
  put(file, 4 + 8 + format.size() + 8 + data.size(), 4);
  file += "WAVEfmt ";
  put(file, format.size(), 4);
  file += format + "data";
  put(file, data.size(), 4);
  return file + data;
}

TEST(Decode, BitsThatAreFewerThanTheirBytesAreReadByTheBytes) {
  const std::vector<float> sound = make_sound(20000, 44100);
  const struct {
    size_t bytes;
    unsigned bits;
    bool extensible, floats;
  } cases[] = {{4, 24, true, false}, {4, 20, true, false},  {4, 16, true, false},
               {3, 20, true, false}, {3, 16, true, false},  {2, 12, true, false},
               {4, 24, true, true},  {4, 24, false, false}, {3, 20, false, false},
               {4, 32, true, false}, {3, 24, true, false},  {2, 16, true, false},
               {4, 32, true, true},  {4, 32, false, true},  {2, 16, false, false}};
  for (const auto& c : cases) {
    SCOPED_TRACE(std::to_string(c.bits) + " bits in " + std::to_string(c.bytes) + " bytes" +
                 (c.floats ? ", floats" : "") + (c.extensible ? "" : ", plain"));
    const DecodedAudio audio =
        decode_audio_bytes(wide_wav(sound, c.bytes, c.bits, c.extensible, c.floats), "x.wav");
    EXPECT_TRUE(audio.warnings.empty()) << audio.warnings[0];
    ASSERT_EQ(audio.samples.size(), sound.size());
    const double step = c.floats ? 1e-7 : std::ldexp(1.0, 1 - static_cast<int>(c.bits)) + 1e-7;
    for (size_t i = 0; i < sound.size(); ++i) ASSERT_NEAR(audio.samples[i], sound[i], step) << i;
  }
}

TEST(Decode, LengthsThatWritersIntoPipesLeaveAreNoCuts) {
  const std::vector<float> sound = make_sound(20000, 44100);
  for (const uint32_t data : {0U, 0x7FFFF000U, 0x7FFFFFFFU, 0x80000000U, 0xFFFFFFFFU}) {
    const uint32_t riff = data == 0x7FFFF000U ? data + 36 : data;
    std::string file = wide_wav(sound, 2, 16, false);
    for (size_t i = 0; i < 4; ++i) {
      file[4 + i] = static_cast<char>(riff >> (8 * i) & 0xFF);
      file[40 + i] = static_cast<char>(data >> (8 * i) & 0xFF);
    }
    const DecodedAudio audio = decode_audio_bytes(file, "x.wav");
    EXPECT_TRUE(audio.warnings.empty()) << std::hex << data << ": " << audio.warnings[0];
    EXPECT_EQ(audio.samples.size(), sound.size()) << std::hex << data;
  }
}

TEST(Decode, ChannelsThatCancelLeaveTheLoudestOne) {
  const std::vector<float> sound = make_sound(20000, 44100);
  std::vector<float> opposite(2 * sound.size());
  for (size_t i = 0; i < sound.size(); ++i) {
    opposite[i] = 0.9F * sound[i];
    opposite[sound.size() + i] = -sound[i];
  }
  const DecodedAudio audio = decode_audio_bytes(float_wav(opposite, 2, 44100), "x.wav");
  EXPECT_EQ(audio.channels, 2);
  ASSERT_EQ(audio.samples.size(), sound.size());
  for (size_t i = 0; i < sound.size(); ++i) ASSERT_EQ(audio.samples[i], -sound[i]) << i;
  ASSERT_EQ(audio.warnings.size(), 1U);
  EXPECT_EQ(audio.warnings[0], "its channels cancel each other out; channel 2 alone is used");

  // A voice in one of many channels is no cancelling, nor is silence.
  std::vector<float> one_of_eight(8 * sound.size());
  std::copy(sound.begin(), sound.end(), one_of_eight.begin());
  EXPECT_TRUE(decode_audio_bytes(float_wav(one_of_eight, 8, 44100), "x").warnings.empty());
  EXPECT_TRUE(
      decode_audio_bytes(float_wav(std::vector<float>(20000), 2, 44100), "x").warnings.empty());
}

TEST(Decode, ASinkGetsTheSameSamplesInPieces) {
  struct Pieces final : AudioSink {
    void begin(const AudioFacts& facts) override {
      rate = facts.sample_rate;
      ++beginnings;
      samples.clear();
    }
    void take(std::span<const float> piece) override {
      longest = std::max(longest, piece.size());
      samples.insert(samples.end(), piece.begin(), piece.end());
    }
    int rate = 0, beginnings = 0;
    size_t longest = 0;
    std::vector<float> samples;
  };
  const std::vector<float> sound = make_sound(3 * 44100, 44100);
  for (const AudioFormat format : {AudioFormat::kFlac, AudioFormat::kMp3, AudioFormat::kOggOpus}) {
    const std::string file = encode_audio(sound, {format, 0, 0});
    const DecodedAudio whole = decode_audio_bytes(file, "x");
    Pieces pieces;
    const AudioFacts facts = decode_audio_bytes(file, "x", pieces);
    EXPECT_EQ(pieces.samples, whole.samples);
    EXPECT_EQ(pieces.rate, whole.sample_rate);
    EXPECT_EQ(pieces.beginnings, 1);
    EXPECT_LE(pieces.longest, 8192U);
    EXPECT_EQ(facts.codec, whole.codec);
    EXPECT_EQ(facts.warnings, whole.warnings);
  }
  std::vector<float> opposite(2 * sound.size());
  for (size_t i = 0; i < sound.size(); ++i) {
    opposite[i] = 0.9F * sound[i];
    opposite[sound.size() + i] = -sound[i];
  }
  Pieces pieces;
  decode_audio_bytes(float_wav(opposite, 2, 44100), "x", pieces);
  EXPECT_EQ(pieces.beginnings, 2) << "the channels cancel each other out";
  EXPECT_EQ(pieces.samples.size(), sound.size());
}

TEST(Decode, EachThingThatIsNoAudioFileHasItsOwnError) {
  const TempDir folder;
  fs::create_directory(folder / "folder.wav");
  fs::create_symlink("loop_b.wav", folder / "loop_a.wav");
  fs::create_symlink("loop_a.wav", folder / "loop_b.wav");
  fs::create_symlink("nowhere.wav", folder / "dangling.wav");
  write_sound_file(folder / "empty.wav", "");
  write_sound_file(folder / "zeros.wav", std::string(5000, '\0'));
  write_sound_file(folder / "text.wav",
                   "Once upon a time there was a file that was no sound at all.\n");
  write_sound_file(folder / "video.mp4", mux_video("mp4"));
  write_sound_file(folder / "playlist.wav",
                   "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n/etc/passwd\n");
  write_sound_file(folder / "concat.wav", "ffconcat version 1.0\nfile /etc/passwd\n");
  ASSERT_EQ(::mkfifo((folder / "pipe.wav").c_str(), 0600), 0);

  const struct {
    std::string name;
    std::string kind;
    std::string says;
  } cases[] = {
      {"missing.wav", "not_found", "no such file"},
      {"dangling.wav", "not_found", "no such file"},
      {"text.wav/inside.wav", "not_found", "no such file"},
      {"folder.wav", "invalid_input", "is a directory"},
      {"loop_a.wav", "invalid_input", "symbolic links"},
      {"pipe.wav", "invalid_input", "not a regular file"},
      {"empty.wav", "corrupt", "is empty"},
      {"zeros.wav", "corrupt", "begins with 5000 zero bytes"},
      {"text.wav", "corrupt", "is not audio"},
      {"playlist.wav", "corrupt", "is not audio"},
      {"concat.wav", "corrupt", "is not audio"},
      {"video.mp4", "invalid_input", "video without sound"},
  };
  for (const auto& c : cases) {
    const std::string failure = failure_of(folder / c.name);
    EXPECT_EQ(failure.substr(0, c.kind.size() + 2), c.kind + ": ") << failure;
    EXPECT_NE(failure.find(c.says), std::string::npos) << failure;
    EXPECT_NE(failure.find(c.name), std::string::npos) << failure;
  }
  EXPECT_EQ(failure_of(folder / std::string(300, 'n')).substr(0, 15), "invalid_input: ");
  EXPECT_EQ(failure_of(std::string("a\0b.wav", 7)).substr(0, 15), "invalid_input: ");
}

TEST(Decode, AHugeFileOfZerosIsRefusedAtOnce) {
  const TempDir folder;
  write_sound_file(folder / "huge.wav", "");
  ASSERT_EQ(::truncate((folder / "huge.wav").c_str(), int64_t{2} << 30), 0);  // takes no disk
  const std::string failure = failure_of(folder / "huge.wav");
  EXPECT_NE(failure.find("corrupt: "), std::string::npos) << failure;
  EXPECT_NE(failure.find("begins with 65536 zero bytes"), std::string::npos) << failure;
}

TEST(Decode, LimitsNameWhatWasFoundAndWhatIsAllowed) {
  const std::string mono = float_wav(make_sound(16000, 16000), 1, 16000);
  DecodeOptions bytes;
  bytes.max_bytes = 1000;
  EXPECT_NE(failure_of_bytes(mono, bytes).find("has 64044 bytes, expected at most 1000"),
            std::string::npos);
  EXPECT_NE(failure_of_bytes(float_wav(std::vector<float>(9 * 4000, 0.1F), 9, 16000))
                .find("has 9 channels, expected 1 to 8"),
            std::string::npos);
  EXPECT_NE(failure_of_bytes(float_wav(make_sound(4000, 1000), 1, 1000))
                .find("sample rate is 1000 Hz, expected 4000 to 384000"),
            std::string::npos);
  EXPECT_EQ(failure_of_bytes(float_wav(make_sound(4000, 2000000), 1, 2000000)).substr(0, 15),
            "invalid_input: ");
}

TEST(Decode, StopsAtTheLongestDurationAndSaysSo) {
  DecodeOptions options;
  options.max_seconds = 0.5;
  const DecodedAudio audio =
      decode_audio_bytes(float_wav(make_sound(16000, 16000), 1, 16000), "x", options);
  EXPECT_EQ(audio.samples.size(), 8000U);
  ASSERT_EQ(audio.warnings.size(), 1U);
  EXPECT_EQ(audio.warnings[0], "only its first 0.50 s are used");
}

TEST(Decode, ACutFileGivesWhatItHoldsAndAWarning) {
  const std::vector<float> sound = make_sound(3 * 48000, 48000);
  const std::pair<std::string, std::string> files[] = {
      {"wav", encode_audio(sound, {AudioFormat::kWav, 0, 0}, 48000)},
      {"flac", encode_audio(sound, {AudioFormat::kFlac, 0, 0}, 48000)},
      {"mp3", encode_audio(sound, {AudioFormat::kMp3, 0, 0}, 48000)},
      {"opus", encode_audio(sound, {}, 48000)},
      {"webm", mux_sound("webm", "libopus", sound, 48000)},
      {"m4a with its index first", mux_sound("ipod", "aac", sound, 48000, "movflags=+faststart")},
  };
  for (const auto& [name, bytes] : files) {
    SCOPED_TRACE(name);
    const DecodedAudio audio = decode_audio_bytes(bytes.substr(0, bytes.size() * 3 / 5), name);
    const double seconds = static_cast<double>(audio.samples.size()) / audio.sample_rate;
    EXPECT_GT(seconds, 0.9);
    EXPECT_LT(seconds, 2.4);
    EXPECT_FALSE(audio.warnings.empty());
  }
}

TEST(Decode, AnOggFileThatDoesNotEndItsStreamIsUsedWithAWarning) {
  std::string bytes = encode_audio(make_sound(44100, 44100), {});
  bytes.resize(bytes.rfind("OggS"));  // a whole number of pages
  const DecodedAudio audio = decode_audio_bytes(bytes, "x.ogg");
  ASSERT_EQ(audio.warnings.size(), 1U);
  EXPECT_NE(audio.warnings[0].find("seems to be cut"), std::string::npos);
}

TEST(Decode, WhatFollowsAChangeOfRateIsLeftOut) {
  // Two Ogg streams one after the other are one file, and may differ in their rate.
  const std::string bytes = mux_sound("ogg", "libvorbis", make_sound(44100, 44100), 44100) +
                            mux_sound("ogg", "libvorbis", make_sound(48000, 48000), 48000);
  const DecodedAudio audio = decode_audio_bytes(bytes, "x.ogg");
  EXPECT_EQ(audio.sample_rate, 44100);
  EXPECT_NEAR(static_cast<double>(audio.samples.size()), 44100, 2048);
  ASSERT_FALSE(audio.warnings.empty());
  EXPECT_NE(audio.warnings[0].find("changes from 44100 to 48000 Hz"), std::string::npos);
}

TEST(Decode, AFileCutBeforeItsIndexIsCorrupt) {
  const std::string m4a = mux_sound("ipod", "aac", make_sound(96000, 48000), 48000);
  const std::string failure = failure_of_bytes(m4a.substr(0, m4a.size() / 2));
  EXPECT_EQ(failure.substr(0, 9), "corrupt: ") << failure;
  EXPECT_NE(failure.find("damaged or cut"), std::string::npos) << failure;
}

TEST(Decode, SamplesThatAreNoNumbersAreCorrupt) {
  for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    std::vector<float> sound = make_sound(16000, 16000);
    sound[777] = bad;
    const std::string failure = failure_of_bytes(float_wav(sound, 1, 16000));
    EXPECT_EQ(failure, "corrupt: upload: sample 777 is not a finite number");
  }
}

TEST(Decode, CanBeInterrupted) {
  const std::string bytes = float_wav(make_sound(160000, 16000), 1, 16000);
  std::stop_source stop;
  // Stops when it has been given a second of sound.
  struct Listener : AudioSink {
    void begin(const AudioFacts&) override {}
    void take(std::span<const float> samples) override {
      heard += samples.size();
      if (heard >= 16000) stop->request_stop();
    }
    std::stop_source* stop = nullptr;
    size_t heard = 0;
  } listener;
  listener.stop = &stop;
  const DecodeOptions options{.stop = stop.get_token()};
  try {
    decode_audio_bytes(bytes, "upload", listener, options);
    ADD_FAILURE() << "decoded to its end";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  }
  EXPECT_GE(listener.heard, 16000u);
  EXPECT_LT(listener.heard, 32000u);
  EXPECT_EQ(failure_of_bytes(bytes, options).substr(0, 11), "cancelled: ");
}

// Whatever the damage: an Error or some sound, never a crash, and in bounded time.
TEST(Decode, SurvivesDamagedFiles) {
  const std::vector<float> at_44100 = make_sound(22050, 44100);
  const std::vector<float> at_48000 = make_sound(24000, 48000);
  std::mt19937 random(11);
  int decoded = 0;
  int refused = 0;
  for (const Kind& kind : all_kinds(at_44100, at_48000)) {
    SCOPED_TRACE(kind.name);
    for (int round = 0; round < 40; ++round) {
      std::string bytes = kind.bytes;
      const size_t reach = round % 2 == 0 ? bytes.size() : std::min<size_t>(bytes.size(), 200);
      for (unsigned flips = 1 + random() % 20; flips > 0; --flips) {
        bytes[random() % reach] = static_cast<char>(random());
      }
      if (round % 5 == 0) bytes.resize(1 + random() % bytes.size());
      const std::string outcome = failure_of_bytes(bytes);
      (outcome == "decoded" ? decoded : refused) += 1;
      const bool blamed_on_the_file = outcome == "decoded" || outcome.starts_with("corrupt: ") ||
                                      outcome.starts_with("invalid_input: ");
      EXPECT_TRUE(blamed_on_the_file) << outcome;
    }
  }
  EXPECT_GT(decoded, 50);
  EXPECT_GT(refused, 50);
}

TEST(Decode, RandomBytesAreNotAudio) {
  std::mt19937 random(12);
  for (int round = 0; round < 20; ++round) {
    std::string bytes(1 + random() % 100000, ' ');
    for (char& c : bytes) c = static_cast<char>(random());
    EXPECT_EQ(failure_of_bytes(bytes).substr(0, 9), "corrupt: ") << round;
  }
}

TEST(Voice, QuietStaysQuietAndLoudIsBroughtToOne) {
  const Voice quiet = load_voice_bytes(float_wav(make_sound(88200, 44100), 1, 44100), "x");
  EXPECT_EQ(quiet.samples, make_sound(88200, 44100));
  EXPECT_TRUE(quiet.warnings.empty());
  std::vector<float> sound = make_sound(88200, 44100);
  for (float& x : sound) x *= 20;
  const Voice loud = load_voice_bytes(float_wav(sound, 1, 44100), "x");
  EXPECT_EQ(*std::max_element(loud.samples.begin(), loud.samples.end()), 1.0F);
}

TEST(Voice, OfAFileIsThatOfItsMeanOverChannels) {
  std::vector<float> planar = make_sound(9600, 48000);
  const std::vector<float> right = make_sound(9600, 48000, 230);
  planar.insert(planar.end(), right.begin(), right.end());
  DecodedAudio decoded;
  decoded.samples = mix_to_mono(planar, 2);
  decoded.sample_rate = 48000;
  EXPECT_EQ(prepare_voice(decoded).samples,
            load_voice_bytes(float_wav(planar, 2, 48000), "x").samples);
}

TEST(Voice, WarnsOfSilenceAndOfHardlyAnything) {
  const Voice silent = load_voice_bytes(float_wav(std::vector<float>(96000), 1, 48000), "x");
  ASSERT_EQ(silent.warnings.size(), 1U);
  EXPECT_NE(silent.warnings[0].find("silent"), std::string::npos);
  const Voice brief = load_voice_bytes(float_wav(make_sound(11025, 44100), 1, 44100), "x");
  ASSERT_EQ(brief.warnings.size(), 1U);
  EXPECT_NE(brief.warnings[0].find("only 0.25 s long"), std::string::npos);
}

TEST(Voice, WarnsOfWhatAListenerWouldSay) {
  const auto warnings_of = [](const std::vector<float>& sound) {
    return load_voice_bytes(float_wav(sound, 1, 44100), "x").warnings;
  };
  std::vector<float> clipped = make_sound(88200, 44100), offset = clipped, loud = clipped;
  for (float& x : clipped) x = std::clamp(8 * x, -1.F, 1.F);
  for (float& x : offset) x += 0.05F;
  const float peak = find_peak(loud);
  for (float& x : loud) x /= peak;
  EXPECT_THAT(warnings_of(clipped), ElementsAre(HasSubstr("it is clipped: ")));
  EXPECT_THAT(warnings_of(offset), ElementsAre(HasSubstr("direct-current offset")));
  EXPECT_THAT(warnings_of(loud), IsEmpty());
  const std::vector<float> song = make_sound(121 * 4000, 4000);
  EXPECT_THAT(load_voice_bytes(float_wav(song, 1, 4000), "x").warnings,
              ElementsAre(HasSubstr("it is 121 s long, as a piece of music is")));
}

TEST(Voice, TooShortForAVoiceIsAnError) {
  EXPECT_NO_THROW(load_voice_bytes(float_wav(make_sound(8192, 44100), 1, 44100), "x"));
  try {
    load_voice_bytes(float_wav(make_sound(6615, 44100), 1, 44100), "x.wav");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_STREQ(error.what(), "x.wav: is 0.15 s long, expected at least 0.19 s of a voice");
  }
}

TEST(Voice, LoadsAFileAtTheModelsRate) {
  const TempDir folder;
  write_sound_file(folder / "voice.ogg", encode_audio(make_sound(96000, 48000), {}, 48000));
  EXPECT_EQ(load_voice(folder / "voice.ogg").samples.size(), 88200U);
}

}  // namespace
}  // namespace echo
