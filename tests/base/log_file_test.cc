#include "base/log_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <condition_variable>
#include <fstream>
#include <thread>
#include <vector>

#include "base/file_io.h"
#include "support/kept_log.h"
#include "support/temp_dir.h"

namespace echo {
namespace {

namespace fs = std::filesystem;

class LogFile : public ::testing::Test {
 protected:
  std::unique_ptr<LogFileSink> open(LogFileOptions options) {
    return std::make_unique<LogFileSink>(std::move(options), console_);
  }
  LogFileOptions small(uint64_t max_bytes, int kept) const {
    LogFileOptions options;
    options.path = dir_ / "logs/worker.log";
    options.max_bytes = max_bytes;
    options.kept = kept;
    return options;
  }
  std::string kept(const std::string& suffix = "") const {
    return read_file(dir_ / ("logs/worker.log" + suffix));
  }

  TempDir dir_;
  std::shared_ptr<KeptLog> console_ = std::make_shared<KeptLog>();
};

TEST_F(LogFile, LinesGoToTheConsoleAndToAFileWhoseFolderIsMade) {
  auto sink = open(small(1000, 1));
  sink->write("one\n");
  sink->write("two\n");
  sink.reset();
  EXPECT_EQ(console_->text(), "one\ntwo\n");
  EXPECT_EQ(kept(), "one\ntwo\n");
  EXPECT_EQ(fs::status(dir_ / "logs/worker.log").permissions() & fs::perms::others_all,
            fs::perms::none);
}

TEST_F(LogFile, ASecondRunGoesOnWhereTheFirstEnded) {
  open(small(1000, 1))->write("first\n");
  open(small(1000, 1))->write("second\n");
  EXPECT_EQ(kept(), "first\nsecond\n");
}

TEST_F(LogFile, AFullFileIsRenamedAndTheOldestGoes) {
  auto sink = open(small(10, 2));
  for (const char* line : {"aaaa\n", "bbbb\n", "cccc\n", "dddd\n", "eeee\n", "ffff\n", "gggg\n"}) {
    sink->write(line);
  }
  sink.reset();
  EXPECT_EQ(kept(), "gggg\n");
  EXPECT_EQ(kept(".1"), "eeee\nffff\n");
  EXPECT_EQ(kept(".2"), "cccc\ndddd\n");
  EXPECT_FALSE(fs::exists(dir_ / "logs/worker.log.3"));
}

TEST_F(LogFile, WithoutOlderFilesAFullOneBeginsAnew) {
  auto sink = open(small(10, 0));
  for (const char* line : {"aaaa\n", "bbbb\n", "cccc\n"}) sink->write(line);
  sink.reset();
  EXPECT_EQ(kept(), "cccc\n");
  EXPECT_FALSE(fs::exists(dir_ / "logs/worker.log.1"));
}

TEST_F(LogFile, ALineLongerThanTheLimitIsKeptWhole) {
  auto sink = open(small(10, 1));
  sink->write("a\n");
  sink->write(std::string(50, 'b') + "\n");
  sink.reset();
  EXPECT_EQ(kept(), std::string(50, 'b') + "\n");
}

TEST_F(LogFile, AFolderThatCannotBeMadeIsToldOnceAndTheConsoleGoesOn) {
  std::ofstream(dir_ / "file") << "no folder";
  LogFileOptions options;
  options.path = dir_ / "file/worker.log";
  auto sink = open(options);
  for (const char* line : {"one\n", "two\n", "three\n"}) sink->write(line);
  sink.reset();
  const std::string text = console_->text();
  EXPECT_NE(text.find("WARN   | Log file " + (dir_ / "file/worker.log").string() + ": cannot"),
            text.npos)
      << text;
  EXPECT_EQ(text.find("WARN"), text.rfind("WARN")) << text;
  EXPECT_NE(text.find("three\n"), text.npos);
}

TEST_F(LogFile, ADeviceOrALinkIsNoLogFile) {
  // A device is no log file, and a link could point anywhere.
  fs::create_symlink("/dev/full", dir_ / "full");
  LogFileOptions options;
  options.path = dir_ / "full";
  options.json = true;
  auto sink = open(options);
  sink->write("one\n");
  sink.reset();
  EXPECT_NE(console_->text().find("{\"requestId\": null, \"message\": \"Log file "),
            std::string::npos)
      << console_->text();
  options.path = "/dev/full";
  sink = open(options);
  sink->write("two\n");
  sink.reset();
  EXPECT_NE(console_->text().find("not a regular file"), std::string::npos) << console_->text();
}

TEST_F(LogFile, TheFileIsTriedAgainAfterAPause) {
  std::ofstream(dir_ / "logs") << "in the way";
  LogFileOptions options = small(1000, 1);
  options.retry = std::chrono::milliseconds(0);
  auto sink = open(options);
  sink->write("lost\n");
  ASSERT_TRUE(console_->wait_for("cannot"));
  fs::remove(dir_ / "logs");
  sink->write("kept\n");
  sink.reset();
  EXPECT_EQ(kept(), "kept\n");
}

// A pipe nobody reads stands for a disk that hangs: opening it for writing alone would block.
TEST_F(LogFile, AFileThatWouldBlockIsRefused) {
  ASSERT_EQ(mkfifo((dir_ / "pipe").c_str(), 0600), 0);
  LogFileOptions options;
  options.path = dir_ / "pipe";
  auto sink = open(options);
  sink->write("one\n");
  sink.reset();
  EXPECT_NE(console_->text().find("cannot open"), std::string::npos) << console_->text();
}

TEST_F(LogFile, ALoggersThreadsDoNotMixTheirLines) {
  constexpr int kThreads = 4, kLines = 200;
  {
    LogOptions options;
    options.repeat_burst = 0;
    Logger logger(options, open(small(1 << 20, 1)));
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < kLines; ++i) logger.info(std::string(40, 'x'));
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  std::string expected;
  for (int i = 0; i < kThreads * kLines; ++i) expected += "INFO   | " + std::string(40, 'x') + "\n";
  EXPECT_EQ(console_->text(), expected);
  EXPECT_EQ(kept(), expected);
}

}  // namespace
}  // namespace echo
