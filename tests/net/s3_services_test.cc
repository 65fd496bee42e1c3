#include "net/s3_services.h"

#include <gtest/gtest.h>

#include <utility>

namespace echo {
namespace {

TEST(S3Services, RegionsStandInTheNamesOfKnownHostsOnly) {
  const std::pair<const char*, const char*> cases[] = {
      {"s3.eu-west-1.amazonaws.com", "eu-west-1"},
      {"b.s3.ap-south-1.amazonaws.com", "ap-south-1"},
      {"s3.dualstack.us-west-2.amazonaws.com", "us-west-2"},
      {"s3-fips.us-west-2.amazonaws.com", "us-west-2"},
      {"s3-eu-west-1.amazonaws.com", "eu-west-1"},
      {"b.s3-us-west-2.amazonaws.com", "us-west-2"},
      {"s3.cn-north-1.amazonaws.com.cn", "cn-north-1"},
      {"s3.amazonaws.com", ""},
      {"b.s3-accelerate.amazonaws.com", ""},
      {"s3.fr-par.scw.cloud", "fr-par"},
      {"s3.eu-central-2.wasabisys.com", "eu-central-2"},
      {"s3.us-west-004.backblazeb2.com", "us-west-004"},
      {"s3.gra.io.cloud.ovh.net", "gra"},
      {"fra1.digitaloceanspaces.com", "fra1"},
      {"b.fra1.digitaloceanspaces.com", "fra1"},
      {"s3api-eu-ro-1.runpod.io", "eu-ro-1"},
      {"abc.r2.cloudflarestorage.com", ""},
      {"s3.home.my.localhost", ""},
      {"s3.storage.company.example", ""},
      {"s3.eu-west-1.amazonaws.com.evil.example", ""},
      {"127.0.0.1", ""},
      {"amazonaws.com", ""},
  };
  for (const auto& [host, region] : cases) EXPECT_EQ(region_of_host(host), region) << host;
}

TEST(S3Services, HostsOfABucketsOwn) {
  const std::pair<const char*, bool> cases[] = {
      {"tts.s3.eu-west-1.amazonaws.com", true},  {"tts.s3-us-west-2.amazonaws.com", true},
      {"tts.fra1.digitaloceanspaces.com", true}, {"tts.abc.r2.cloudflarestorage.com", true},
      {"tts.r2.cloudflarestorage.com", false},  // an account of that name
      {"tts.digitaloceanspaces.com", false},     {"ttsx.s3.eu-west-1.amazonaws.com", false},
      {"s3.eu-west-1.amazonaws.com", false},     {"tts.s3.company.example", false},
  };
  for (const auto& [host, own] : cases) EXPECT_EQ(is_host_of_bucket(host, "tts"), own) << host;
}

TEST(S3Services, OneServiceHasManyHosts) {
  EXPECT_TRUE(is_same_service("s3.amazonaws.com", "b.s3.eu-west-1.amazonaws.com"));
  EXPECT_TRUE(is_same_service("minio.example", "minio.example"));
  EXPECT_FALSE(is_same_service("minio.example", "other.example"));
  EXPECT_FALSE(is_same_service("s3.amazonaws.com", "s3.amazonaws.com.evil.example"));
  EXPECT_FALSE(is_same_service("s3.amazonaws.com", "fra1.digitaloceanspaces.com"));
}

}  // namespace
}  // namespace echo
