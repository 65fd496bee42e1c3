// Everything that says which bucket to use and how.
#pragma once

#include <chrono>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/retry.h"
#include "net/url.h"

namespace echo {

// Path: https://host/bucket/key. Virtual: https://bucket.host/key. Auto: virtual for Amazon's own
// hosts where the bucket's name allows it, else path.
enum class S3Addressing { kAuto, kPath, kVirtual };

struct S3Options {
  std::string endpoint_url;
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;  // may be empty
  std::string bucket;
  std::string region;      // empty: what a known service's name says, else us-east-1
  std::string key_prefix;  // may be empty
  S3Addressing addressing = S3Addressing::kAuto;
  std::chrono::seconds presign_ttl{3600};  // 1 ... 604800

  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds attempt_timeout{60'000};
  // As many attempts as fit: a service that is away for minutes costs no result.
  RetryPolicy retry{.max_attempts = 0,
                    .first_delay = std::chrono::milliseconds(200),
                    .max_delay = std::chrono::milliseconds(10'000),
                    .total = std::chrono::milliseconds(180'000)};
  bool public_hosts_only = false;             // for endpoints that a stranger names
  std::function<void()> upload_retried = {};  // before each attempt to put after the first
};

// Throws kInvalidArgument for anything but "auto", "path", "virtual" (any case; empty is auto).
S3Addressing parse_s3_addressing(std::string_view text);

// One line for each thing that is missing or wrong, with the name of its variable; empty if the
// options are usable.
std::vector<std::string> s3_problems(const S3Options& options);

// The region to sign for.
std::string s3_region(const S3Options& options);

// The options for a job that brings its own bucket: {"endpointUrl", "accessId", "accessSecret",
// "bucketName", "objectPath"?}. Times and retries stay those of `base`. The endpoint must be a
// public host. Throws kInvalidArgument naming the field.
S3Options s3_options_of_job(const S3Options& base, const nlohmann::json& config);

// The prefix, made to end in '/', and the name.
std::string s3_key(const S3Options& options, std::string_view name);

// Host and path of the bucket or of an object in it. An endpoint that names the bucket already, in
// its path or in its host, is recognised.
struct S3Address {
  std::string scheme;
  std::string authority;
  std::string path;  // percent-encoded
  std::string url(const std::string& query = {}) const;
};
S3Address s3_address(const S3Options& options, std::string_view key = {});

}  // namespace echo
