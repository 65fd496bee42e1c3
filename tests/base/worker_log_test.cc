#include "base/worker_log.h"

#include <gtest/gtest.h>

namespace echo {
namespace {

TEST(WorkerLog, M46_JsonLineHasTheThreeKeysInOrder) {
  EXPECT_EQ(json_log_line("INFO", "Started.", {"job-1", ""}),
            R"({"requestId": "job-1", "message": "Started.", "level": "INFO"})");
  EXPECT_EQ(json_log_line("WARN", "idle", {}),
            R"({"requestId": null, "message": "idle", "level": "WARN"})");
}

TEST(WorkerLog, M46_JsonLineIsAscii) {
  EXPECT_EQ(json_log_line("INFO", "caf\xC3\xA9 \xF0\x9F\x98\x80 \"q\" \\ \n\x01\x7F", {}),
            R"({"requestId": null, "message": "caf\u00e9 \ud83d\ude00 \"q\" \\ \n\u0001\u007f", )"
            R"("level": "INFO"})");
}

TEST(WorkerLog, M46_TextLineIsPaddedToSevenColumns) {
  EXPECT_EQ(text_log_line("INFO", "Started.", {"local_test", ""}),
            "INFO   | local_test | Started.");
  EXPECT_EQ(text_log_line("ERROR", "no job", {}), "ERROR  | no job");
}

TEST(WorkerLog, M46_BatchIdComesFirst) {
  EXPECT_EQ(text_log_line("INFO", "Started.", {"j", "b7"}), "INFO   | j | [batchId=b7] Started.");
}

TEST(WorkerLog, ControlCharactersCannotForgeALine) {
  const std::string line =
      text_log_line("INFO", "a\nERROR  | forged\r\x1B[31m\xC2\x9B", {"x\ny", ""});
  EXPECT_EQ(line, "INFO   | x\\ny | a\\nERROR  | forged\\r\\u001b[31m\\u009b");
}

TEST(WorkerLog, InvalidUtf8IsReplaced) {
  for (const std::string bad :
       {"\xFF", "\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82"}) {
    const std::string json = json_log_line("INFO", bad, {});
    EXPECT_NE(json.find("\\ufffd"), std::string::npos) << json;
    const std::string text = text_log_line("INFO", bad, {});
    EXPECT_NE(text.find("\xEF\xBF\xBD"), std::string::npos);
  }
}

TEST(WorkerLog, M46_LongMessagesLoseTheirMiddle) {
  const std::string exact(4096, 'x');
  EXPECT_EQ(shorten_log_message(exact, {}), exact);
  const std::string longer = std::string(2048, 'a') + "bcd" + std::string(2048, 'e');
  EXPECT_EQ(shorten_log_message(longer, {}),
            std::string(2048, 'a') + "\n...TRUNCATED 3 CHARACTERS...\n" + std::string(2048, 'e'));
}

TEST(WorkerLog, M46_TheLimitCountsCharactersAfterThePrefix) {
  std::string umlauts;
  for (int i = 0; i < 4096; ++i) umlauts += "\xC3\xA4";
  EXPECT_EQ(shorten_log_message(umlauts, {}), umlauts) << "4096 characters of two bytes each";
  const std::string cut = shorten_log_message(umlauts, {"", "b"});
  EXPECT_EQ(cut.rfind("[batchId=b] \xC3\xA4", 0), 0u);
  EXPECT_NE(cut.find("TRUNCATED 12 CHARACTERS"), std::string::npos);
}

TEST(WorkerLog, LevelNamesInAnyCase) {
  EXPECT_EQ(parse_log_level("debug"), LogLevel::kDebug);
  EXPECT_EQ(parse_log_level("Warn"), LogLevel::kWarn);
  EXPECT_EQ(parse_log_level("NOTSET"), LogLevel::kNotSet);
  EXPECT_FALSE(parse_log_level("3"));
  EXPECT_FALSE(parse_log_level("WARNING"));
  EXPECT_FALSE(parse_log_level(""));
}

}  // namespace
}  // namespace echo
