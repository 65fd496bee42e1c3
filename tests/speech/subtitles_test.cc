#include "speech/subtitles.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "support/thrown_error.h"

namespace echo {
namespace {

SpokenChunk chunk(std::string text, double start, double end) {
  SpokenChunk spoken;
  spoken.text = std::move(text);
  spoken.start_seconds = start;
  spoken.end_seconds = end;
  return spoken;
}

TEST(Subtitles, ShowEachChunkWhileItIsSpoken) {
  const std::vector<SpokenChunk> chunks = {chunk("Hello there.", 0.1, 1.25),
                                           chunk("Good bye.", 3661.5, 3662)};
  EXPECT_EQ(subtitles_of(chunks, SubtitleFormat::kSrt),
            "1\n00:00:00,100 --> 00:00:01,250\nHello there.\n\n"
            "2\n01:01:01,500 --> 01:01:02,000\nGood bye.\n\n");
  EXPECT_EQ(subtitles_of(chunks, SubtitleFormat::kVtt),
            "WEBVTT\n\n1\n00:00:00.100 --> 00:00:01.250\nHello there.\n\n"
            "2\n01:01:01.500 --> 01:01:02.000\nGood bye.\n\n");
}

TEST(Subtitles, ALongChunkIsSeveralCuesThatShareItsTime) {
  const std::string text =
      "The quick brown fox jumps over the lazy dog, and the dog does not mind at all, since it is "
      "asleep in the warm sun.";
  const std::string file = subtitles_of(std::vector{chunk(text, 0, 10)}, SubtitleFormat::kSrt);
  EXPECT_EQ(file,
            "1\n00:00:00,000 --> 00:00:06,875\nThe quick brown fox jumps over the lazy\n"
            "dog, and the dog does not mind at all,\n\n"
            "2\n00:00:06,875 --> 00:00:10,000\nsince it is asleep in the warm sun.\n\n");
}

TEST(Subtitles, MarkupIsText) {
  const std::vector<SpokenChunk> chunks = {chunk("a <b> & c", 0, 1)};
  EXPECT_NE(subtitles_of(chunks, SubtitleFormat::kVtt).find("a &lt;b&gt; &amp; c"),
            std::string::npos);
  EXPECT_NE(subtitles_of(chunks, SubtitleFormat::kSrt).find("a <b> & c"), std::string::npos);
}

TEST(Subtitles, KnowTheirFormats) {
  EXPECT_EQ(parse_subtitle_format("srt"), SubtitleFormat::kSrt);
  EXPECT_EQ(parse_subtitle_format("vtt"), SubtitleFormat::kVtt);
  EXPECT_STREQ(error_of([] { parse_subtitle_format("ass"); }).what(),
               "subtitles: found ass, expected srt or vtt");
}

}  // namespace
}  // namespace echo
