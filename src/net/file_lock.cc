#include "net/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

#include "base/error.h"
#include "base/file_io.h"

namespace echo {

FileLock::FileLock(const std::filesystem::path& path, std::stop_token stop, Clock& clock,
                   const std::function<void()>& on_wait) {
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  file_ = Descriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!file_) {
    throw_unavailable("cannot create " + path.string() + ": " + system_reason(errno));
  }
  for (bool waiting = false;; waiting = true) {
    if (::flock(file_.get(), LOCK_EX | LOCK_NB) == 0) {
      held_ = true;
      return;
    }
    const int reason = errno;
    if (reason == ENOLCK || reason == ENOSYS || reason == EOPNOTSUPP || reason == EINVAL) return;
    if (reason != EWOULDBLOCK && reason != EINTR) {
      throw_unavailable("cannot lock " + path.string() + ": " + system_reason(reason));
    }
    if (!waiting && on_wait) on_wait();
    if (!clock.sleep_for(std::chrono::milliseconds(50), stop)) {
      throw Error(ErrorCode::kCancelled, "cancelled while waiting for " + path.string());
    }
  }
}

}  // namespace echo
