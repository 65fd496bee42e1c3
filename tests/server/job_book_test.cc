// The book of jobs by itself, with a clock that stands still.
#include "server/job_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "support/fake_clock.h"
#include "test_server.h"

namespace echo::server {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class JobBookTest : public ::testing::Test {
 protected:
  void make(JobBookOptions options = {}, JobBook::Hooks hooks = {}, WorkQueueOptions work = {}) {
    make_closed(std::move(options), std::move(hooks), work);
    book_->set_handler(handler_.handler());
    queue_->open();
  }
  // Nothing starts yet.
  void make_closed(JobBookOptions options = {}, JobBook::Hooks hooks = {},
                   WorkQueueOptions work = {}) {
    queue_ = std::make_unique<WorkQueue>(work);
    book_ =
        std::make_unique<JobBook>(std::move(options), std::move(hooks), *queue_, logger_, clock_);
  }
  void TearDown() override { handler_.release(); }

  Added submit(const std::string& id, const Json& input, Submission more = {}) {
    more.id = id;
    more.document = {{"id", id}, {"input", input}};
    if (more.bytes == 0) more.bytes = 100;
    return book_->submit(std::move(more));
  }
  JobView finish(const std::string& id) {
    std::promise<void> done;
    book_->when(id, JobBook::Until::kFinal, JobBook::TimePoint::max(), {},
                [&] { done.set_value(); });
    EXPECT_EQ(done.get_future().wait_for(2min), std::future_status::ready);
    return book_->find(id).value_or(JobView{});
  }
  void pass(std::chrono::milliseconds time) {
    clock_.advance(time);
    book_->tick();
  }

  FakeClock clock_;
  std::shared_ptr<KeptLog> log_ = std::make_shared<KeptLog>();
  Logger logger_{LogOptions{}, log_};
  FakeHandler handler_;
  std::unique_ptr<WorkQueue> queue_;
  std::unique_ptr<JobBook> book_;
};

TEST_F(JobBookTest, AHandlerBringsItsSlots) {
  make_closed();
  for (const char* id : {"a", "b", "c", "d"}) submit(id, {{"wait", true}});
  book_->set_handler(handler_.handler());
  queue_->open(3);
  ASSERT_TRUE(handler_.wait_for_started(3));
  EXPECT_EQ(book_->counts().running, 3u);
  EXPECT_EQ(book_->counts().queued, 1u);
}

TEST_F(JobBookTest, M45ExecutionTimeoutIsTimedOutAndStopsTheHandler) {
  make();
  submit("a", {{"wait", true}});
  ASSERT_TRUE(handler_.wait_for_started(1));
  pass(599'999ms);
  EXPECT_EQ(book_->find("a")->state, JobState::kInProgress);
  pass(1ms);
  const JobView job = finish("a");
  EXPECT_EQ(job.state, JobState::kTimedOut);
  EXPECT_EQ(job.execution, 600'000ms);
  EXPECT_EQ(job.error, "timed_out: the job ran longer than 600000 ms");
  EXPECT_TRUE(queue_->wait_idle(2min));
  EXPECT_EQ(handler_.cancelled(), 1);
}

TEST_F(JobBookTest, M45ExecutionTimeoutOfTheJobItself) {
  make();
  Submission policy;
  policy.execution_timeout = 5s;
  submit("a", {{"wait", true}}, std::move(policy));
  ASSERT_TRUE(handler_.wait_for_started(1));
  pass(5s);
  EXPECT_EQ(finish("a").state, JobState::kTimedOut);
  // Time in the queue does not count.
  EXPECT_EQ(book_->retry("a"), Retried::kYes);
  ASSERT_TRUE(handler_.wait_for_started(2));
  pass(4'999ms);
  EXPECT_EQ(book_->find("a")->state, JobState::kInProgress);
  handler_.release();
  const JobView job = finish("a");
  EXPECT_EQ(job.state, JobState::kCompleted);
  EXPECT_EQ(job.retries, 1);
}

TEST_F(JobBookTest, M45TtlForgetsQueuedAndRunningJobs) {
  make();
  Submission short_lived;
  short_lived.ttl = 10s;
  submit("running", {{"wait", true}}, short_lived);
  ASSERT_TRUE(handler_.wait_for_started(1));
  submit("queued", 1, short_lived);
  pass(9'999ms);
  EXPECT_TRUE(book_->find("running"));
  EXPECT_TRUE(book_->find("queued"));
  pass(1ms);
  EXPECT_FALSE(book_->find("running"));
  EXPECT_FALSE(book_->find("queued"));
  EXPECT_TRUE(queue_->wait_idle(2min));
  EXPECT_EQ(handler_.cancelled(), 1);
  EXPECT_EQ(handler_.started(), 1);
  EXPECT_EQ(book_->counts().queued, 0u);
  EXPECT_EQ(book_->counts().running, 0u);
}

TEST_F(JobBookTest, M45ResultsAreKeptForTheirTime) {
  make();
  submit("run", 1);
  Submission sync;
  sync.kind = JobKind::kRunSync;
  submit("sync", 1, std::move(sync));
  finish("run");
  finish("sync");
  pass(59'999ms);
  EXPECT_TRUE(book_->find("sync"));
  pass(1ms);
  EXPECT_FALSE(book_->find("sync"));
  pass(29 * 60'000ms - 1ms);
  EXPECT_TRUE(book_->find("run"));
  pass(1ms);
  EXPECT_FALSE(book_->find("run"));
}

TEST_F(JobBookTest, M45ForgettingAfterATimeOfTheCallersChoice) {
  make();
  submit("a", 1);
  finish("a");
  book_->forget("a", 6s);
  pass(5'999ms);
  EXPECT_TRUE(book_->find("a"));
  pass(1ms);
  EXPECT_FALSE(book_->find("a"));
}

TEST_F(JobBookTest, DelayAndExecutionAreMeasured) {
  make();
  submit("first", {{"wait", true}});
  ASSERT_TRUE(handler_.wait_for_started(1));
  submit("second", {{"wait", true}});
  clock_.advance(700ms);
  book_->cancel("first");
  ASSERT_TRUE(handler_.wait_for_started(2));
  clock_.advance(300ms);
  book_->cancel("second");
  const JobView job = *book_->find("second");
  EXPECT_EQ(job.delay, 700ms);
  EXPECT_EQ(job.execution, 300ms);
  EXPECT_EQ(book_->find("first")->delay, 0ms);
}

TEST_F(JobBookTest, JobsWaitForTheHandler) {
  make_closed();
  submit("a", 1);
  EXPECT_FALSE(queue_->wait_idle(10ms));
  EXPECT_EQ(book_->find("a")->state, JobState::kInQueue);
  book_->set_handler(handler_.handler());
  queue_->open();
  EXPECT_EQ(finish("a").state, JobState::kCompleted);
}

TEST_F(JobBookTest, JobsStartInTheirOrder) {
  std::vector<std::string> order;
  JobBook::Hooks hooks;
  hooks.finished = [&](const JobView& job) { order.push_back(job.id); };
  make({}, hooks);
  submit("a", {{"wait", true}});
  submit("b", 1);
  submit("c", 1);
  handler_.release();
  finish("c");
  book_.reset();
  EXPECT_EQ(order, (std::vector<std::string>{"a", "b", "c"}));
}

TEST_F(JobBookTest, ALateResultOfACancelledJobIsNotHeard) {
  std::promise<void> go;
  std::shared_future<void> gone = go.get_future().share();
  make();
  // A handler that does not ask whether it is still wanted.
  book_->set_handler([&](const Job&, JobContext& context) {
    gone.wait();
    EXPECT_TRUE(context.stop_token().stop_requested());
    context.progress("late");
    EXPECT_THROW(context.stream("late"), Error);
    return JobOutcome::success("late");
  });
  submit("a", 1);
  while (book_->find("a")->state != JobState::kInProgress) std::this_thread::yield();
  book_->cancel("a");
  go.set_value();
  EXPECT_TRUE(queue_->wait_idle(2min));
  const JobView job = *book_->find("a");
  EXPECT_EQ(job.state, JobState::kCancelled);
  EXPECT_EQ(job.output, nullptr);
  EXPECT_EQ(book_->counts().completed, 0u);
}

TEST_F(JobBookTest, ALateResultOfATimedOutRunDoesNotEndItsRetry) {
  // The first run may leave its wait after this test's end.
  struct Gate {
    std::mutex mutex;
    std::condition_variable changed;
    int runs = 0;
    int released = 0;
  };
  const auto gate = std::make_shared<Gate>();
  auto& [mutex, changed, runs, released] = *gate;
  WorkQueueOptions two;
  two.slots = 2;
  make({}, {}, two);
  book_->set_handler([gate](const Job&, JobContext&) {
    std::unique_lock lock(gate->mutex);
    const int mine = ++gate->runs;
    gate->changed.notify_all();
    gate->changed.wait(lock, [&] { return gate->released >= mine; });
    return JobOutcome::success(mine);
  });
  submit("a", 1);
  const auto wait_for_runs = [&](int count) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, 2min, [&] { return runs >= count; });
  };
  const auto release = [&](int count) {
    const std::lock_guard lock(mutex);
    released = count;
    changed.notify_all();
  };
  ASSERT_TRUE(wait_for_runs(1));
  pass(600s);
  ASSERT_EQ(book_->find("a")->state, JobState::kTimedOut);
  ASSERT_EQ(book_->retry("a"), Retried::kYes);
  ASSERT_TRUE(wait_for_runs(2));
  release(1);
  EXPECT_EQ(book_->find("a")->state, JobState::kInProgress);
  release(2);
  const JobView job = finish("a");
  EXPECT_EQ(*job.output, "2");
}

TEST_F(JobBookTest, MemoryIsBounded) {
  JobBookOptions options;
  options.max_bytes = 10'000;
  make(options);
  // Finished jobs make room for new ones, the oldest first.
  for (int i = 0; i < 20; ++i) {
    const std::string id = "job" + std::to_string(i);
    EXPECT_EQ(submit(id, {{"return", std::string(1000, 'x')}}), Added::kYes);
    EXPECT_EQ(finish(id).state, JobState::kCompleted);
  }
  EXPECT_FALSE(book_->find("job0"));
  EXPECT_TRUE(book_->find("job19"));
  // Jobs that are not over do not.
  submit("blocker", {{"wait", true}});
  Submission large;
  large.bytes = 6'000;
  EXPECT_EQ(submit("large", 1, large), Added::kYes);
  EXPECT_EQ(submit("larger", 1, large), Added::kFull);
  EXPECT_FALSE(book_->find("larger"));
}

TEST_F(JobBookTest, OnlySoManyFinishedJobsAreKept) {
  JobBookOptions options;
  options.max_finished = 3;
  make(options);
  for (int i = 0; i < 10; ++i) {
    submit(std::to_string(i), 1);
    finish(std::to_string(i));
  }
  int kept = 0;
  for (int i = 0; i < 10; ++i) kept += book_->find(std::to_string(i)).has_value();
  EXPECT_EQ(kept, 3);
  EXPECT_TRUE(book_->find("9"));
}

TEST_F(JobBookTest, APieceThatIsTooLargeIsAnErrorOfTheHandler) {
  JobBookOptions options;
  options.stream_piece = 100;
  make(options);
  submit("a", {{"stream", {std::string(99, 'x')}}});
  const JobView job = finish("a");
  EXPECT_EQ(job.state, JobState::kFailed);
  EXPECT_EQ(job.error, "invalid_input: stream piece of 101 bytes, at most 100 are taken");
}

TEST_F(JobBookTest, WithoutCollectingPiecesAreForgottenOnceTaken) {
  JobBookOptions options;
  options.collect_stream = false;
  options.run_result = 250;
  make(options);
  submit("a", {{"stream", {std::string(100, 'x'), "b"}}});
  JobView job = finish("a");
  EXPECT_EQ(*job.output, "[]");
  EXPECT_EQ(book_->take_pieces("a")->pieces.size(), 2u);
  EXPECT_EQ(book_->take_pieces("a")->pieces.size(), 0u);
}

TEST_F(JobBookTest, ABrokenDeviceIsReported) {
  std::promise<std::string> reason;
  JobBook::Hooks hooks;
  hooks.fatal = [&](const std::string& text) { reason.set_value(text); };
  make({}, hooks);
  submit("a", {{"fatal", true}});
  EXPECT_EQ(finish("a").state, JobState::kFailed);
  EXPECT_EQ(reason.get_future().get(), "internal: the device is broken");
}

TEST_F(JobBookTest, ClosingRefusesAndFinishes) {
  make();
  submit("a", {{"wait", true}});
  ASSERT_TRUE(handler_.wait_for_started(1));
  submit("b", 1);
  queue_->close();
  EXPECT_EQ(submit("c", 1), Added::kClosed);
  EXPECT_FALSE(queue_->wait_idle(1ms));
  handler_.release();
  EXPECT_TRUE(queue_->wait_idle(2min));
  EXPECT_EQ(book_->find("b")->state, JobState::kCompleted);
}

TEST_F(JobBookTest, FailingAllAnswersThoseThatWait) {
  make();
  submit("a", {{"wait", true}});
  ASSERT_TRUE(handler_.wait_for_started(1));
  submit("b", 1);
  queue_->refuse_waiting("internal: broken");
  EXPECT_EQ(finish("b").error, "internal: broken");
  EXPECT_EQ(book_->find("a")->state, JobState::kInProgress);
}

TEST_F(JobBookTest, DestructionCancelsAndWakes) {
  make();
  submit("a", {{"wait", true}});
  submit("b", 1);
  int woken = 0;
  for (const char* id : {"a", "b"}) {
    book_->when(id, JobBook::Until::kFinal, JobBook::TimePoint::max(), {}, [&] { ++woken; });
  }
  book_.reset();
  EXPECT_EQ(woken, 2);
}

TEST_F(JobBookTest, UserTextIsInNoLog) {
  make();
  submit("a", {{"throw", "canary1"}});
  submit("b", {{"error", "canary2"}, {"progress", {"canary3"}}});
  submit("c", {{"return", "canary4"}});
  finish("c");
  EXPECT_THAT(log_->text(), HasSubstr("Captured Handler Exception"));
  EXPECT_THAT(log_->text(), ::testing::Not(HasSubstr("canary")));
}

}  // namespace
}  // namespace echo::server
