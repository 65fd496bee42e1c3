#include "net/s3_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "s3_test_options.h"

namespace echo {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(S3Options, NamesEveryMissingVariable) {
  EXPECT_THAT(s3_problems({}),
              ElementsAre("S3_ENDPOINT_URL is not set", "S3_ACCESS_KEY_ID is not set",
                          "S3_SECRET_ACCESS_KEY is not set", "S3_BUCKET_NAME is not set"));
  EXPECT_THAT(s3_problems(test_s3_options("https://s3.example")), IsEmpty());
}

TEST(S3Options, NamesWhatIsWrongWithoutShowingSecrets) {
  S3Options options = test_s3_options("ftp://h");
  options.bucket = "a/b";
  options.secret_access_key = "canary\n";
  options.session_token = "canary\r";
  options.presign_ttl = std::chrono::seconds(604801);
  const auto problems = s3_problems(options);
  ASSERT_EQ(problems.size(), 5u);
  EXPECT_THAT(problems[0], HasSubstr("S3_ENDPOINT_URL"));
  EXPECT_THAT(problems[1], HasSubstr("S3_BUCKET_NAME"));
  EXPECT_THAT(problems[2], HasSubstr("S3_SECRET_ACCESS_KEY has a line break"));
  EXPECT_THAT(problems[3], HasSubstr("S3_SESSION_TOKEN"));
  EXPECT_THAT(problems[4], HasSubstr("S3_PRESIGN_TTL_SECONDS is 604801, expected 1 to 604800"));
  for (const std::string& problem : problems) EXPECT_EQ(problem.find("canary"), std::string::npos);
}

TEST(S3Options, AddressingStyles) {
  struct Case {
    const char* endpoint;
    const char* style;
    const char* bucket;
    const char* expected;
  };
  const Case cases[] = {
      {"https://minio.example:9000", "auto", "tts", "https://minio.example:9000/tts/a%20b/c"},
      {"https://minio.example:9000", "virtual", "tts", "https://tts.minio.example:9000/a%20b/c"},
      {"https://s3.eu-west-1.amazonaws.com", "auto", "tts",
       "https://tts.s3.eu-west-1.amazonaws.com/a%20b/c"},
      {"https://s3.eu-west-1.amazonaws.com", "", "my.bucket",
       "https://s3.eu-west-1.amazonaws.com/my.bucket/a%20b/c"},
      {"https://s3.eu-west-1.amazonaws.com/", "path", "tts",
       "https://s3.eu-west-1.amazonaws.com/tts/a%20b/c"},
      {"https://tts.s3.eu-west-1.amazonaws.com", "AUTO", "tts",
       "https://tts.s3.eu-west-1.amazonaws.com/a%20b/c"},
      {"https://x.example/storage/v1/s3/", "auto", "tts",
       "https://x.example/storage/v1/s3/tts/a%20b/c"},
      // With the bucket in it already, as a console shows it.
      {"https://abc.r2.cloudflarestorage.com/tts", "auto", "tts",
       "https://abc.r2.cloudflarestorage.com/tts/a%20b/c"},
      {"https://abc.r2.cloudflarestorage.com/tts/", "path", "tts",
       "https://abc.r2.cloudflarestorage.com/tts/a%20b/c"},
      {"https://abc.r2.cloudflarestorage.com/other", "auto", "tts",
       "https://abc.r2.cloudflarestorage.com/other/tts/a%20b/c"},
      {"https://x.example/storage/tts", "auto", "tts", "https://x.example/storage/tts/a%20b/c"},
      {"https://s3.eu-west-1.amazonaws.com/tts", "auto", "tts",
       "https://tts.s3.eu-west-1.amazonaws.com/a%20b/c"},
      {"https://tts.fra1.digitaloceanspaces.com", "auto", "tts",
       "https://tts.fra1.digitaloceanspaces.com/a%20b/c"},
      {"https://tts.fra1.digitaloceanspaces.com", "path", "tts",
       "https://fra1.digitaloceanspaces.com/tts/a%20b/c"},
      {"https://tts.s3.eu-west-1.amazonaws.com", "path", "tts",
       "https://s3.eu-west-1.amazonaws.com/tts/a%20b/c"},
      {"https://my.bucket.s3.eu-west-1.amazonaws.com", "auto", "my.bucket",
       "https://s3.eu-west-1.amazonaws.com/my.bucket/a%20b/c"},
      {"https://tts.company.example", "auto", "tts", "https://tts.company.example/tts/a%20b/c"},
  };
  for (const Case& one : cases) {
    S3Options options = test_s3_options(one.endpoint);
    options.bucket = one.bucket;
    options.addressing = parse_s3_addressing(one.style);
    EXPECT_EQ(s3_address(options, "a b/c").url(), one.expected);
  }
  EXPECT_THROW(parse_s3_addressing("dns"), Error);
}

TEST(S3Options, RegionFromTheEndpointUnlessGiven) {
  const std::pair<const char*, const char*> cases[] = {
      {"https://s3.eu-west-1.amazonaws.com", "eu-west-1"},
      {"https://b.s3.ap-south-1.amazonaws.com", "ap-south-1"},
      {"https://s3.dualstack.us-west-2.amazonaws.com", "us-west-2"},
      {"https://s3.amazonaws.com", "us-east-1"},
      {"https://s3.fr-par.scw.cloud", "fr-par"},
      {"https://fra1.digitaloceanspaces.com", "fra1"},
      {"https://b.fra1.digitaloceanspaces.com", "fra1"},
      {"https://s3api-eu-ro-1.runpod.io", "eu-ro-1"},
      {"https://abc.r2.cloudflarestorage.com", "us-east-1"},
      {"http://127.0.0.1:9000", "us-east-1"},
      {"http://s3.home.my.localhost:9000", "us-east-1"},
  };
  for (const auto& [endpoint, region] : cases) {
    EXPECT_EQ(s3_region(test_s3_options(endpoint)), region) << endpoint;
  }
  S3Options options = test_s3_options("https://s3.eu-west-1.amazonaws.com");
  options.region = "xx";
  EXPECT_EQ(s3_region(options), "xx");
}

TEST(S3Options, PrefixEndsInASlash) {
  S3Options options = test_s3_options("http://h");
  for (const auto& [prefix, key] :
       {std::pair{"", "x.ogg"}, {"a", "a/x.ogg"}, {"/a/b/", "a/b/x.ogg"}}) {
    options.key_prefix = prefix;
    EXPECT_EQ(s3_key(options, "x.ogg"), key);
  }
}

TEST(S3Options, PathsThatClientsShortenAreRefused) {
  for (const char* prefix : {".", "./tts", "tts/.", "tts/../x", "a//b", "tts//", "..", "/./x"}) {
    S3Options options = test_s3_options("https://h");
    options.key_prefix = prefix;
    EXPECT_THAT(s3_problems(options), ElementsAre(HasSubstr("S3_KEY_PREFIX has "))) << prefix;
    const nlohmann::json config = {{"endpointUrl", "https://h"},
                                   {"accessId", "i"},
                                   {"accessSecret", "s"},
                                   {"bucketName", "b"},
                                   {"objectPath", prefix}};
    EXPECT_THROW(s3_options_of_job({}, config), Error) << prefix;
  }
  for (const char* prefix : {"", "tts", "/tts/", "a/b", "a.b/..c/...", ".hidden"}) {
    S3Options options = test_s3_options("https://h");
    options.key_prefix = prefix;
    EXPECT_THAT(s3_problems(options), IsEmpty()) << prefix;
  }
  for (const char* endpoint :
       {"https://h/a/../b", "https://h/./a", "https://h/a//b", "https://h/%2e%2E/a"}) {
    EXPECT_THAT(s3_problems(test_s3_options(endpoint)),
                ElementsAre(HasSubstr("S3_ENDPOINT_URL has ")))
        << endpoint;
  }
}

TEST(S3Options, AJobsOwnBucketWins) {
  S3Options base = test_s3_options("https://mine.example");
  base.session_token = "token";
  base.region = "mine";
  base.key_prefix = "p";
  base.attempt_timeout = std::chrono::milliseconds(77);
  const auto config = nlohmann::json::parse(
      R"({"endpointUrl":"https://fra1.digitaloceanspaces.com","accessId":"id","accessSecret":"s","bucketName":"theirs","objectPath":"out"})");
  const S3Options options = s3_options_of_job(base, config);
  EXPECT_EQ(options.endpoint_url, "https://fra1.digitaloceanspaces.com");
  EXPECT_EQ(options.access_key_id, "id");
  EXPECT_EQ(options.secret_access_key, "s");
  EXPECT_EQ(options.bucket, "theirs");
  EXPECT_EQ(s3_region(options), "fra1");
  EXPECT_EQ(s3_key(options, "x"), "out/x");
  EXPECT_EQ(options.session_token, "") << "the worker's own token is not for strangers";
  EXPECT_EQ(options.attempt_timeout, base.attempt_timeout);
  EXPECT_TRUE(options.public_hosts_only);
}

TEST(S3Options, ABadJobBucketNamesItsField) {
  const std::pair<const char*, const char*> cases[] = {
      {R"([])", "s3Config must be an object"},
      {R"({})", "s3Config.endpointUrl is missing"},
      {R"({"endpointUrl":5})", "s3Config.endpointUrl must be a string"},
      {R"({"endpointUrl":"h","accessId":"i","accessSecret":"canary","bucketName":"b"})",
       "s3Config.endpointUrl"},
      {R"({"endpointUrl":"https://h","accessId":"i","accessSecret":"canary"})",
       "s3Config.bucketName is missing"},
      {R"({"endpointUrl":"https://h","accessId":"i","accessSecret":"canary\n","bucketName":"b"})",
       "s3Config.accessSecret has a line break"},
      {R"({"endpointUrl":"https://h","accessId":"i","accessSecret":"","bucketName":"b"})",
       "s3Config.accessSecret is empty"},
  };
  for (const auto& [text, expected] : cases) {
    try {
      s3_options_of_job({}, nlohmann::json::parse(text));
      FAIL() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
      EXPECT_THAT(error.what(), HasSubstr(expected));
      EXPECT_THAT(error.what(), testing::Not(HasSubstr("canary")));
    }
  }
}

}  // namespace
}  // namespace echo
