// ObjectStore in a folder, for machines without a bucket. Links are signed and expire as those of a
// bucket do; whoever serves them asks open_link.
#pragma once

#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "net/object_store.h"

namespace echo {

struct DirectoryStoreOptions {
  std::filesystem::path directory;  // made if it does not exist
  std::string base_url = {};        // "http://127.0.0.1:8000/files": where the links point to
  std::chrono::seconds link_ttl{3600};
  std::string secret =
      {};  // signs the links; empty: one of this process's own, so links die with it
};

// What a link opens.
struct LinkedFile {
  enum class Status { kOk, kBadSignature, kExpired, kNotFound };
  Status status = Status::kBadSignature;
  std::filesystem::path path;  // set for kOk alone
  std::string content_type;
};

class DirectoryStore final : public ObjectStore {
 public:
  explicit DirectoryStore(const DirectoryStoreOptions& options, Clock& clock = real_clock());

  std::string key(const std::string& name) const override;
  void put(const std::string& name, std::string_view data, const std::string& content_type,
           std::stop_token stop = {}) override;
  std::string get(const std::string& name, std::stop_token stop = {}) override;
  std::optional<ObjectInfo> head(const std::string& name, std::stop_token stop = {}) override;
  void remove(const std::string& name, std::stop_token stop = {}) override;
  std::string link(const std::string& name, std::chrono::seconds ttl = {}) const override;
  std::string read_link(const std::string& url, std::stop_token stop = {}) override;
  std::string describe() const override;

  // For a server that learns its address only when it listens.
  void set_base_url(const std::string& base_url);

  // Checks a link: what follows base_url + "/" in the path, and the query, both as they came. Only
  // a valid signature tells anything about the file.
  LinkedFile open_link(std::string_view encoded_key, std::string_view query) const;

 private:
  std::filesystem::path path_of(const std::string& key) const;
  std::string signature(const std::string& key, const std::string& expires) const;

  DirectoryStoreOptions options_;
  Clock& clock_;
  mutable std::mutex mutex_;  // guards options_.base_url
};

// By the ending of the name: "audio/ogg; codecs=opus" for .ogg and .opus, ...
std::string content_type_of(std::string_view name);

}  // namespace echo
