#include "base/file_io.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <system_error>

#include "base/error.h"

namespace echo {
namespace {

// Closes the file, and removes it unless it was kept.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::filesystem::path path) : path_(std::move(path)) {
    descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (descriptor_ < 0) fail("cannot create");
  }
  ~TemporaryFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!kept_) ::unlink(path_.c_str());
  }

  void write(std::string_view data) {
    while (!data.empty()) {
      const ssize_t written = ::write(descriptor_, data.data(), data.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail("cannot write");
      data.remove_prefix(static_cast<std::size_t>(written));
    }
  }

  void keep_as(const std::filesystem::path& target) {
    const int descriptor = descriptor_;
    descriptor_ = -1;
    if (::close(descriptor) != 0) fail("cannot write");
    if (::rename(path_.c_str(), target.c_str()) != 0) fail("cannot rename");
    kept_ = true;
  }

 private:
  [[noreturn]] void fail(const char* what) const {
    throw_unavailable(std::string(what) + " " + path_.string() + ": " + system_reason(errno));
  }

  std::filesystem::path path_;
  int descriptor_ = -1;
  bool kept_ = false;
};

}  // namespace

std::string system_reason(int error_number) {
  return std::generic_category().message(error_number);
}

void write_file_atomically(const std::filesystem::path& path, std::string_view data) {
  static std::atomic<unsigned> counter{0};
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  if (error) {
    throw_unavailable("cannot create folder " + path.parent_path().string() + ": " +
                      error.message());
  }
  TemporaryFile file(path.parent_path() /
                     (".echo-" + std::to_string(::getpid()) + "-" + std::to_string(++counter)));
  file.write(data);
  file.keep_as(path);
}

std::string read_file(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    const std::string text = "cannot read " + path.string() + ": " + system_reason(errno);
    if (errno == ENOENT) throw_not_found(text);
    throw_unavailable(text);
  }
  std::string out;
  char bytes[65536];
  ssize_t got;
  while ((got = ::read(descriptor, bytes, sizeof bytes)) != 0) {
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      const int reason = errno;
      ::close(descriptor);
      throw_unavailable("cannot read " + path.string() + ": " + system_reason(reason));
    }
    out.append(bytes, static_cast<std::size_t>(got));
  }
  ::close(descriptor);
  return out;
}

}  // namespace echo
