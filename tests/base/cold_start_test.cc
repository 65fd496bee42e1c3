#include "base/cold_start.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

namespace echo {
namespace {

TEST(ColdStartTest, StagesAddUpToTheWhole) {
  ColdStart start(0.25);
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  start.lap("config");
  start.lap("load");
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  start.lap("config");  // grows
  ASSERT_EQ(start.stages().size(), 3u);
  EXPECT_EQ(start.stages()[0].name, "process");
  EXPECT_EQ(start.stages()[0].seconds, 0.25);
  EXPECT_EQ(start.stages()[1].name, "config");
  EXPECT_GE(start.stages()[1].seconds, 0.01);
  EXPECT_EQ(start.stages()[2].name, "load");
  EXPECT_GE(start.total(), 0.26);
}

TEST(ColdStartTest, TextNamesEveryStage) {
  EXPECT_EQ(ColdStart(1.5).text(), "1.50 s: process 1.50");
  ColdStart start(0);
  start.lap("config");
  EXPECT_THAT(start.text(), testing::MatchesRegex("[0-9]+[.][0-9][0-9] s: process 0[.]00, "
                                                  "config [0-9]+[.][0-9][0-9]"));
}

// A child is as old as its fork, whatever its parent's age.
TEST(ColdStartTest, ProcessAgeCountsFromTheForkThatMadeIt) {
  EXPECT_GT(process_age_seconds(), 0);
  EXPECT_LT(process_age_seconds(), 3600);
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  const auto before = std::chrono::steady_clock::now();
  const pid_t child = ::fork();
  if (child == 0) {
    ::usleep(200'000);
    const double age = process_age_seconds();
    _exit(::write(pipe_ends[1], &age, sizeof age) == sizeof age ? 0 : 1);
  }
  double age = 0;
  ASSERT_EQ(::read(pipe_ends[0], &age, sizeof age), static_cast<ssize_t>(sizeof age));
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_GE(age, 0.18);
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - before;
  EXPECT_LT(age, passed.count() + 0.05) << "its clock has steps of a hundredth of a second";
}

}  // namespace
}  // namespace echo
