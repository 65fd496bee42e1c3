// A whole file is in memory where it will be short, else on the disk, with the same bytes.
#include "speech/whole_audio.h"

#include <gtest/gtest.h>

#include "support/fake_speech.h"

namespace echo {
namespace {

JobInput input_of(size_t characters) {
  JobInput input;
  input.text = std::string(characters, 'a');
  input.output = {AudioFormat::kWav, kModelRate, 0};
  return input;
}

std::string made(WholeAudio& audio, int& file) {
  SpokenAudioOptions options;
  options.encoding = {AudioFormat::kWav, kModelRate, 0};
  audio.receive(options);
  file = options.file;
  FakeSpeech speech;
  SpeechRequest request;
  request.text = "Hello.";
  SpeechStream stream = speech(std::move(request), {});
  encode_speech(stream, options, audio.sink());
  return std::string(audio.bytes());
}

TEST(WholeAudio, IsInMemoryWhereItWillBeShort) {
  // A WAV file of 12 seconds has about 2^20 bytes.
  WholeAudio short_one(input_of(100)), long_one(input_of(200));
  int memory = 0, disk = 0;
  const std::string bytes = made(short_one, memory);
  EXPECT_EQ(memory, -1);
  EXPECT_EQ(made(long_one, disk), bytes);
  EXPECT_GE(disk, 0);
  EXPECT_TRUE(bytes.starts_with("RIFF"));
}

}  // namespace
}  // namespace echo
