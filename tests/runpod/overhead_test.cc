// What the worker adds to a job's own time.
#include <algorithm>

#include "worker_fixture.h"

namespace echo::runpod {
namespace {

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.at(values.size() / 2);
}

double milliseconds_from(steady_clock::time_point from, steady_clock::time_point to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

TEST(WorkerOverhead, AJobReachesTheHandlerAndItsResultThePlatformWithoutDelay) {
  constexpr size_t kCount = 200;
  FakePlatform platform;
  std::mutex mutex;
  std::vector<double> in;
  std::vector<double> out;
  std::map<std::string, steady_clock::time_point> begun;
  std::map<std::string, steady_clock::time_point> ended;
  RunningWorker worker(options_on(platform), [&](const Job& job, JobContext&) {
    const auto now = steady_clock::now();
    const std::lock_guard lock(mutex);
    begun[job.id()] = now;
    ended[job.id()] = steady_clock::now();
    return JobOutcome::success({{"url", std::string(500, 'x')}});
  });
  std::map<std::string, steady_clock::time_point> added;
  for (size_t i = 0; i < kCount; ++i) {
    const std::string id = "j" + std::to_string(i);
    ASSERT_TRUE(platform.wait_for(PlatformRoute::kTake, i + 1)) << "the poll is waiting";
    added[id] = steady_clock::now();
    platform.add_job(id, {{"text", std::string(1'000, 'x')}});
    ASSERT_TRUE(platform.wait_for_results(i + 1));
  }
  for (const auto& result : platform.results()) {
    in.push_back(milliseconds_from(added.at(result.job_id()), begun.at(result.job_id())));
    out.push_back(milliseconds_from(ended.at(result.job_id()), result.at));
  }
  std::printf("median from queue to handler %.2f ms, from handler to platform %.2f ms\n",
              median(in), median(out));
  // Far above what an idle machine needs (well under one), so that a busy one passes.
  EXPECT_LT(median(in), 25.0);
  EXPECT_LT(median(out), 25.0);
}

}  // namespace
}  // namespace echo::runpod
