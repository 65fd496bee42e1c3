#include <gtest/gtest.h>

#include "base/error.h"
#include "cpu/cpu_backend.h"
#include "models/speaker_latent.h"
#include "support/golden.h"

namespace echo {
namespace {

Backend& backend() {
  static const std::unique_ptr<Backend> instance = cpu::make_cpu_backend();
  return *instance;
}

const Codec& tiny_codec() {
  static const Codec codec({backend(), DType::kFloat32}, Weights(golden("tiny").file("dac")),
                           read_pca_state(Weights(golden("tiny").file("pca_state"))));
  return codec;
}

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
  const CodecHooks hooks{.cancelled = [] { return true; }, .probe = {}};
  try {
    speaker_latent(tiny_codec(), audio, {}, hooks);
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  }
}

}  // namespace
}  // namespace echo
