// ObjectStore in a bucket of an S3-compatible service.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "net/http_client.h"
#include "net/object_store.h"
#include "net/s3_client.h"
#include "net/s3_lifecycle.h"
#include "net/s3_options.h"

namespace echo {

class S3Store final : public ObjectStore {
 public:
  // `http` and `clock` outlive this. Throws kInvalidArgument with everything that s3_problems
  // finds.
  S3Store(const S3Options& options, HttpClient& http, Clock& clock = real_clock());

  std::string key(const std::string& name) const override;
  void put(const std::string& name, std::string_view data, const std::string& content_type,
           std::stop_token stop = {}) override;
  std::string get(const std::string& name, std::stop_token stop = {}) override;
  std::optional<ObjectInfo> head(const std::string& name, std::stop_token stop = {}) override;
  void remove(const std::string& name, std::stop_token stop = {}) override;
  std::string link(const std::string& name, std::chrono::seconds ttl = {}) const override;
  std::string read_link(const std::string& url, std::stop_token stop = {}) override;
  std::string describe() const override { return client_.describe(); }

  // What all keys begin with, "tts/", or nothing.
  std::string key_prefix() const;

  // The bucket's rules about old objects. The rule of this store is the one for its prefix; the
  // others stay as they are.
  std::vector<LifecycleRule> lifecycle_rules();
  // Objects below the prefix vanish after so many days (at least 1).
  void set_lifecycle(int days);
  // False if there was no rule of this store.
  bool remove_lifecycle();

 private:
  // Throws kNotFound if a 404 was about the bucket, not about what is in it.
  void require_bucket(const HttpResponse& response) const;
  std::string lifecycle_id() const;
  void write_lifecycle(const std::vector<LifecycleRule>& rules);

  S3Client client_;
  HttpClient& http_;
};

}  // namespace echo
