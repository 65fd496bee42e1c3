#include "net/sigv4.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/digest.h"

namespace echo {
namespace {

using std::chrono::seconds;
using testing::EndsWith;
using testing::HasSubstr;

// The examples that the Amazon S3 API Reference publishes, all of one day.
const SigV4Keys kSigningKeys{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                             ""};
const SigV4Scope kScope{"us-east-1", "s3"};
const std::chrono::system_clock::time_point kDay{seconds(1369353600)};  // 2013-05-24

const char kEmptyHash[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

SigV4Request example(std::string path) {
  SigV4Request request;
  request.host = "examplebucket.s3.amazonaws.com";
  request.path = std::move(path);
  request.payload_hash = kEmptyHash;
  return request;
}

std::string authorization(const SigV4Request& request) {
  return std::string(
      find_header(sign_headers(request, kSigningKeys, kScope, kDay), "Authorization").value());
}

TEST(SigV4, PublishedGetObject) {
  SigV4Request request = example("/test.txt");
  request.headers = {{"Range", "bytes=0-9"}};
  EXPECT_EQ(authorization(request),
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
            "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
            "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST(SigV4, PublishedPutObject) {
  SigV4Request request = example("/test%24file.text");
  request.method = "PUT";
  request.headers = {{"Date", "Fri, 24 May 2013 00:00:00 GMT"},
                     {"x-amz-storage-class", "REDUCED_REDUNDANCY"}};
  request.payload_hash = hex(digest(DigestKind::kSha256, "Welcome to Amazon S3."));
  EXPECT_THAT(authorization(request),
              EndsWith("=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"));
}

TEST(SigV4, PublishedBucketLifecycle) {
  SigV4Request request = example("/");
  request.query = {{"lifecycle", ""}};
  EXPECT_THAT(authorization(request),
              EndsWith("=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"));
}

TEST(SigV4, PublishedListObjects) {
  SigV4Request request = example("/");
  request.query = {{"prefix", "J"}, {"max-keys", "2"}};
  EXPECT_THAT(authorization(request),
              EndsWith("=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
}

TEST(SigV4, PublishedPresignedLink) {
  SigV4Request request = example("/test.txt");
  request.payload_hash = SigV4Request::kUnsigned;
  EXPECT_EQ(presign_query(request, kSigningKeys, kScope, kDay, seconds(86400)),
            "X-Amz-Algorithm=AWS4-HMAC-SHA256"
            "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
            "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400"
            "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
            "&X-Amz-SignedHeaders=host");
}

TEST(SigV4, PublishedVectorOfTheGeneralSuite) {
  SigV4Request request;
  request.host = "example.amazonaws.com";
  request.path = "/";
  request.payload_hash = kEmptyHash;
  const SigV4Keys keys{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ""};
  const auto headers = sign_headers(request, keys, {"us-east-1", "service"},
                                    std::chrono::system_clock::time_point(seconds(1440938160)));
  EXPECT_EQ(find_header(headers, "Authorization"),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
            "SignedHeaders=host;x-amz-date, "
            "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
}

TEST(SigV4, SessionTokenIsSignedAndSent) {
  SigV4Keys keys = kSigningKeys;
  keys.session_token = "to/k+en=";
  const auto headers = sign_headers(example("/a"), keys, kScope, kDay);
  EXPECT_EQ(find_header(headers, "X-Amz-Security-Token"), "to/k+en=");
  EXPECT_THAT(std::string(*find_header(headers, "Authorization")),
              HasSubstr("x-amz-security-token"));
  EXPECT_THAT(presign_query(example("/a"), keys, kScope, kDay, seconds(1)),
              HasSubstr("&X-Amz-Security-Token=to%2Fk%2Ben%3D&"));
}

TEST(SigV4, QueriesAreSortedByTheirEncodedBytes) {
  EXPECT_EQ(canonical_query({{"b", "2"}, {"a+", "x y"}, {"a", "~"}, {"a", ""}, {"B", "/"}}),
            "B=%2F&a=&a=~&a%2B=x%20y&b=2");
}

TEST(SigV4, HeaderSpacesAreFolded) {
  SigV4Request one = example("/a"), two = example("/a");
  one.headers = {{"X-A", "  a   b "}};
  two.headers = {{"x-a", "a b"}};
  EXPECT_EQ(authorization(one), authorization(two));
}

TEST(Digest, KnownValues) {
  EXPECT_EQ(hex(digest(DigestKind::kSha256, "")), kEmptyHash);
  EXPECT_EQ(hex(digest(DigestKind::kSha1, "abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(hex(digest(DigestKind::kMd5, "abc")), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("a"), "YQ==");
  EXPECT_EQ(base64("abcd"), "YWJjZA==");
  Digest pieces(DigestKind::kSha256);
  pieces.update("a");
  pieces.update("bc");
  EXPECT_EQ(pieces.finish(), digest(DigestKind::kSha256, "abc"));
  EXPECT_TRUE(equal_in_constant_time("abc", "abc"));
  EXPECT_FALSE(equal_in_constant_time("abc", "abd"));
  EXPECT_FALSE(equal_in_constant_time("abc", "ab"));
  EXPECT_NE(random_bytes(16), random_bytes(16));
}

}  // namespace
}  // namespace echo
