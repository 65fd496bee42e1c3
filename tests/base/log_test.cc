#include "base/log.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <thread>
#include <vector>

#include "support/kept_log.h"

namespace echo {
namespace {

LogOptions at(LogLevel level) {
  LogOptions options;
  options.level = level;
  return options;
}

TEST(Log, M46_LowerLevelsAreSilent) {
  auto sink = std::make_shared<KeptLog>();
  Logger logger(at(LogLevel::kWarn), sink);
  logger.info("no");
  logger.warn("yes");
  logger.tip("always");
  EXPECT_EQ(sink->lines(), (std::vector<std::string>{"WARN   | yes\n", "TIP    | always\n"}));
}

TEST(Log, M46_NotSetSilencesEverything) {
  auto sink = std::make_shared<KeptLog>();
  Logger logger(at(LogLevel::kNotSet), sink);
  logger.error("no");
  logger.tip("no");
  EXPECT_TRUE(sink->lines().empty());
}

TEST(Log, TheLevelCanChangeAtAnyTime) {
  auto sink = std::make_shared<KeptLog>();
  Logger logger(at(LogLevel::kError), sink);
  logger.set_level(LogLevel::kTrace);
  logger.trace("now");
  EXPECT_EQ(sink->lines().size(), 1u);
}

TEST(Log, RepeatsAreCountedInsteadOfPrinted) {
  auto sink = std::make_shared<KeptLog>();
  {
    LogOptions options = at(LogLevel::kInfo);
    options.repeat_burst = 2;
    Logger logger(options, sink);
    for (int i = 0; i < 10; ++i) logger.info("same", {"job", ""});
    logger.info("same", {"other job", ""});
    EXPECT_EQ(sink->lines().size(), 3u);
  }
  EXPECT_EQ(sink->lines().size(), 4u);
  EXPECT_EQ(sink->lines().back(), "INFO   | job | (repeated 8 more times) same\n");
}

TEST(Log, RepeatsArePrintedAgainInALaterWindow) {
  auto sink = std::make_shared<KeptLog>();
  LogOptions options = at(LogLevel::kInfo);
  options.repeat_burst = 1;
  options.repeat_window = std::chrono::milliseconds(1);
  Logger logger(options, sink);
  logger.info("same");
  logger.info("same");
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  logger.info("same");
  EXPECT_EQ(sink->lines().back(), "INFO   | same\n");
}

TEST(Log, AFloodOfDifferentLinesStaysBounded) {
  auto sink = std::make_shared<KeptLog>();
  Logger logger(at(LogLevel::kInfo), sink);
  for (int i = 0; i < 2'000; ++i) logger.info("line " + std::to_string(i));
  EXPECT_EQ(sink->lines().size(), 2'000u);
}

TEST(Log, EveryLineIsOneWrite) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  {
    LogOptions options = at(LogLevel::kInfo);
    options.repeat_burst = 0;
    Logger logger(options, std::make_shared<DescriptorSink>(ends[1]));
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 50; ++i) logger.info("0123456789");
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  ::close(ends[1]);
  std::string all;
  char buffer[4096];
  for (ssize_t n; (n = ::read(ends[0], buffer, sizeof buffer)) > 0;) {
    all.append(buffer, static_cast<size_t>(n));
  }
  ::close(ends[0]);
  std::string expected;
  for (int i = 0; i < 200; ++i) expected += "INFO   | 0123456789\n";
  EXPECT_EQ(all, expected);
}

TEST(Log, AClosedDescriptorIsNoError) {
  Logger logger(at(LogLevel::kInfo), std::make_shared<DescriptorSink>(-1));
  logger.info("nobody hears this");
}

}  // namespace
}  // namespace echo
