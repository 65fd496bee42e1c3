// One process at a time.
#pragma once

#include <filesystem>
#include <functional>
#include <stop_token>

#include "base/clock.h"
#include "base/descriptor.h"

namespace echo {

// Holds an advisory lock (flock) on a file while it lives; the file is made and stays. The system
// frees the lock when the process ends, however it ends.
class FileLock {
 public:
  // Waits for whoever holds it; `on_wait` is called once if it has to. Where the file system has no
  // such locks, nothing is held. Throws kCancelled, or kUnavailable naming the path.
  FileLock(const std::filesystem::path& path, std::stop_token stop, Clock& clock,
           const std::function<void()>& on_wait = {});
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

  // False where the file system has no locks.
  bool held() const { return held_; }

 private:
  Descriptor file_;
  bool held_ = false;
};

}  // namespace echo
