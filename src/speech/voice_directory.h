// Reference voices: audio files below one directory, and a folder of uploaded ones, named by
// clients.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/descriptor.h"

namespace echo {

// A voice that was found, checked and opened. Not shared between threads.
class VoiceFile {
 public:
  // As it was asked for: "women/anna.wav".
  const std::string& name() const { return name_; }
  // SHA-256 of the bytes in 64 lower-case hex digits: whatever is made from a voice is kept under
  // this, so that a replaced file is a new voice.
  const std::string& content_hash() const { return hash_; }
  uint64_t size() const { return size_; }

  // For reading; its position is nobody's.
  int descriptor() const { return file_.get(); }

  // The bytes that have that hash. Throws kUnavailable when the file cannot be read or has been
  // written to since it was opened.
  std::string read() const;

 private:
  friend class VoiceDirectory;
  std::string name_;
  std::string hash_;
  uint64_t size_ = 0;
  Descriptor file_;
};

struct VoiceEntry {
  std::string name;                   // what a request calls it
  uint64_t size = 0;                  // bytes
  int64_t modified = 0;               // seconds since 1970
  std::optional<double> seconds;      // of sound, if asked for and it could be decoded
  std::string problem;                // why it cannot be used; empty if nothing is known against it
  std::vector<std::string> warnings;  // about the recording, as a job that uses it gets them
};

// Threads: every member may be called from any thread.
class VoiceDirectory {
 public:
  static constexpr uint64_t kMaxFile = uint64_t{256} << 20;      // bytes
  static constexpr size_t kLongestName = 1024;                   // bytes
  static constexpr size_t kMaxEntries = 10'000;                  // of a list

  // What names of uploaded voices begin with.
  static constexpr std::string_view kUploads = "uploads/";

  // The directory is looked at when it is needed: it may come, go and change. An empty path means
  // that there is none. `uploads`, unless it is empty, is where names below kUploads lie, be it
  // inside the directory or elsewhere.
  explicit VoiceDirectory(std::string path, Clock& clock = real_clock(), std::string uploads = {});

  const std::string& path() const { return path_; }
  const std::string& uploads() const { return uploads_; }

  // Throws kInvalidArgument for a name that cannot be one: empty, too long, absolute, with an empty
  // part, "." or "..", not UTF-8, with control characters, without a known suffix. No file is
  // touched.
  static void check_name(std::string_view name);

  // Opens a voice, also under an equal name (unicode_name.h). Symbolic links are followed as long
  // as they end inside the directory; this is asked of the opened file itself, so that nothing can
  // be exchanged in between. Throws kInvalidArgument as check_name() and for what is no regular
  // file of at most kMaxFile bytes, leads outside or has links in a loop; kNotFound;
  // kUnavailable when it cannot be read.
  VoiceFile open(const std::string& name) const;

  // All voices below the directory, by name; hidden files and linked directories are left out.
  // Durations need every file to be decoded. Throws kNotFound when there is no directory,
  // kUnavailable when it cannot be read, kCancelled.
  std::vector<VoiceEntry> list(bool with_durations, std::stop_token stop = {}) const;

  // Bytes that were read in order to know hashes. A file that did not change is not read again.
  uint64_t bytes_hashed() const;

 private:
  // What tells one state of a file from another.
  struct Stamp {
    uint64_t device, inode, size;
    int64_t modified, changed;  // nanoseconds
    auto operator<=>(const Stamp&) const = default;
  };
  class Walk;

  static Stamp stamp_of(int file);
  Descriptor open_root() const;
  bool is_upload(std::string_view name) const;
  Descriptor open_file(const std::string& name) const;
  Descriptor open_checked(int root, const std::string& name) const;
  std::string hash_of(int file, const std::string& name) const;
  bool is_settled(const Stamp& stamp) const;

  std::string path_;
  std::string uploads_;
  Clock& clock_;
  mutable std::mutex mutex_;
  mutable std::map<Stamp, std::string> hashes_;
  mutable uint64_t bytes_hashed_ = 0;
};

}  // namespace echo
