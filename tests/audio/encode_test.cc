#include "audio/encode.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <limits>
#include <random>
#include <span>

#include "audio/decode.h"
#include "audio/ogg_serial.h"
#include "audio/resample.h"
#include "base/error.h"
#include "base/spool_file.h"
#include "support/sounds/sounds.h"
#include "support/temp_dir.h"
#include "support/thrown_error.h"

namespace echo {
namespace {

uint32_t read_u32(const std::string& bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value |= uint32_t{static_cast<uint8_t>(bytes[at + i])} << (8 * i);
  return value;
}

uint32_t read_u16(const std::string& bytes, size_t at) { return read_u32(bytes, at) & 0xFFFF; }

std::string failure_of(const EncodeOptions& options) {
  try {
    validate(options);
    return "valid";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    return error.what();
  }
}

// The pages of an Ogg stream, each with what its header says.
struct Page {
  unsigned flags;
  int64_t granule;
  uint32_t serial;
  uint32_t sequence;
  std::string body;
};

// The checksum of the Ogg format: polynomial 0x04C11DB7, the highest bit first, no inversion.
uint32_t ogg_checksum(std::string page) {
  page.replace(22, 4, 4, '\0');
  uint32_t crc = 0;
  for (const char c : page) {
    crc ^= uint32_t{static_cast<uint8_t>(c)} << 24;
    for (int bit = 0; bit < 8; ++bit) crc = (crc << 1) ^ ((crc >> 31) != 0 ? 0x04C11DB7U : 0U);
  }
  return crc;
}

std::vector<Page> pages_of(const std::string& bytes) {
  std::vector<Page> pages;
  for (size_t at = 0; at < bytes.size();) {
    EXPECT_EQ(bytes.substr(at, 4), "OggS");
    const uint64_t granule = read_u32(bytes, at + 6) | uint64_t{read_u32(bytes, at + 10)} << 32;
    const size_t segments = static_cast<uint8_t>(bytes[at + 26]);
    size_t size = 0;
    for (size_t i = 0; i < segments; ++i) size += static_cast<uint8_t>(bytes[at + 27 + i]);
    EXPECT_EQ(read_u32(bytes, at + 22), ogg_checksum(bytes.substr(at, 27 + segments + size)));
    pages.push_back({static_cast<uint8_t>(bytes[at + 5]), static_cast<int64_t>(granule),
                     read_u32(bytes, at + 14), read_u32(bytes, at + 18),
                     bytes.substr(at + 27 + segments, size)});
    at += 27 + segments + size;
    EXPECT_LE(at, bytes.size());
  }
  return pages;
}

TEST(Encode, OpusLengthIsExactAtEveryLength) {
  for (const size_t n : {1U, 100U, 441U, 881U, 882U, 883U, 5000U, 44100U, 66151U, 441000U}) {
    for (const int rate : {48000, 24000, 16000}) {
      SCOPED_TRACE(std::to_string(n) + " samples at " + std::to_string(rate));
      const std::vector<float> sound = make_sound(n, 44100);
      const std::string file = encode_audio(sound, {AudioFormat::kOggOpus, rate, 0});
      const DecodedAudio audio = decode_audio_bytes(file, "x.ogg");
      EXPECT_EQ(audio.sample_rate, 48000) << "what Opus decoders give";
      const size_t at_rate = (n * static_cast<size_t>(rate) + 44099) / 44100;
      EXPECT_EQ(audio.samples.size(), at_rate * 48000 / static_cast<size_t>(rate));
    }
  }
}

TEST(Encode, OpusGranulesCountFromThePreSkip) {
  const size_t n = 3 * 44100;
  const std::vector<Page> pages = pages_of(encode_audio(make_sound(n, 44100)));
  ASSERT_GE(pages.size(), 4U);
  const std::string& head = pages[0].body;
  EXPECT_EQ(head.substr(0, 8), "OpusHead");
  EXPECT_EQ(head[8], 1);  // version
  EXPECT_EQ(head[9], 1);  // channels
  const uint32_t pre_skip = read_u16(head, 10);
  EXPECT_GE(pre_skip, 312U);
  EXPECT_EQ(read_u32(head, 12), 48000U);
  EXPECT_EQ(pages[0].flags, 2U) << "begins the stream";
  EXPECT_EQ(pages[1].body.substr(0, 8), "OpusTags");
  int64_t before = 0;
  for (size_t i = 2; i < pages.size(); ++i) {
    EXPECT_GT(pages[i].granule, before);
    EXPECT_EQ(pages[i].flags & 4, i + 1 == pages.size() ? 4U : 0U) << "only the last page ends it";
    before = pages[i].granule;
  }
  EXPECT_EQ(before, 3 * 48000 + static_cast<int64_t>(pre_skip));
}

TEST(Encode, OpusHeadNamesTheRateThatWasPutIn) {
  const std::vector<float> sound = make_sound(44100, 44100);
  const std::string file = encode_audio(sound, {AudioFormat::kOggOpus, 24000, 0});
  EXPECT_EQ(read_u32(pages_of(file)[0].body, 12), 24000U);
}

TEST(Encode, OpusBitrateIsVariableAndOnAverageWhatWasAsked) {
  std::mt19937 random(4);
  std::vector<float> hiss(10 * 44100);
  for (float& x : hiss) x = static_cast<float>(random() % 2001) / 5000.0F - 0.2F;
  for (const int bitrate : {24000, 64000, 128000}) {
    const size_t bytes = encode_audio(hiss, {AudioFormat::kOggOpus, 0, bitrate}).size();
    EXPECT_NEAR(static_cast<double>(bytes) * 8 / 10, bitrate, 0.2 * bitrate);
  }
  EXPECT_LT(encode_audio(std::vector<float>(10 * 44100)).size(), 10 * 24000 / 8U)
      << "silence costs hardly anything";
}

TEST(Encode, WhatComesBackSoundsTheSame) {
  const std::vector<float> sound = make_sound(2 * 44100, 44100);
  const struct {
    EncodeOptions options;
    double likeness;
  } cases[] = {
      {{AudioFormat::kOggOpus, 48000, 0}, 0.995}, {{AudioFormat::kOggOpus, 24000, 0}, 0.995},
      {{AudioFormat::kWav, 44100, 0}, 0.99999},   {{AudioFormat::kWav, 24000, 0}, 0.99999},
      {{AudioFormat::kFlac, 44100, 0}, 0.99999},  {{AudioFormat::kFlac, 48000, 0}, 0.99999},
      {{AudioFormat::kMp3, 44100, 0}, 0.995},     {{AudioFormat::kMp3, 24000, 64000}, 0.99},
  };
  for (const auto& [options, likeness] : cases) {
    SCOPED_TRACE(std::string(format_name(options.format)) + " at " +
                 std::to_string(options.sample_rate));
    const DecodedAudio audio = decode_audio_bytes(encode_audio(sound, options), "x");
    EXPECT_TRUE(audio.warnings.empty());
    const std::vector<float> back = resample(audio.samples, audio.sample_rate, 44100);
    EXPECT_NEAR(static_cast<double>(back.size()), static_cast<double>(sound.size()), 2);
    const Alignment alignment = align(sound, back, 5);
    EXPECT_GE(alignment.correlation, likeness);
    EXPECT_LE(std::abs(alignment.shift), 1);
  }
}

TEST(Encode, WavHeaderAndSamplesAreExact) {
  const std::vector<float> sound = {0, 0.5F, -0.5F, 1, -1, 2, -2, 1.0F / 32768};
  const std::string file = encode_audio(sound, {AudioFormat::kWav, 0, 0});
  ASSERT_EQ(file.size(), 44U + 16U);
  EXPECT_EQ(file.substr(0, 4), "RIFF");
  EXPECT_EQ(read_u32(file, 4), 36U + 16U);
  EXPECT_EQ(file.substr(8, 8), "WAVEfmt ");
  EXPECT_EQ(read_u32(file, 16), 16U);
  EXPECT_EQ(read_u16(file, 20), 1U);  // PCM
  EXPECT_EQ(read_u16(file, 22), 1U);  // channels
  EXPECT_EQ(read_u32(file, 24), 44100U);
  EXPECT_EQ(read_u32(file, 28), 88200U);
  EXPECT_EQ(read_u16(file, 32), 2U);
  EXPECT_EQ(read_u16(file, 34), 16U);
  EXPECT_EQ(file.substr(36, 4), "data");
  EXPECT_EQ(read_u32(file, 40), 16U);
  const int expected[] = {0, 16384, -16384, 32767, -32768, 32767, -32768, 1};
  for (size_t i = 0; i < 8; ++i) {
    EXPECT_EQ(static_cast<int16_t>(read_u16(file + "00", 44 + 2 * i)), expected[i]) << i;
  }
  EXPECT_EQ(encode_audio(sound, {AudioFormat::kPcm, 0, 0}), file.substr(44));
}

TEST(Encode, FlacAndMp3StateTheirLength) {
  const std::vector<float> sound = make_sound(50000, 44100);
  for (const AudioFormat format : {AudioFormat::kFlac, AudioFormat::kMp3}) {
    const DecodedAudio audio = decode_audio_bytes(encode_audio(sound, {format, 0, 0}), "x");
    EXPECT_EQ(audio.samples.size(), 50000U) << format_name(format);
  }
}

TEST(Encode, TheSameSamplesGiveTheSameBytes) {
  const std::vector<float> sound = make_sound(30000, 44100);
  for (const AudioFormat format : {AudioFormat::kOggOpus, AudioFormat::kWav, AudioFormat::kFlac,
                                   AudioFormat::kMp3, AudioFormat::kAac, AudioFormat::kPcm}) {
    EXPECT_EQ(encode_audio(sound, {format, 0, 0}), encode_audio(sound, {format, 0, 0}));
  }
}

TEST(Encode, PiecesGiveTheSameFileAsTheWhole) {
  const std::vector<float> sound = make_sound(100000, 44100);
  std::mt19937 random(5);
  for (const AudioFormat format : {AudioFormat::kOggOpus, AudioFormat::kWav, AudioFormat::kFlac,
                                   AudioFormat::kMp3, AudioFormat::kAac}) {
    AudioEncoder encoder({format, 48000, 0});
    for (size_t at = 0; at < sound.size();) {
      const size_t count = std::min<size_t>(random() % 5000, sound.size() - at);
      encoder.push({sound.data() + at, count});
      at += count;
    }
    EXPECT_TRUE(encoder.take_bytes().empty()) << "headers are not complete yet";
    encoder.finish();
    EXPECT_EQ(encoder.take_bytes(), encode_audio(sound, {format, 48000, 0}));
  }
}

TEST(Encode, AFileHasTheBytesOfMemoryWithoutHoldingThem) {
  const std::vector<float> sound = make_sound(300'000, 44100);
  TempDir folder;
  for (const AudioFormat format : {AudioFormat::kOggOpus, AudioFormat::kWav, AudioFormat::kFlac,
                                   AudioFormat::kMp3, AudioFormat::kAac, AudioFormat::kPcm}) {
    SCOPED_TRACE(format_name(format));
    SpoolFile file(folder.path());
    AudioEncoder encoder({format, 48000, 0}, file.descriptor(), 44100);
    for (size_t at = 0; at < sound.size(); at += 10'000) {
      encoder.push({sound.data() + at, 10'000});
      EXPECT_EQ(encoder.take_bytes(), "");
    }
    encoder.finish();
    EXPECT_EQ(encoder.take_bytes(), "");
    const std::string whole = encode_audio(sound, {format, 48000, 0});
    EXPECT_EQ(encoder.file_bytes(), whole.size());
    EXPECT_TRUE(file.map() == whole);
  }
}

TEST(Encode, AFullDiskIsToldOf) {
  const int full = ::open("/dev/full", O_RDWR | O_CLOEXEC);
  ASSERT_GE(full, 0);
  const std::vector<float> sound = make_sound(500'000, 44100);
  for (const AudioFormat format : {AudioFormat::kOggOpus, AudioFormat::kWav, AudioFormat::kFlac,
                                   AudioFormat::kMp3, AudioFormat::kAac, AudioFormat::kPcm}) {
    SCOPED_TRACE(format_name(format));
    const Error error = error_of([&] {
      AudioEncoder encoder({format, 0, 0}, full, 44100);
      encoder.push(sound);
      encoder.finish();
    });
    EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
    EXPECT_NE(std::string(error.what()).find("No space left"), std::string::npos) << error.what();
  }
  ::close(full);
}

TEST(Encode, StreamedBytesComeEarlyAndDecodeToTheSameSound) {
  const std::vector<float> sound = make_sound(4 * 44100, 44100);
  for (const AudioFormat format : {AudioFormat::kOggOpus, AudioFormat::kWav, AudioFormat::kFlac,
                                   AudioFormat::kMp3, AudioFormat::kPcm}) {
    SCOPED_TRACE(format_name(format));
    AudioEncoder encoder({format, 0, 0}, AudioEncoder::Mode::kStream);
    std::string bytes;
    size_t early = 0;
    for (size_t at = 0; at < sound.size(); at += 4410) {
      encoder.push({sound.data() + at, 4410});
      bytes += encoder.take_bytes();
      if (at == 2 * 44100) early = bytes.size();
    }
    encoder.finish();
    bytes += encoder.take_bytes();
    EXPECT_GT(early, bytes.size() * 4 / 10) << "half of the sound was pushed by then";
    if (format == AudioFormat::kPcm) {
      EXPECT_EQ(bytes, encode_audio(sound, {format, 0, 0}));
      continue;
    }
    const DecodedAudio audio = decode_audio_bytes(bytes, "stream");
    EXPECT_TRUE(audio.warnings.empty()) << audio.warnings[0];
    const std::vector<float> back = resample(audio.samples, audio.sample_rate, 44100);
    // Without a header that states it, MP3 decoders keep the padding at both ends.
    const double slack = format == AudioFormat::kMp3 ? 3 * 1152 : 2;
    EXPECT_NEAR(static_cast<double>(back.size()), static_cast<double>(sound.size()), slack);
    EXPECT_GE(align(sound, back, format == AudioFormat::kMp3 ? 1500 : 3).correlation, 0.99);
  }
}

TEST(Encode, StreamedOpusPagesAreShort) {
  AudioEncoder encoder({}, AudioEncoder::Mode::kStream);
  encoder.push(make_sound(4 * 44100, 44100));
  encoder.finish();
  const std::vector<Page> pages = pages_of(encoder.take_bytes());
  EXPECT_GE(pages.size(), 2 + 4 * 8U) << "about a tenth of a second each";
}

std::string streamed(std::span<const float> sound, size_t piece, const EncodeOptions& options) {
  AudioEncoder encoder(options, AudioEncoder::Mode::kStream);
  std::string bytes;
  for (size_t at = 0; at < sound.size(); at += piece) {
    encoder.push(sound.subspan(at, std::min(piece, sound.size() - at)));
    bytes += encoder.take_bytes();
  }
  encoder.finish();
  return bytes + encoder.take_bytes();
}

// One serial on all pages, or a failure.
uint32_t serial_of(const std::string& ogg) {
  const std::vector<Page> pages = pages_of(ogg);
  for (const Page& page : pages) EXPECT_EQ(page.serial, pages.at(0).serial);
  return pages.at(0).serial;
}

TEST(Encode, OggSerialsTellContentAndOptionsApart) {
  const std::vector<float> sound = make_sound(30000, 44100);
  std::vector<float> other = sound;
  other.back() += 0.01F;
  const std::span<const float> shorter = std::span(sound).first(29999);
  const uint32_t serial = serial_of(encode_audio(sound));
  EXPECT_EQ(serial, serial_of(encode_audio(sound)));
  EXPECT_NE(serial, serial_of(encode_audio(other))) << "only the last sample differs";
  EXPECT_NE(serial, serial_of(encode_audio(shorter)));
  EXPECT_NE(serial, serial_of(encode_audio(sound, {AudioFormat::kOggOpus, 24000, 0})));
  EXPECT_NE(serial, serial_of(encode_audio(sound, {AudioFormat::kOggOpus, 0, 64000})));
}

TEST(Encode, StreamedOggSerialsComeOfTheFirstTenthOfASecond) {
  const std::vector<float> sound = make_sound(30000, 44100), other = make_sound(30000, 44100, 200);
  const std::string whole = streamed(sound, 30000, {});
  EXPECT_NE(serial_of(whole), 0U);
  EXPECT_EQ(serial_of(streamed(sound, 100, {})), serial_of(whole)) << "however it is cut";
  EXPECT_NE(serial_of(streamed(other, 30000, {})), serial_of(whole));
  EXPECT_NE(serial_of(streamed(sound, 30000, {AudioFormat::kOggOpus, 0, 64000})), serial_of(whole));
  const std::span<const float> start = std::span(sound).first(50);
  EXPECT_GT(streamed(start, 10, {}).size(), 100U) << "shorter than that";
}

TEST(Encode, OggChecksumsAreThoseOfTheMultiplexer) {
  const std::string theirs = streamed(make_sound(30000, 44100), 1000, {});
  std::string ours = theirs;
  set_ogg_serial(ours, 1);
  EXPECT_EQ(serial_of(ours), 1U);
  set_ogg_serial(ours, serial_of(theirs));
  EXPECT_EQ(ours, theirs);
}

TEST(Encode, OggFilesOneAfterTheOtherAreOneFile) {
  const std::vector<float> first = make_sound(44100, 44100), second = make_sound(88200, 44100, 200);
  for (const bool stream : {false, true}) {
    const std::string joined = stream ? streamed(first, 500, {}) + streamed(second, 500, {})
                                      : encode_audio(first) + encode_audio(second);
    const DecodedAudio audio = decode_audio_bytes(joined, "joined.ogg");
    EXPECT_TRUE(audio.warnings.empty()) << audio.warnings[0];
    EXPECT_NEAR(static_cast<double>(audio.samples.size()), 3 * 48000, 2 * 960) << stream;
  }
}

// Milliseconds of sound that a codec may keep back of what was pushed.
double codec_delay(AudioFormat format) {
  switch (format) {
    case AudioFormat::kOggOpus:
      return 27;
    case AudioFormat::kMp3:
      return 2 * 26.2;
    case AudioFormat::kAac:
      return 23 + 23.3;
    case AudioFormat::kFlac:
      return 104.5;
    default:
      return 0;
  }
}

class StreamedFormats : public ::testing::TestWithParam<AudioFormat> {
 protected:
  const std::vector<float> sound_ = make_sound(3 * 44100, 44100);

  // What can be taken after each piece of a tenth of a second, the last one after finish().
  std::vector<std::string> pieces() const {
    AudioEncoder encoder({GetParam(), 0, 0}, AudioEncoder::Mode::kStream);
    std::vector<std::string> taken;
    for (size_t at = 0; at < sound_.size(); at += 4410) {
      encoder.push({sound_.data() + at, 4410});
      taken.push_back(encoder.take_bytes());
    }
    encoder.finish();
    taken.push_back(encoder.take_bytes());
    return taken;
  }
};

TEST_P(StreamedFormats, CutAfterAnyPieceHoldTheSoundUpToThere) {
  if (GetParam() == AudioFormat::kPcm) GTEST_SKIP() << "bare samples are not decoded";
  const std::vector<std::string> taken = pieces();
  std::string bytes;
  for (size_t i = 0; i + 1 < taken.size(); ++i) {
    bytes += taken[i];
    const double given = 100.0 * static_cast<double>(i + 1);
    if (bytes.empty()) {
      EXPECT_LE(given, codec_delay(GetParam()));
      continue;
    }
    // Frames of MPEG are only believed when several follow each other.
    if (GetParam() == AudioFormat::kMp3 && given < 250) continue;
    const DecodedAudio audio = decode_audio_bytes(bytes, "cut");
    const double held = 1000.0 * static_cast<double>(audio.samples.size()) / audio.sample_rate;
    EXPECT_GE(held, given - codec_delay(GetParam())) << "after piece " << i;
  }
}

TEST_P(StreamedFormats, KeepWhatWasGivenAndEndWithoutRevisions) {
  const std::vector<std::string> taken = pieces();
  std::string bytes;
  for (const std::string& piece : taken) bytes += piece;
  if (GetParam() == AudioFormat::kWav) {
    EXPECT_EQ(bytes.size(), 44 + 2 * sound_.size()) << "a header of 44 bytes and samples, no more";
    EXPECT_GE(taken[0].size(), 46U) << "the header comes with sound";
    EXPECT_EQ(bytes.substr(0, 4), "RIFF");
    EXPECT_EQ(read_u32(bytes, 4), 0xFFFFFFFFU);
    EXPECT_EQ(bytes.substr(8, 8), "WAVEfmt ");
    EXPECT_EQ(read_u32(bytes, 24), 44100U);
    EXPECT_EQ(read_u32(bytes, 28), 88200U);
    EXPECT_EQ(bytes.substr(36, 4), "data");
    EXPECT_EQ(read_u32(bytes, 40), 0xFFFFFFFFU);
  }
  if (GetParam() == AudioFormat::kPcm) {
    EXPECT_EQ(bytes.size(), 2 * sound_.size());
  }
  if (GetParam() == AudioFormat::kMp3) {
    EXPECT_EQ(static_cast<uint8_t>(bytes[0]), 0xFF) << "begins with a frame, not with a tag";
    EXPECT_EQ(bytes.find("Xing"), std::string::npos);
    EXPECT_EQ(bytes.find("Info"), std::string::npos);
  }
  if (GetParam() == AudioFormat::kAac) {
    EXPECT_EQ(static_cast<uint8_t>(bytes[0]), 0xFF) << "begins with a frame";
  }
  if (GetParam() == AudioFormat::kFlac) {
    EXPECT_LT(bytes.find("\xFF\xF8"), 200U) << "no padding before the first frame";
    EXPECT_EQ(bytes.substr(21 + 5, 16), std::string(16, '\0')) << "no sum of samples yet";
    EXPECT_EQ(bytes.rfind("fLaC"), 0U) << "no header repeated at the end";
  }
}

TEST_P(StreamedFormats, SoundLikeTheWholeFile) {
  std::string bytes;
  for (const std::string& piece : pieces()) bytes += piece;
  const std::string whole = encode_audio(sound_, {GetParam(), 0, 0});
  if (GetParam() == AudioFormat::kPcm) {
    EXPECT_EQ(bytes, whole);
    return;
  }
  const DecodedAudio streamed = decode_audio_bytes(bytes, "stream");
  const DecodedAudio file = decode_audio_bytes(whole, "file");
  switch (GetParam()) {
    case AudioFormat::kWav:
    case AudioFormat::kFlac:
    case AudioFormat::kOggOpus:
      EXPECT_EQ(streamed.samples, file.samples);
      break;
    default:
      EXPECT_GE(streamed.samples.size(), sound_.size());
      EXPECT_LE(streamed.samples.size(), sound_.size() + 3 * 1152);
  }
}

INSTANTIATE_TEST_SUITE_P(All, StreamedFormats,
                         ::testing::Values(AudioFormat::kOggOpus, AudioFormat::kWav,
                                           AudioFormat::kFlac, AudioFormat::kMp3, AudioFormat::kAac,
                                           AudioFormat::kPcm),
                         [](const auto& one) { return std::string(format_name(one.param)); });

TEST(Encode, StreamedOpusLeavesWithEachPieceAllButOneUnfinishedPacket) {
  AudioEncoder encoder({}, AudioEncoder::Mode::kStream);
  const std::vector<float> sound = make_sound(44100, 44100);
  std::string bytes;
  int64_t given = 0;
  std::mt19937 random(6);
  for (size_t at = 0; at < sound.size();) {
    const size_t count = std::min<size_t>(1 + random() % 6000, sound.size() - at);
    encoder.push({sound.data() + at, count});
    at += count;
    const std::string piece = encoder.take_bytes();
    bytes += piece;
    given = static_cast<int64_t>(at) * 48000 / 44100;
    if (bytes.empty()) continue;
    const int64_t granule = pages_of(bytes).back().granule;
    // The packet that is not full, what the resampler waits for, and the encoder's own delay.
    EXPECT_GE(granule, given - 960 - 20 - 312) << "after " << at << " samples";
  }
  encoder.finish();
  bytes += encoder.take_bytes();
  const std::vector<Page> pages = pages_of(bytes);
  int64_t before = 0;
  for (size_t i = 0; i < pages.size(); ++i) {
    EXPECT_EQ(pages[i].serial, pages[0].serial);
    EXPECT_EQ(pages[i].sequence, i);
    EXPECT_EQ(pages[i].flags, i == 0 ? 2U : i + 1 == pages.size() ? 4U : 0U);
    EXPECT_FALSE(pages[i].body.empty()) << "page " << i;
    if (i >= 2) {
      EXPECT_GT(pages[i].granule, before);
      EXPECT_LE(pages[i].granule - before, 4800 + 312) << "at most 100 ms a page";
      before = pages[i].granule;
    }
  }
  EXPECT_EQ(before, 48000 + 312);
}

TEST(Encode, SamplesThatAreNoNumbersAreAnError) {
  for (const float bad : {std::nanf(""), -std::numeric_limits<float>::infinity()}) {
    std::vector<float> sound = make_sound(5000, 44100);
    sound[4321] = bad;
    try {
      encode_audio(sound);
      ADD_FAILURE() << "a file was written";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
      EXPECT_NE(std::string(error.what()).find("sample 4321"), std::string::npos);
    }
  }
  EXPECT_THROW(encode_audio({}), Error) << "no samples, no file";
}

TEST(EncodeOptions, DefaultsAreFilledIn) {
  const EncodeOptions opus = validate({});
  EXPECT_EQ(opus.sample_rate, 48000);
  EXPECT_EQ(opus.bitrate, 128000);
  const EncodeOptions wav = validate({AudioFormat::kWav, 0, 0});
  EXPECT_EQ(wav.sample_rate, 44100);
  EXPECT_EQ(wav.bitrate, 0);
}

TEST(EncodeOptions, ErrorsNameFieldValueAndRange) {
  EXPECT_EQ(
      failure_of({AudioFormat::kOggOpus, 44100, 0}),
      "sample_rate: found 44100, expected one of 8000, 12000, 16000, 24000, 48000 Hz for ogg");
  EXPECT_EQ(failure_of({AudioFormat::kWav, 7999, 0}),
            "sample_rate: found 7999, expected 8000 to 192000 Hz for wav");
  EXPECT_EQ(failure_of({AudioFormat::kFlac, -1, 0}),
            "sample_rate: found -1, expected 8000 to 192000 Hz for flac");
  EXPECT_EQ(failure_of({AudioFormat::kOggOpus, 0, 5999}),
            "bitrate: found 5999, expected 6000 to 256000 bits a second for ogg at 48000 Hz");
  EXPECT_EQ(failure_of({AudioFormat::kMp3, 0, 320001}),
            "bitrate: found 320001, expected 32000 to 320000 bits a second for mp3 at 44100 Hz");
  EXPECT_EQ(failure_of({AudioFormat::kFlac, 0, 64000}),
            "bitrate: found 64000, but flac has none to choose");
}

TEST(EncodeOptions, EveryValidEdgeCanBeWritten) {
  const std::vector<float> sound = make_sound(20000, 44100);
  for (const int rate : {8000, 12000, 16000, 24000, 48000}) {
    for (const int bitrate : {6000, 256000}) {
      EXPECT_GT(encode_audio(sound, {AudioFormat::kOggOpus, rate, bitrate}).size(), 100U);
    }
  }
  for (const int rate : {8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000}) {
    EXPECT_GT(encode_audio(sound, {AudioFormat::kMp3, rate, 0}).size(), 100U) << rate;
    EXPECT_GT(encode_audio(sound, {AudioFormat::kMp3, rate, rate >= 32000 ? 320000 : 64000}).size(),
              100U);
    EXPECT_GT(encode_audio(sound, {AudioFormat::kMp3, rate, rate >= 32000 ? 32000 : 8000}).size(),
              100U);
  }
  for (const int rate : {8000, 192000}) {
    EXPECT_GT(encode_audio(sound, {AudioFormat::kFlac, rate, 0}).size(), 100U);
    EXPECT_GT(encode_audio(sound, {AudioFormat::kWav, rate, 0}).size(), 100U);
  }
}

TEST(AudioFormats, HaveNamesAndTypes) {
  EXPECT_EQ(parse_audio_format("ogg"), AudioFormat::kOggOpus);
  EXPECT_EQ(parse_audio_format("OPUS"), AudioFormat::kOggOpus);
  EXPECT_EQ(parse_audio_format("Wav"), AudioFormat::kWav);
  EXPECT_EQ(parse_audio_format("flac"), AudioFormat::kFlac);
  EXPECT_EQ(parse_audio_format("mp3"), AudioFormat::kMp3);
  EXPECT_EQ(parse_audio_format("pcm"), AudioFormat::kPcm);
  EXPECT_THROW(parse_audio_format(""), Error);
  EXPECT_THROW(parse_audio_format("aiff"), Error);
  EXPECT_EQ(mime_type(AudioFormat::kOggOpus), "audio/ogg; codecs=opus");
  EXPECT_EQ(mime_type(AudioFormat::kMp3), "audio/mpeg");
}

}  // namespace
}  // namespace echo
