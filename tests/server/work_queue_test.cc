#include "server/work_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <latch>
#include <string>
#include <vector>

namespace echo::server {
namespace {

using namespace std::chrono_literals;

// Runs until its promise is kept or it is asked to stop.
struct Gate {
  std::promise<void> started;
  std::promise<void> go;

  Work work() {
    return {[this](std::stop_token stop) {
      const std::stop_callback open(stop, [this] { go.set_value(); });
      started.set_value();
      go.get_future().wait();
    }};
  }
};

TEST(WorkQueue, WorkWaitsUntilTheQueueIsOpenAndKeepsItsOrder) {
  WorkQueue queue({});
  std::vector<int> order;  // one slot: no two write at once
  for (int i = 0; i < 5; ++i) {
    ASSERT_EQ(queue.add({[&order, i](std::stop_token) { order.push_back(i); }}), Added::kYes);
  }
  EXPECT_EQ(queue.counts().waiting, 5u);
  EXPECT_EQ(queue.counts().running, 0u);
  queue.open();
  ASSERT_TRUE(queue.wait_idle(2min));
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST(WorkQueue, NoMoreUnitsRunAtOnceThanThereAreSlots) {
  WorkQueue queue({.slots = 1, .capacity = 100});
  queue.open(3);
  std::latch together(3);
  std::atomic<int> now{0}, peak{0};
  for (int i = 0; i < 30; ++i) {
    queue.add({[&, i](std::stop_token) {
      const int mine = ++now;
      int seen = peak;
      while (seen < mine && !peak.compare_exchange_weak(seen, mine)) {
      }
      if (i < 3) together.arrive_and_wait();
      --now;
    }});
  }
  ASSERT_TRUE(queue.wait_idle(2min));
  EXPECT_EQ(peak, 3);
  EXPECT_EQ(queue.counts().slots, 3);
}

TEST(WorkQueue, AFullQueueTakesNothingMore) {
  WorkQueue queue({.slots = 1, .capacity = 2});
  queue.open();
  Gate gate;
  queue.add(gate.work());
  gate.started.get_future().wait();
  int done = 0;
  EXPECT_EQ(queue.add({[&](std::stop_token) { ++done; }}), Added::kYes);
  EXPECT_EQ(queue.add({[&](std::stop_token) { ++done; }}), Added::kYes);
  EXPECT_EQ(queue.add({[&](std::stop_token) { ++done; }}), Added::kFull);
  gate.go.set_value();
  ASSERT_TRUE(queue.wait_idle(2min));
  EXPECT_EQ(done, 2);
}

TEST(WorkQueue, WhatWaitsCanBeWithdrawnAndWhatRunsCanBeStopped) {
  WorkQueue queue({});
  queue.open();
  Gate gate;
  WorkQueue::Ticket running, waiting;
  queue.add(gate.work(), &running);
  gate.started.get_future().wait();
  bool called = false;
  queue.add({[&](std::stop_token) { called = true; }, [&](const std::string&) { called = true; }},
            &waiting);
  EXPECT_TRUE(queue.withdraw(waiting));
  EXPECT_FALSE(queue.withdraw(waiting));
  EXPECT_FALSE(queue.withdraw(running));
  running->request_stop();
  ASSERT_TRUE(queue.wait_idle(2min));
  EXPECT_FALSE(called);
}

TEST(WorkQueue, ClosingLetsWhatWaitsBeDone) {
  WorkQueue queue({});
  bool done = false;
  queue.add({[&](std::stop_token) { done = true; }});
  queue.close();
  EXPECT_TRUE(queue.closed());
  EXPECT_EQ(queue.add({[](std::stop_token) {}}), Added::kClosed);
  queue.open();
  ASSERT_TRUE(queue.wait_idle(2min));
  EXPECT_TRUE(done);
}

TEST(WorkQueue, RefusingTellsWhatWaitsAndLeavesWhatRuns) {
  WorkQueue queue({});
  queue.open();
  Gate gate;
  WorkQueue::Ticket running;
  queue.add(gate.work(), &running);
  gate.started.get_future().wait();
  std::string told;
  queue.add({[&](std::stop_token) { told = "ran"; }, [&](const std::string& why) { told = why; }});
  queue.refuse_waiting("internal: broken");
  EXPECT_EQ(told, "internal: broken");
  EXPECT_FALSE(running->stop_requested());
  EXPECT_FALSE(queue.wait_idle(1ms));
  gate.go.set_value();
  EXPECT_TRUE(queue.wait_idle(2min));
}

TEST(WorkQueue, DestructionStopsWhatRunsAndRefusesWhatWaits) {
  Gate gate;
  std::string told;
  {
    WorkQueue queue({});
    queue.open();
    queue.add(gate.work());
    gate.started.get_future().wait();
    queue.add({[](std::stop_token) {}, [&](const std::string& why) { told = why; }});
  }
  EXPECT_NE(told, "");
}

}  // namespace
}  // namespace echo::server
