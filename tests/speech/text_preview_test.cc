#include "speech/text_preview.h"

#include <gtest/gtest.h>

namespace echo {
namespace {

TEST(TextPreview, ShowsChunksAndChangesAsJson) {
  const std::string text = "Dr. Lee left. [pause:2s] [S2] \u201CGood.\u201D";
  const Json json = preview_json(plan_text(text));
  ASSERT_EQ(json["chunks"].size(), 2U);
  const Json& first = json["chunks"][0];
  EXPECT_EQ(first["text"], "Doctor Lee left.");
  EXPECT_EQ(first["model_text"], "[S1] Doctor Lee left.");
  EXPECT_EQ(first["characters"], 16);
  EXPECT_EQ(first["bytes"], 21);
  EXPECT_EQ(first["end"], "sentence");
  EXPECT_EQ(first["pause_seconds"], 2.0);
  EXPECT_EQ(first["source"], Json({0, 13}));
  EXPECT_EQ(json["chunks"][1]["speaker"], 2);
  EXPECT_EQ(json["text"], "Doctor Lee left. [pause:2s] [S2] \"Good.\"");
  ASSERT_EQ(json["changes"].size(), 3U);
  EXPECT_EQ(
      json["changes"][0],
      Json(
          {{"from", "Dr."}, {"to", "Doctor"}, {"rule", "abbreviation"}, {"begin", 0}, {"end", 3}}));
  EXPECT_NEAR(json["estimated_seconds"].get<double>(), 2 + (16 + 7) / 12.0, 1e-9);
}

TEST(TextPreview, ShowsThemToPeople) {
  EXPECT_EQ(preview_text(plan_text("It costs $5.\n\nThat is [pause:x] fair.")),
            "1 chunk, about 3 s of speech\n"
            "1. [S1] It costs five dollars. That is fair.\n"
            "   (36 characters, about 3 s)\n"
            "2 changes\n"
            "   number: \"$5\" -> \"five dollars\"\n"
            "   pause+spacing: \" [pause:x] \" -> \" \"\n"
            "warning: a pause could not be read and was left out, expected [pause:1.5s], "
            "[pause 500ms] or <break time=\"1s\"/>\n");
}

}  // namespace
}  // namespace echo
