#include <gtest/gtest.h>

#include <memory>

#include "base/error.h"
#include "models/speaker_latent.h"
#include "models/test_backend.h"
#include "support/golden.h"
#include "support/shared_by_tests.h"

namespace echo {
namespace {

const Codec& tiny_speaker_codec() {
  return shared_by_tests([] {
    const GoldenSet& set = golden("tiny");
    return std::make_unique<const Codec>(LayerContext{backend(), DType::kFloat32},
                                         Weights(set.file("dac")),
                                         read_pca_state(Weights(set.file("pca_state"))));
  });
}

TEST(SpeakerLatent, CutsToWholeFramesThenPatches) {
  const std::vector<float> audio(7 * 2048 + 2047);
  EXPECT_EQ(speaker_latent(tiny_speaker_codec(), audio, {.patch = 1}).rows(), 7);
  EXPECT_EQ(speaker_latent(tiny_speaker_codec(), audio).rows(), 4);
  EXPECT_EQ(speaker_latent(tiny_speaker_codec(), audio, {.max_frames = 3, .patch = 1}).rows(), 3);
  EXPECT_EQ(speaker_latent(tiny_speaker_codec(), std::span(audio).first(4 * 2048 - 1)).rows(), 0);
  EXPECT_EQ(speaker_latent(tiny_speaker_codec(), {}).cols(), 80);
}

TEST(SpeakerLatent, StopsWhenCancelled) {
  const std::vector<float> audio(4 * 2048);
  std::stop_source stop;
  stop.request_stop();
  const CodecHooks hooks{.stop = stop.get_token(), .probe = {}};
  try {
    speaker_latent(tiny_speaker_codec(), audio, {}, hooks);
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  }
}

}  // namespace
}  // namespace echo
