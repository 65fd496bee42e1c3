// Taking jobs: requests, answers, pace.
#include <zlib.h>

#include <algorithm>

#include "worker_fixture.h"

namespace echo::runpod {
namespace {

using Route = PlatformRoute;

TEST(WorkerTake, S2_TakesAJobAndPostsItsResult) {
  FakePlatform platform;
  RunningWorker worker(options_on(platform), echo_handler);
  platform.add_job("job-1", {{"text", "hello"}});
  ASSERT_TRUE(platform.wait_for_results(1));
  EXPECT_EQ(platform.result_of("job-1"), Json::parse(R"({"output": {"text": "hello"}})"));
  const auto done = platform.requests(Route::kDone).at(0);
  EXPECT_EQ(done.target, "/v2/ep1/job-done/podA/job-1?gpu=NVIDIA+GeForce+RTX+4090&isStream=false");
  EXPECT_EQ(done.header("X-Request-ID"), "job-1");
}

}  // namespace
}  // namespace echo::runpod
