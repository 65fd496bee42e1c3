// Signed requests to an S3-compatible service: retries, clock skew, errors.
#pragma once

#include <atomic>
#include <chrono>
#include <mutex>
#include <stop_token>
#include <string>

#include "base/clock.h"
#include "net/http_client.h"
#include "net/s3_options.h"
#include "net/sigv4.h"

namespace echo {

struct S3Request {
  std::string method = "GET";
  std::string key = {};  // empty: the bucket itself
  QueryParameters query = {};
  HttpHeaders headers = {};
  std::string body = {};
  std::size_t max_body = std::size_t{256} << 20;
  bool missing_is_an_answer = false;  // 404 comes back as a response
  std::stop_token stop = {};
};

// Threads: every member may be called from any thread.
class S3Client {
 public:
  // Both outlive this. Throws kInvalidArgument with all s3_problems in one text.
  S3Client(const S3Options& options, HttpClient& http, Clock& clock);

  // A redirect to the same service is followed, signed anew; one that lasts is remembered, also
  // for links. Transport errors, 5xx, 408, 429 and a clock that is wrong by the service's measure
  // are tried again. Throws as ObjectStore says; what comes back is 2xx (or 404).
  HttpResponse send(const S3Request& request);

  // A link that stands for a GET of the object.
  std::string presigned_get(const std::string& key, std::chrono::seconds ttl) const;

  const S3Options& options() const { return options_; }
  // "bucket b at https://host"
  std::string describe() const;

 private:
  HttpResponse send_once(const S3Options& target, const S3Request& request,
                         std::chrono::milliseconds timeout);
  S3Options target() const;
  // Takes the service's time if it says that ours is wrong. Returns whether it did.
  bool learn_time(const HttpResponse& response);
  std::chrono::system_clock::time_point service_time() const;
  std::string address_hint(const S3Request& request, const HttpResponse& response) const;
  [[noreturn]] void fail(const S3Request& request, const HttpResponse& response,
                         int attempts) const;
  std::string without_secrets(std::string text) const;

  S3Options options_;
  SigV4Keys keys_;
  mutable std::mutex mutex_;  // guards what follows
  S3Options target_;          // options_, with the address where the bucket turned out to be
  HttpClient& http_;
  Clock& clock_;
  std::atomic<std::int64_t> skew_seconds_{0};  // the service's clock minus ours
};

}  // namespace echo
