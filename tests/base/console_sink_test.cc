#include "base/console_sink.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <thread>

namespace echo {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// A pipe that holds little.
class Pipe {
 public:
  Pipe() {
    if (::pipe2(ends_, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
    ::fcntl(ends_[1], F_SETPIPE_SZ, 4096);
  }
  ~Pipe() {
    close_writer();
    if (ends_[0] >= 0) ::close(ends_[0]);
  }
  int writer() const { return ends_[1]; }
  void close_reader() { ::close(std::exchange(ends_[0], -1)); }
  void close_writer() {
    if (ends_[1] >= 0) ::close(std::exchange(ends_[1], -1));
  }
  // What comes until `end` was read.
  std::string read_until(const std::string& end) {
    std::string text;
    char bytes[4096];
    while (text.find(end) == std::string::npos) {
      const ssize_t got = ::read(ends_[0], bytes, sizeof bytes);
      if (got <= 0) break;
      text.append(bytes, static_cast<size_t>(got));
    }
    return text;
  }

 private:
  int ends_[2] = {-1, -1};
};

TEST(ConsoleSink, LinesComeInTheirOrder) {
  Pipe pipe;
  {
    ConsoleSink sink(pipe.writer(), false);
    for (int i = 0; i < 100; ++i) sink.write("line " + std::to_string(i) + "\n");
  }
  pipe.close_writer();
  std::string expected;
  for (int i = 0; i < 100; ++i) expected += "line " + std::to_string(i) + "\n";
  EXPECT_EQ(pipe.read_until("nothing"), expected);
}

TEST(ConsoleSink, APipeThatNobodyReadsHoldsUpNobodyAndTheGapIsTold) {
  Pipe pipe;
  ConsoleSink sink(pipe.writer(), false);
  const std::string line(999, 'x');
  // Three times what is kept; with a sink that waits this would not end.
  for (int i = 0; i < 3'000; ++i) sink.write(line + "\n");
  const std::string text = pipe.read_until("lines are missing here)\n");
  EXPECT_THAT(text, StartsWith(line + "\n"));
  const size_t shown = text.rfind("WARN   | (") / (line.size() + 1);
  EXPECT_THAT(text, HasSubstr("(" + std::to_string(3'000 - shown) + " lines are missing here)\n"));
  sink.write("and on\n");
  EXPECT_THAT(pipe.read_until("and on\n"), HasSubstr("and on\n"));
}

TEST(ConsoleSink, TheGapIsToldInTheFormOfTheLog) {
  EXPECT_EQ(missing_lines(3, false), "WARN   | (3 lines are missing here)\n");
  EXPECT_EQ(
      missing_lines(3, true),
      "{\"requestId\": null, \"message\": \"(3 lines are missing here)\", \"level\": \"WARN\"}\n");
}

TEST(ConsoleSink, ItsEndDoesNotWaitForAReaderForEver) {
  Pipe pipe;
  {
    ConsoleSink sink(pipe.writer(), false);
    for (int i = 0; i < 100; ++i) sink.write(std::string(999, 'x') + "\n");
  }
  pipe.close_reader();  // frees the thread that still writes
}

TEST(ConsoleSink, ALoggerOnItDoesNotWait) {
  Pipe pipe;
  LogOptions options;
  options.repeat_burst = 0;
  Logger logger(options, std::make_shared<ConsoleSink>(pipe.writer(), false));
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1'000; ++i) logger.info(std::string(999, 'x'));
    });
  }
  threads.clear();
  EXPECT_THAT(pipe.read_until("lines are missing here)\n"), HasSubstr("INFO   | xxx"));
}

}  // namespace
}  // namespace echo
