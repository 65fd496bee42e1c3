#include "engine/window.h"

#include <gtest/gtest.h>

#include "engine/sampler_parameters.h"
#include "text/planned_text.h"

namespace echo {
namespace {

TEST(Window, IsAsLongAsTheTextNeedsWithAReserve) {
  EXPECT_EQ(window_frames(0), 96);
  EXPECT_EQ(window_frames(30), 96) << "a short sentence costs what a short sentence is";
  // 1.3 * 120 / 12 * 21.533 + 24 = 303.9
  EXPECT_EQ(window_frames(120), 304);
  EXPECT_EQ(window_frames(240), 584);
  EXPECT_EQ(window_frames(260), 632);
  EXPECT_EQ(window_frames(100000), kMaxFrames);
  // 1.3 * 120 / 8 * 21.533 + 24 = 443.9
  EXPECT_EQ(window_frames(120, 8), 444) << "a slow speaker takes longer";
  for (int64_t chars = 0; chars < 400; ++chars) {
    EXPECT_EQ(window_frames(chars) % 4, 0);
    EXPECT_GE(window_frames(chars + 1), window_frames(chars));
  }
}

TEST(Window, GoesOnByAnEighthUntilTheModelCanHearNoFurther) {
  EXPECT_EQ(further_frames(96, 96), 96);
  EXPECT_EQ(further_frames(600, 600), 40);
  EXPECT_EQ(further_frames(400, 400), 96);
  EXPECT_EQ(further_frames(96, 576), 64);
  EXPECT_EQ(further_frames(640, 640), 0);
}

TEST(Window, AChunkHoldsWhatASpeakerOfAKnownPaceSaysInTheSameTime) {
  std::string text;
  for (int i = 0; i < 40; ++i) text += "This is a sentence of the usual length. ";
  for (const char* pace : {"6.5", "12", "23.5"}) {
    SpeechParameters parameters = parameters_of(Profile::kNatural);
    EXPECT_TRUE(set_parameter(parameters, "chars_per_second", pace));
    EXPECT_EQ(parameter_text(parameters, "chars_per_second"), pace);
    const PlannedText plan = plan_text(text, text_options_of(parameters));
    double seconds = 0;
    for (const PlannedChunk& chunk : plan.chunks) {
      EXPECT_LE(chunk.estimated_seconds, 20);
      EXPECT_LE(chunk.text.size(), 240u);
      EXPECT_LT(window_frames(static_cast<int64_t>(chunk.text.size()), pace_of(parameters)),
                kMaxFrames);
      seconds += chunk.estimated_seconds;
    }
    EXPECT_NEAR(seconds, 1600 / std::stod(pace), 3);
  }
}

// What is sampled for a text of 2,000 characters, in frames a step.
TEST(Window, ALongTextCostsAtMostAThirdOfThePublishedWindows) {
  std::string text;
  for (int i = 1; text.size() < 2000; ++i) {
    text += "This is a sentence of the usual length, and it has the number " + std::to_string(i) +
            ". " + (i % 4 == 0 ? "It is short. " : "");
  }
  text.resize(2000);
  const auto chunks = [&](Profile profile) {
    return plan_text(text, text_options_of(parameters_of(profile))).chunks;
  };
  const auto published = static_cast<int64_t>(chunks(Profile::kPublished).size()) * kMaxFrames;
  int64_t natural = 0;
  for (const PlannedChunk& chunk : chunks(Profile::kNatural)) {
    natural += window_frames(static_cast<int64_t>(chunk.text.size()));
  }
  EXPECT_GE(published, 20 * kMaxFrames);
  EXPECT_LE(3 * natural, published) << natural << " of " << published;
}

}  // namespace
}  // namespace echo
