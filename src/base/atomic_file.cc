#include "base/atomic_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <ctime>
#include <map>
#include <memory>
#include <mutex>
#include <system_error>
#include <utility>

#include "base/descriptor.h"
#include "base/error.h"
#include "base/file_io.h"
#include "base/uuid.h"

namespace echo {
namespace {

namespace fs = std::filesystem;
using SteadyClock = std::chrono::steady_clock;

constexpr std::string_view kPrefix = ".echo-", kSuffix = ".part";
constexpr size_t kUuidLength = 36;
constexpr int kAttempts = 100;
constexpr std::time_t kAbandoned = 10 * 60;            // seconds
constexpr std::time_t kAbandonedUnlocked = 24 * 3600;  // where nobody can hold a file
constexpr std::chrono::hours kSweepInterval{1};
constexpr size_t kMaxFolders = 1000;

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

// ".echo-UUID.part", or ".echo-PID-NUMBER" as earlier versions had it.
bool is_temporary_name(std::string_view name) {
  if (!name.starts_with(kPrefix)) return false;
  name.remove_prefix(kPrefix.size());
  if (name.ends_with(kSuffix)) {
    return name.size() == kUuidLength + kSuffix.size() &&
           name.find_first_not_of("0123456789abcdef-") == kUuidLength;
  }
  const size_t dash = name.find('-');
  return dash != 0 && dash < name.size() - 1 && name.find_first_not_of("0123456789") == dash &&
         name.find_first_not_of("0123456789", dash + 1) == name.npos;
}

bool locks_are_unknown(int error) {
  return error == ENOLCK || error == ENOSYS || error == EOPNOTSUPP || error == EINVAL;
}

// Whether nobody is at work on a file of this age, in seconds.
bool is_abandoned(int folder, const char* name, const struct stat& status, std::time_t age) {
  if (age < kAbandoned) return false;
  if (S_ISLNK(status.st_mode)) return true;
  if (!S_ISREG(status.st_mode)) return false;
  const Descriptor file(::openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file) return false;
  const bool ours = ::flock(file.get(), LOCK_EX | LOCK_NB) == 0;
  return ours || (locks_are_unknown(errno) && age >= kAbandonedUnlocked);
}

// Whether it is this folder's turn.
bool is_sweep_due(const fs::path& folder) {
  static std::mutex mutex;
  static std::map<fs::path, SteadyClock::time_point> swept;
  const SteadyClock::time_point now = SteadyClock::now();
  const std::scoped_lock lock(mutex);
  if (swept.size() >= kMaxFolders) swept.clear();
  const auto [it, first] = swept.try_emplace(folder, now);
  if (!first && now - it->second < kSweepInterval) return false;
  it->second = now;
  return true;
}

void sync_folder(const fs::path& folder) {
  const Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (opened) ::fsync(opened.get());  // not every file system can
}

// What a failing disk has kept to itself so far. The file stays open, and so its lock ours.
int deferred_error(int descriptor) {
  const int copy = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  return copy >= 0 && ::close(copy) != 0 && errno != EINTR ? errno : 0;
}

}  // namespace

fs::path temporary_beside(const fs::path& target) {
  return folder_of(target) / (std::string(kPrefix) + random_uuid() + std::string(kSuffix));
}

AtomicFile::~AtomicFile() { discard(); }

int AtomicFile::create(const fs::path& target, mode_t mode) {
  discard();
  const fs::path folder = folder_of(target);
  if (is_sweep_due(folder)) remove_abandoned(folder);
  for (int attempt = 0; descriptor_ < 0; ++attempt) {
    temporary_ = temporary_beside(target);
    descriptor_ = ::open(temporary_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (descriptor_ < 0 && (errno != EEXIST || attempt == kAttempts)) return errno;
  }
  target_ = target;
  ::flock(descriptor_, LOCK_EX | LOCK_NB);  // where there are no locks, age alone tells
  struct stat status {};
  if (::lstat(target.c_str(), &status) == 0 && S_ISREG(status.st_mode)) {
    // Somebody else's file may have permissions that are not ours to give.
    [[maybe_unused]] const int ignored = ::fchmod(descriptor_, status.st_mode & 0777);
  }
  return 0;
}

int AtomicFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return written < 0 ? errno : EIO;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return 0;
}

int AtomicFile::commit(Durability durability) {
  const bool wait = durability != Durability::kNone;
  if (wait && ::fsync(descriptor_) != 0 && errno != EINVAL && errno != EROFS) return errno;
  if (const int error = deferred_error(descriptor_)) return error;
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) return errno;
  ::close(std::exchange(descriptor_, -1));
  if (durability == Durability::kDurable) sync_folder(folder_of(target_));
  return 0;
}

void AtomicFile::discard() {
  if (descriptor_ < 0) return;
  ::unlink(temporary_.c_str());
  ::close(std::exchange(descriptor_, -1));
}

void write_file_atomically(const fs::path& path, std::string_view data, Durability durability) {
  std::error_code error;
  fs::create_directories(folder_of(path), error);
  if (error) {
    throw_unavailable("cannot create folder " + folder_of(path).string() + ": " + error.message());
  }
  AtomicFile file;
  int code = file.create(path);
  if (code == 0) code = file.write(data);
  if (code == 0) code = file.commit(durability);
  if (code != 0) throw_unavailable("cannot write " + path.string() + ": " + system_reason(code));
}

int replace_symlink(const fs::path& target, const fs::path& link) {
  const fs::path folder = folder_of(link);
  if (is_sweep_due(folder)) remove_abandoned(folder);
  fs::path temporary;
  for (int attempt = 0;; ++attempt) {
    temporary = temporary_beside(link);
    if (::symlink(target.c_str(), temporary.c_str()) == 0) break;
    if (errno != EEXIST || attempt == kAttempts) return errno;
  }
  if (::rename(temporary.c_str(), link.c_str()) == 0) return 0;
  const int reason = errno;
  ::unlink(temporary.c_str());
  return reason;
}

size_t remove_abandoned(const fs::path& folder) {
  const std::unique_ptr<DIR, int (*)(DIR*)> items(::opendir(folder.c_str()), ::closedir);
  if (!items) return 0;
  const int number = ::dirfd(items.get());
  const std::time_t now = std::time(nullptr);
  size_t removed = 0;
  while (const dirent* item = ::readdir(items.get())) {
    struct stat status {};
    if (!is_temporary_name(item->d_name) ||
        ::fstatat(number, item->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
      continue;
    }
    if (is_abandoned(number, item->d_name, status, now - status.st_mtim.tv_sec)) {
      removed += ::unlinkat(number, item->d_name, 0) == 0;
    }
  }
  return removed;
}

}  // namespace echo
