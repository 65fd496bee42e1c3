#include "text/front_end.h"
#include "support/paths.h"

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <random>

#include "base/error.h"
#include "base/utf8.h"
#include "text/draft.h"
#include "text/planned_text.h"
#include "text/tokens.h"

namespace echo {
namespace {

std::string golden_file(const std::string& name) {
  return source_path("/tests/text/golden/") + name;
}

// \n, \t, \r and {XXXX} as the tables have them.
std::string unescaped(const std::string& text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size() &&
        std::string("ntr").find(text[i + 1]) != std::string::npos &&
        !(text[i + 1] != 'n' && i > 0 && text[i - 1] == ':')) {
      result += text[i + 1] == 'n' ? '\n' : text[i + 1] == 't' ? '\t' : '\r';
      ++i;
    } else if (text[i] == '{' && i + 5 < text.size() && text[i + 5] == '}') {
      result += encode_utf8(
          std::u32string(1, static_cast<char32_t>(std::stoul(text.substr(i + 1, 4), nullptr, 16))));
      i += 5;
    } else {
      result += text[i];
    }
  }
  return result;
}

struct Pair {
  std::string group, text, read;
};

std::vector<Pair> golden_pairs(const std::string& name) {
  std::ifstream file(golden_file(name));
  std::vector<Pair> pairs;
  std::string group;
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("## ", 0) == 0) group = line.substr(3);
    const size_t tab = line.find('\t');
    if (line.empty() || tab == std::string::npos) continue;
    const std::string text = unescaped(line.substr(0, tab));
    const std::string read = line.substr(tab + 1);
    pairs.push_back({group, text, read == "=" ? text : unescaped(read)});
  }
  return pairs;
}

std::vector<std::string> lines_of(const std::string& name) {
  std::ifstream file(golden_file(name));
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line.rfind("# ", 0) != 0) lines.push_back(line);
  }
  return lines;
}

std::string spoken(std::string_view text, const TextOptions& options = {}) {
  return plan_text(text, options).spoken;
}

TEST(FrontEnd, ReadsTheTable) {
  const std::vector<Pair> pairs = golden_pairs("normaliser.txt");
  ASSERT_GE(pairs.size(), 300U);
  for (const Pair& pair : pairs) {
    SCOPED_TRACE(pair.group + ": " + pair.text);
    const PlannedText plan = plan_text(pair.text);
    EXPECT_EQ(plan.spoken, pair.read);
    EXPECT_EQ(apply_changes(pair.text, plan.changes), plan.spoken);
    EXPECT_EQ(spoken(plan.spoken), plan.spoken) << "read again";
  }
}

TEST(FrontEnd, LeavesPlainSentencesAlone) {
  const std::vector<std::string> sentences = lines_of("plain_sentences.txt");
  ASSERT_GE(sentences.size(), 200U);
  for (const std::string& sentence : sentences) {
    const PlannedText plan = plan_text(sentence);
    EXPECT_EQ(plan.spoken, sentence);
    EXPECT_TRUE(plan.changes.empty()) << sentence;
    EXPECT_TRUE(plan.warnings.empty()) << sentence;
  }
}

TEST(FrontEnd, ReadsEverydayTextsAsAReaderWould) {
  const std::vector<Pair> texts = golden_pairs("everyday.txt");
  ASSERT_GE(texts.size(), 130U);
  for (const Pair& pair : texts) {
    SCOPED_TRACE(pair.group);
    const PlannedText plan = plan_text(pair.text);
    EXPECT_EQ(plan.spoken, pair.read);
    EXPECT_EQ(apply_changes(pair.text, plan.changes), plan.spoken);
    EXPECT_EQ(spoken(plan.spoken), plan.spoken) << "read again";
    for (const PlannedChunk& chunk : plan.chunks) {
      EXPECT_NE(std::string(".?!,;:\")").find(chunk.text.back()), std::string::npos) << chunk.text;
    }
  }
}

TEST(FrontEnd, OptionsSwitchPartsOff) {
  TextOptions options;
  options.numbers = NumberStyle::kDigits;
  EXPECT_EQ(spoken("It costs $3.50 for 12345.", options), "It costs $3.50 for 12345.");
  options.numbers = NumberStyle::kWords;
  EXPECT_EQ(spoken("In 2018 there were 25.", options),
            "In twenty eighteen there were twenty-five.");
  options = {};
  options.parentheses = ParenthesesStyle::kKeep;
  EXPECT_EQ(spoken("He (the boss) left.", options), "He (the boss) left.");
  options.parentheses = ParenthesesStyle::kDrop;
  EXPECT_EQ(spoken("He (the boss) left (laughs).", options), "He left (laughs).");
  options = {};
  options.emoji = EmojiStyle::kSounds;
  EXPECT_EQ(spoken("Very funny \U0001F602\U0001F602", options), "Very funny (laughs)");
  options = {};
  options.code = CodeStyle::kRead;
  EXPECT_EQ(spoken("Text.\n```\na is b\n```\n", options), "Text.\n\na is b.");
  options = {};
  options.date_order = DateOrder::kDayFirst;
  EXPECT_EQ(spoken("On 3/5/2024.", options), "On May third, twenty twenty-four.");
  options = {};
  options.sound_events = {"Whooshes"};
  EXPECT_EQ(spoken("It came (whooshes) down.", options), "It came (whooshes) down.");
  options = {};
  options.processing = false;
  EXPECT_EQ(spoken("Dr. X paid $3 \U0001F602.", options), "Dr. X paid $3 \U0001F602.");
}

TEST(FrontEnd, RefusesATextThatWouldGrowTooMuch) {
  std::string figures;
  for (int i = 0; i < 2000; ++i) figures += "7,777,777 ";
  try {
    plan_text(figures);
    ADD_FAILURE() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_NE(std::string(error.what()).find("four times"), std::string::npos);
  }
}

// Every kind of character that a rule looks for, and pieces that rules take apart.
std::string random_pieces(std::mt19937& random) {
  static const std::vector<std::string> pieces = {" ",
                                                  " ",
                                                  " ",
                                                  "\n",
                                                  "\n\n",
                                                  "a",
                                                  "word ",
                                                  "The ",
                                                  "I ",
                                                  "Dr. ",
                                                  "St. ",
                                                  "U.S. ",
                                                  "e.g. ",
                                                  "etc. ",
                                                  "FBI ",
                                                  "SHOUT ",
                                                  "3",
                                                  "12",
                                                  "1,234",
                                                  "3.14",
                                                  "10:30",
                                                  "2024-03-05",
                                                  "$5",
                                                  "\u20AC1.2M",
                                                  "50%",
                                                  "5 km",
                                                  "1/2",
                                                  "\u00BD",
                                                  "-",
                                                  "--",
                                                  "\u2014",
                                                  "\u2013",
                                                  "+",
                                                  "=",
                                                  "/",
                                                  "~",
                                                  "&",
                                                  "&amp;",
                                                  "*",
                                                  "**",
                                                  "_",
                                                  "`",
                                                  "```",
                                                  "#",
                                                  "# ",
                                                  "- ",
                                                  "1. ",
                                                  "> ",
                                                  "|",
                                                  "[",
                                                  "]",
                                                  "(",
                                                  ")",
                                                  "{",
                                                  "}",
                                                  "<",
                                                  ">",
                                                  "<b>",
                                                  "</b>",
                                                  "<br>",
                                                  "<!--",
                                                  "-->",
                                                  "<break/>",
                                                  "[pause:1s]",
                                                  "[pause:x]",
                                                  "[S1]",
                                                  "[s2] ",
                                                  "Speaker 1: ",
                                                  "(laughs)",
                                                  "[1]",
                                                  "](",
                                                  "http://a.com/b ",
                                                  "a@b.org ",
                                                  "@me ",
                                                  "#tag ",
                                                  "www.",
                                                  ".com",
                                                  ".",
                                                  ".",
                                                  "...",
                                                  "!",
                                                  "?",
                                                  ",",
                                                  ";",
                                                  ":",
                                                  "\"",
                                                  "'",
                                                  "\u201C",
                                                  "\u2019",
                                                  "\u2026",
                                                  ":-) ",
                                                  "<3 ",
                                                  "\U0001F602",
                                                  "\u2764\uFE0F",
                                                  "1\uFE0F\u20E3",
                                                  "\u200B",
                                                  "\u00A0",
                                                  "\u00AD",
                                                  "\uFEFF",
                                                  "e\u0301",
                                                  "\u0301",
                                                  "\u65E5\u672C\u3002",
                                                  "\u0E01",
                                                  "\u0645\u061F",
                                                  "IV ",
                                                  "Chapter ",
                                                  "Henry VIII",
                                                  "v2.1",
                                                  "0xFF",
                                                  "+1 555 123 4567",
                                                  "1990s",
                                                  "1st",
                                                  "2x",
                                                  "\\",
                                                  "\\*",
                                                  "\t",
                                                  "\r\n",
                                                  "pm",
                                                  " a.m.",
                                                  "p m",
                                                  "\u2192",
                                                  "\u00B0C",
                                                  "^",
                                                  "x",
                                                  "S1",
                                                  "C#",
                                                  "C++",
                                                  "+",
                                                  "B- ",
                                                  "\u266D",
                                                  "Q4'22",
                                                  "FY2024/25 ",
                                                  "2023/24",
                                                  "$",
                                                  "$x=1$",
                                                  "\\frac{1}{2}",
                                                  "\\pi ",
                                                  "(kg)",
                                                  "km/h",
                                                  "6 ft ",
                                                  "2 in ",
                                                  "1 John 4:8",
                                                  "-17",
                                                  " ET",
                                                  "PST/",
                                                  "Mon-",
                                                  "Fri. ",
                                                  "2x4s",
                                                  "1,00,000",
                                                  "EUR/USD ",
                                                  "press * ",
                                                  " v ",
                                                  "7.30",
                                                  "c. "};
  std::string text;
  for (size_t i = random() % 40 + 1; i > 0; --i) text += pieces[random() % pieces.size()];
  return text;
}

// Plans a text; what is refused is refused as input, and what is planned keeps its promises.
void expect_sound_plan(const std::string& text) {
  PlannedText plan;
  try {
    plan = plan_text(text);
  } catch (const Error& error) {
    ASSERT_EQ(error.code(), ErrorCode::kInvalidArgument) << text << "\n" << error.what();
    return;
  }
  SCOPED_TRACE(text);
  ASSERT_EQ(apply_changes(text, plan.changes), plan.spoken);
  size_t end = 0;
  for (const TextChange& change : plan.changes) {
    ASSERT_GE(change.source_begin, end);
    ASSERT_EQ(text.substr(change.source_begin, change.source_end - change.source_begin),
              change.from);
    ASSERT_FALSE(change.rule.empty());
    end = change.source_end;
  }
  for (const PlannedChunk& chunk : plan.chunks) {
    ASSERT_LE(count_tokens(chunk.model_text), kMaxTextTokens);
    ASSERT_FALSE(chunk.text.empty());
    ASSERT_LE(chunk.source_begin, chunk.source_end);
    ASSERT_LE(chunk.source_end, text.size());
    ASSERT_TRUE(plan_words(chunk.text, published_text_options())) << chunk.text;
  }
  ASSERT_EQ(plan_text(plan.spoken).spoken, plan.spoken);
}

void expect_sound_plans(unsigned seed, int count) {
  std::mt19937 random(seed);
  for (int i = 0; i < count && !::testing::Test::HasFatalFailure(); ++i) {
    expect_sound_plan(random_pieces(random));
  }
}

TEST(FrontEnd, SurvivesAnyTextAndReadsItsOwnReadingAsItIs) { expect_sound_plans(5, 2000); }

// A million texts in all.
class SlowFrontEnd : public ::testing::TestWithParam<unsigned> {};
TEST_P(SlowFrontEnd, SurvivesAnyText) { expect_sound_plans(GetParam(), 50'000); }
INSTANTIATE_TEST_SUITE_P(Seeds, SlowFrontEnd, ::testing::Range(100U, 120U));

// No figure: what takes longer than in proportion does not end within the test's time limit.
TEST(FrontEnd, TakesAQuarterMegabyteOfAnything) {
  for (const char* unit :
       {"(",     "*",     "[",   "<",         "<!--",         "`",          "[a](",    "**a ",
        "a",     "a. ",   ".",   "1",         "http://a.b/ ", "\U0001F602", "e\u0301", "\u65E5",
        "```\n", "\n- a", "$a ", "\\(",       "\\frac{",      "(k",         "a/",      "12 ET",
        "a+ ",   "# ",    "1:",  "John 1:1-", "1,00,",        "6 ft 2 ",    "1x10^",   "Mon-"}) {
    std::string text;
    while (text.size() < size_t{1} << 18) text += unit;
    try {
      EXPECT_FALSE(plan_text(text + " z.").chunks.empty()) << unit;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument) << unit;
    }
  }
}

}  // namespace
}  // namespace echo
