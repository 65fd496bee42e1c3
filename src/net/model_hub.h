// Files of a model repository, from the Hugging Face hub or one that speaks like it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "net/http_client.h"
#include "net/hub_blob.h"
#include "net/hub_cache.h"
#include "net/hub_options.h"

namespace echo {

struct HubProgress {
  std::string file;
  std::uint64_t done = 0;              // bytes, with those of an earlier, interrupted download
  std::optional<std::uint64_t> total;  // bytes
  bool waiting = false;                // for another process that downloads the same file
};

// A repository at one moment of its history.
struct HubRepository {
  std::string name;                // "org/name"
  std::string revision = "main";   // branch, tag or commit
  std::vector<std::string> files;  // those that are needed
};

// Threads: every member may be called from any thread, by several processes on one cache.
class ModelHub {
 public:
  using Progress = std::function<void(const HubProgress&)>;

  // `http` and `clock` outlive this. Throws kInvalidArgument for a bad endpoint or token.
  ModelHub(HubOptions options, HttpClient& http, Clock& clock = real_clock());

  // The snapshot with all the files if the cache has it. No request, nothing is written.
  std::optional<std::filesystem::path> find(const HubRepository& repository) const;

  // Whether the hub would give all the files of the revision; returns its present commit. Errors:
  // as download, but for those of the disk.
  std::string check_access(const HubRepository& repository, std::stop_token stop = {}) const;

  // The snapshot with all the files of the revision's present commit; what the cache lacks is
  // downloaded, each file once however many processes ask, and checked by size and hash. When the
  // hub cannot be reached, a snapshot in the cache will do. Progress is called about ten times a
  // second, on the caller's thread. Errors: kNotFound when the repository, the revision or a file
  // does not exist, or offline and not in the cache; kUnavailable when the hub cannot be reached or
  // the token lacks access, when the disk is full or not writable; kCorrupt when what came is not
  // what the hub promised; kCancelled. No file is ever left in place that is not whole.
  std::filesystem::path download(const HubRepository& repository, const Progress& progress = {},
                                 std::stop_token stop = {});

 private:
  struct FileInfo;

  HttpRequest request(const std::string& method, const std::string& repository,
                      const std::string& revision, const std::string& file) const;
  FileInfo look_up(const HubRepository& repository, const std::string& revision,
                   const std::string& file, const std::stop_token& stop) const;
  void remember_absent(const std::string& repository, const std::string& commit,
                       const std::string& file) const;
  void fetch(const HubRepository& repository, const std::string& file, const FileInfo& info,
             const Progress& progress, const std::stop_token& stop) const;
  void fetch_into(IncompleteBlob& blob, const HubRepository& repository, const std::string& file,
                  const FileInfo& info, const Progress& progress,
                  const std::stop_token& stop) const;
  [[noreturn]] void fail(const HubRepository& repository, const std::string& file,
                         const HttpResponse& response) const;

  HubOptions options_;
  HttpClient& http_;
  Clock& clock_;
};

}  // namespace echo
