#include "speech/public_text.h"

#include <gtest/gtest.h>

#include <vector>

namespace echo {
namespace {

TEST(InQuotes, IsOneBoundedPrintableLine) {
  EXPECT_EQ(in_quotes("anna.wav"), "\"anna.wav\"");
  EXPECT_EQ(in_quotes("a\nb\x1b\x7f"), "\"a?b??\"");
  EXPECT_EQ(in_quotes("Müller 声"), "\"Müller 声\"");
  EXPECT_EQ(in_quotes("a\xFF\xC3("),
            "\"a?"
            "?(\"");
  EXPECT_EQ(in_quotes("声声声声声", 3), "\"声声声...\"");
  EXPECT_EQ(in_quotes(std::string(1'000'000, 'x'), 4), "\"xxxx...\"");
}

TEST(PublicText, HidesDirectories) {
  EXPECT_EQ(public_text("/models/echo/model.safetensors: cut"), "model.safetensors: cut");
  EXPECT_EQ(public_text("cannot open \"/home/anna/a.wav\" (no)"), "cannot open \"a.wav\" (no)");
  EXPECT_EQ(public_text("file=/a/b/c.txt, /d/e/"), "file=c.txt, e/");
  EXPECT_EQ(public_text("chunk 2/5, step 17/40"), "chunk 2/5, step 17/40");
  EXPECT_EQ(public_text("a / b"), "a / b");
}

TEST(PublicText, HidesQueriesOfAddresses) {
  EXPECT_EQ(public_text("PUT https://host:9000/b/k.ogg?X-Amz-Signature=abc: 503, why?"),
            "PUT https://host:9000/b/k.ogg 503, why?");
  EXPECT_EQ(public_text("\"https://h/b?x=1\" and http://i/c?y"), "\"https://h/b\" and http://i/c");
}

TEST(PublicText, HidesSecrets) {
  const std::vector<std::string> secrets = {"hunter22hunter22", "hunter22hunter22-and-more", "key",
                                            ""};
  EXPECT_EQ(public_text("key hunter22hunter22-and-more, hunter22hunter22.", secrets),
            "key [hidden], [hidden].");
}

TEST(PublicText, IsOneBoundedLine) {
  EXPECT_EQ(public_text("a\nb"), "a?b");
  EXPECT_EQ(public_text(std::string(10'000, 'x')), std::string(500, 'x') + "...");
}

}  // namespace
}  // namespace echo
