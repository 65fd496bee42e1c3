#include <gtest/gtest.h>

#include "base/error.h"
#include "models/speaker_latent.h"
#include "models/tiny_codec.h"
#include "support/golden.h"

namespace echo {
namespace {

TEST(SpeakerLatent, CutsToWholeFramesThenPatches) {
  const std::vector<float> audio(7 * 2048 + 2047);
  EXPECT_EQ(speaker_latent(tiny_codec(), audio, {.patch = 1}).rows(), 7);
  EXPECT_EQ(speaker_latent(tiny_codec(), audio).rows(), 4);
  EXPECT_EQ(speaker_latent(tiny_codec(), audio, {.max_frames = 3, .patch = 1}).rows(), 3);
  EXPECT_EQ(speaker_latent(tiny_codec(), std::span(audio).first(4 * 2048 - 1)).rows(), 0);
  EXPECT_EQ(speaker_latent(tiny_codec(), {}).cols(), 80);
}

TEST(SpeakerLatent, StopsWhenCancelled) {
  const std::vector<float> audio(4 * 2048);
  std::stop_source stop;
  stop.request_stop();
  const CodecHooks hooks{.stop = stop.get_token(), .probe = {}};
  try {
    speaker_latent(tiny_codec(), audio, {}, hooks);
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  }
}

}  // namespace
}  // namespace echo
