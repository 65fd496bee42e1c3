#include "http/background_thread.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <optional>
#include <vector>

namespace echo::http {
namespace {

TEST(BackgroundThread, DoesOneThingAfterTheOther) {
  std::vector<int> done;
  std::promise<void> last;
  BackgroundThread thread(100);
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(thread.post([&, i] {
      done.push_back(i);
      if (i == 49) last.set_value();
    }));
  }
  last.get_future().wait();
  ASSERT_EQ(done.size(), 50u);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(done[static_cast<size_t>(i)], i);
}

TEST(BackgroundThread, TakesNoMoreThanItsCapacityAndKeepsNothing) {
  const auto token = std::make_shared<int>(0);
  std::promise<void> begun, gate;
  int done = 0;
  std::future<void> ended;
  {
    std::optional<BackgroundThread> thread(std::in_place, 2);
    ASSERT_TRUE(thread->post([&] {
      begun.set_value();
      gate.get_future().wait();
      ++done;
    }));
    begun.get_future().wait();
    EXPECT_TRUE(thread->post([&done, token] { ++done; }));
    EXPECT_TRUE(thread->post([&done, token] { ++done; }));
    EXPECT_FALSE(thread->post([&done, token] { ++done; }));
    EXPECT_EQ(token.use_count(), 3);
    ended = std::async(std::launch::async, [&] { thread.reset(); });
    EXPECT_EQ(ended.wait_for(std::chrono::milliseconds(20)), std::future_status::timeout)
        << "what runs is waited for";
    gate.set_value();
    ended.wait();
  }
  EXPECT_GE(done, 1);
  EXPECT_LE(done, 3);
  EXPECT_EQ(token.use_count(), 1) << "nothing is kept";
}

}  // namespace
}  // namespace echo::http
