#include "runpod/endpoints.h"

#include <gtest/gtest.h>

namespace echo::runpod {
namespace {

WorkerOptions options_with(const std::string& take) {
  WorkerOptions options;
  options.take_url = take;
  options.output_url = "https://h/v2/ep/job-done/$RUNPOD_POD_ID/$ID?gpu=RTX+A5000";
  options.stream_url = "https://h/v2/ep/job-stream/$RUNPOD_POD_ID/$ID?gpu=RTX+A5000";
  options.ping_url = "https://h/v2/ep/ping/$RUNPOD_POD_ID?gpu=RTX+A5000";
  options.worker_id = "podA";
  return options;
}

const char* const kTake = "https://h/v2/ep/job-take/$ID?gpu=RTX+A5000";

TEST(Endpoints, M2_ReplacesThePlaceholdersOfEachTemplate) {
  const Endpoints endpoints(options_with(kTake));
  EXPECT_EQ(endpoints.take(1, false),
            "https://h/v2/ep/job-take/podA?gpu=RTX+A5000&job_in_progress=0");
  EXPECT_EQ(endpoints.output("job-1", false),
            "https://h/v2/ep/job-done/podA/job-1?gpu=RTX+A5000&isStream=false");
  EXPECT_EQ(endpoints.output("job-1", true),
            "https://h/v2/ep/job-done/podA/job-1?gpu=RTX+A5000&isStream=true");
  EXPECT_EQ(endpoints.stream("job-1"),
            "https://h/v2/ep/job-stream/podA/job-1?gpu=RTX+A5000&isStream=false");
  EXPECT_EQ(endpoints.ping({}), "https://h/v2/ep/ping/podA?gpu=RTX+A5000&runpod_version=1.12.0");
}

TEST(Endpoints, M2_ReplacesOtherNamesOnlyWhenTheyExist) {
  WorkerOptions options =
      options_with("https://h/$RUNPOD_ENDPOINT_ID/job-take/$RUNPOD_POD_ID?g=$RUNPOD_GPU_TYPE_ID");
  EXPECT_EQ(Endpoints(options).take(1, false),
            "https://h/$RUNPOD_ENDPOINT_ID/job-take/podA?g=$RUNPOD_GPU_TYPE_ID&job_in_progress=0");
  options.endpoint_id = "ep9";
  options.gpu_type_id = "NVIDIA RTX 4090";
  EXPECT_EQ(Endpoints(options).take(1, false),
            "https://h/ep9/job-take/podA?g=NVIDIA+RTX+4090&job_in_progress=0");
}

TEST(Endpoints, M5_KeepsTheQueryByteForByte) {
  const Endpoints endpoints(
      options_with("https://h/job-take/$ID?gpu=NVIDIA+GeForce+RTX+4090&x=%2b%2F&y=a,b"));
  EXPECT_EQ(endpoints.take(1, true),
            "https://h/job-take/podA?gpu=NVIDIA+GeForce+RTX+4090&x=%2b%2F&y=a,b&job_in_progress=1");
}

TEST(Endpoints, M7_AsksForBatchesByAnotherPath) {
  const Endpoints endpoints(options_with(kTake));
  EXPECT_EQ(endpoints.take(3, true),
            "https://h/v2/ep/job-take-batch/podA?gpu=RTX+A5000&batch_size=3&job_in_progress=1");
  const Endpoints odd(options_with("https://h/get/$ID?g=1"));
  EXPECT_EQ(odd.take(3, false), "https://h/get/podA?g=1&job_in_progress=0");
}

TEST(Endpoints, QueriesAreJoinedAsTheTemplateEnds) {
  EXPECT_EQ(with_query("http://h/a", "x=1"), "http://h/a?x=1");
  EXPECT_EQ(with_query("http://h/a?", "x=1"), "http://h/a?x=1");
  EXPECT_EQ(with_query("http://h/a?b&", "x=1"), "http://h/a?b&x=1");
  EXPECT_EQ(with_query("http://h/a?b=c", "x=1"), "http://h/a?b=c&x=1");
}

TEST(Endpoints, JobIdsAreEncodedOnlyWhereIllegal) {
  EXPECT_EQ(path_encode("a b/c,d-u1"), "a%20b/c,d-u1");
  EXPECT_EQ(path_encode("\xC3\xA9"), "%C3%A9");
  EXPECT_EQ(path_encode("a?b#c%d%41"), "a%3Fb%23c%25d%41");
  EXPECT_EQ(path_encode("\r\n\"<>\\^`{|}"), "%0D%0A%22%3C%3E%5C%5E%60%7B%7C%7D");
}

TEST(Endpoints, M30_PingListsJobsAsAForm) {
  const Endpoints endpoints(options_with(kTake));
  EXPECT_EQ(
      endpoints.ping({"p-1", "p/2 \xC3\xA9"}),
      "https://h/v2/ep/ping/podA?gpu=RTX+A5000&job_id=p-1%2Cp%2F2+%C3%A9&runpod_version=1.12.0");
}

TEST(Endpoints, M49_UnhealthyReportHasItsFieldsInOrder) {
  const Endpoints endpoints(options_with(kTake));
  EXPECT_EQ(endpoints.unhealthy("_memory_check", "RuntimeError: 1.2GB available, too few"),
            "https://h/v2/ep/ping/podA?gpu=RTX+A5000&status=unhealthy&check=_memory_check&"
            "reason=RuntimeError%3A+1.2GB+available%2C+too+few&runpod_version=1.12.0");
}

TEST(Endpoints, M35_StopUrlIsDerivedFromTheTakeUrl) {
  EXPECT_EQ(Endpoints(options_with(kTake)).stop(), "https://h/v2/ep/job-stop/podA?gpu=RTX+A5000");
  EXPECT_FALSE(Endpoints(options_with("https://h/get/$ID?g=1")).stop());
}

TEST(Endpoints, MissingTemplatesGiveEmptyUrls) {
  WorkerOptions options = options_with(kTake);
  options.stream_url.clear();
  options.ping_url.clear();
  const Endpoints endpoints(options);
  EXPECT_EQ(endpoints.stream("a"), "");
  EXPECT_EQ(endpoints.ping({}), "");
  EXPECT_EQ(endpoints.unhealthy("a", "b"), "");
}

TEST(Endpoints, IllegalBytesInATemplateAreEncoded) {
  EXPECT_EQ(Endpoints(options_with("https://h/job-take/$ID?gpu=RTX 4090")).take(1, false),
            "https://h/job-take/podA?gpu=RTX%204090&job_in_progress=0");
}

}  // namespace
}  // namespace echo::runpod
