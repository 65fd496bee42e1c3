// The folder in which huggingface_hub keeps what it downloads, to be read and written by either
// program:
//   models--ORG--NAME/blobs/ETAG                the content of a file; ETAG.incomplete on its way
//   models--ORG--NAME/snapshots/COMMIT/FILE     a relative symlink to the blob
//   models--ORG--NAME/refs/REVISION             the commit that a branch or tag stood for
//   models--ORG--NAME/.no_exist/COMMIT/FILE     the file is known not to exist
//   .locks/models--ORG--NAME/ETAG.lock          held (flock) by the process that downloads
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace echo {

// Throws kInvalidArgument if the text is not "name" or "org/name" in the hub's letters.
void check_repository_name(const std::string& repository);
// Throws kInvalidArgument if the text could lead out of the folder it is put below.
void check_relative_name(const std::string& what, const std::string& name);

// Reading never writes, so the folder may be read-only. Writing throws kUnavailable naming the
// path. Threads: no state of its own.
class HubCache {
 public:
  HubCache(std::filesystem::path root, const std::string& repository);

  std::filesystem::path repository_folder() const { return folder_; }
  std::filesystem::path blob(const std::string& etag) const;
  std::filesystem::path incomplete(const std::string& etag) const;
  std::filesystem::path lock(const std::string& etag) const;
  std::filesystem::path snapshot(const std::string& commit) const;

  // The commit that a branch, a tag or a commit hash stands for, if it is known here.
  std::optional<std::string> commit_of(const std::string& revision) const;

  // The snapshot of that revision which has all the files, complete.
  std::optional<std::filesystem::path> find(const std::string& revision,
                                            const std::vector<std::string>& files) const;

  // Gives what huggingface_hub's client left of a file, ETAG.RANDOM.incomplete, the name that
  // incomplete() has, unless that is there; the longest, and none that was written to within a
  // minute. To be called with the file's lock held, for content whose ETag is its hash.
  void take_over(const std::string& etag) const;
  // Removes what downloads left that nobody will go on with: of other files than this, not written
  // to for a week, and locked by nobody.
  void remove_stale(const std::string& etag) const;

  void write_ref(const std::string& revision, const std::string& commit) const;
  void mark_absent(const std::string& commit, const std::string& file) const;
  // Makes the snapshot's file point to the blob; where the disk knows no symlinks, copies it.
  void link_blob(const std::string& etag, const std::string& commit, const std::string& file) const;

 private:
  std::filesystem::path root_;
  std::string folder_name_;
  std::filesystem::path folder_;
};

// 40 hex digits.
bool is_commit_hash(const std::string& revision);

}  // namespace echo
