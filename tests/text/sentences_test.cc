#include "support/paths.h"
#include "text/sentences.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "text/chunk.h"

namespace echo {
namespace {

// Every line is a text whose sentences are parted by " | ".
std::vector<std::vector<std::string>> golden_cases() {
  std::ifstream file(source_path("/tests/text/golden/sentences.txt"));
  std::vector<std::vector<std::string>> cases;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.substr(0, 2) == "# ") continue;
    std::vector<std::string>& sentences = cases.emplace_back();
    for (size_t at = 0; at != std::string::npos;) {
      const size_t bar = line.find(" | ", at);
      sentences.push_back(line.substr(at, bar == std::string::npos ? bar : bar - at));
      at = bar == std::string::npos ? bar : bar + 3;
    }
  }
  return cases;
}

std::string joined(const std::vector<std::string>& sentences, const char* between) {
  std::string text;
  for (const std::string& sentence : sentences) text += (text.empty() ? "" : between) + sentence;
  return text;
}

std::string without_spaces(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c != ' ' && c != '\n') result += c;
  }
  return result;
}

// Cuts at every point, as a simple program does: what the figures below are compared with.
std::vector<std::string> split_at_points(const std::string& text) {
  std::vector<std::string> sentences(1);
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ' ' && i > 0 && std::string(".?!").find(text[i - 1]) != std::string::npos) {
      sentences.emplace_back();
    } else {
      sentences.back() += text[i];
    }
  }
  return sentences;
}

// Where parts of a text end, counted without its spaces.
std::set<size_t> ends_of(const std::vector<std::string>& parts) {
  std::set<size_t> ends;
  size_t at = 0;
  for (const std::string& part : parts) ends.insert(at += without_spaces(part).size());
  return ends;
}

TEST(Sentences, AreThoseOfTheTable) {
  const auto cases = golden_cases();
  ASSERT_GE(cases.size(), 120U);
  size_t right = 0, right_at_points = 0;
  std::vector<std::string> all;
  for (const auto& sentences : cases) {
    const std::string text = joined(sentences, " ");
    const auto found = split_sentences(text);
    EXPECT_EQ(joined(found, " | "), joined(sentences, " | "));
    right += found == sentences;
    right_at_points += split_at_points(text) == sentences;
    all.insert(all.end(), sentences.begin(), sentences.end());
  }
  EXPECT_GE(static_cast<double>(right), 0.98 * static_cast<double>(cases.size()));
  const std::vector<std::string> chunks = chunk_text(joined(all, " "), 120);
  const std::set<size_t> ends = ends_of(all);
  size_t whole = 0;
  for (const size_t end : ends_of(chunks)) whole += ends.count(end);
  std::printf(
      "sentences: %zu of %zu texts right; cut at every point %zu; %zu of %zu published chunks end "
      "with a sentence\n",
      right, cases.size(), right_at_points, whole, chunks.size());
}

TEST(Sentences, EndWithTheirLine) {
  EXPECT_EQ(joined(split_sentences("First line.\nsecond line?\nThird"), "|"),
            "First line.|second line?|Third");
  EXPECT_EQ(joined(split_sentences("A heading\n\nand a text"), "|"), "A heading|and a text");
  EXPECT_EQ(joined(split_sentences("a broken\nline"), "|"), "a broken\nline");
}

TEST(Sentences, LoseNothing) {
  for (const auto& sentences : golden_cases()) {
    const std::string text = joined(sentences, " ");
    EXPECT_EQ(without_spaces(joined(split_sentences(text), "")), without_spaces(text));
  }
  EXPECT_TRUE(split_sentences("").empty());
  EXPECT_TRUE(split_sentences(" \n\t ").empty());
}

TEST(Sentences, BracketsKnowTheirPartner) {
  const auto closing = closing_brackets(U"a(b[c]d)e(", 100);
  EXPECT_EQ(closing, (std::vector<size_t>{0, 7, 7, 5, 5, 5, 7, 7, 0, 0}));
  EXPECT_EQ(closing_brackets(U"(abcdef)", 3), std::vector<size_t>(8, 0));
}

}  // namespace
}  // namespace echo
