#include "apps/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace echo::apps {
namespace {

// False with errno set.
bool write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor, bytes.data(), bytes.size());
    if (count < 0) {
      if (errno == EINTR) continue;
      return false;
    }
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return true;
}

}  // namespace

OutputFile::OutputFile(const std::filesystem::path& path) : path_(path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    throw_invalid("output " + path.string() + ": a directory; expected the name of a file");
  }
  if (std::filesystem::exists(path, error) && !std::filesystem::is_regular_file(path, error)) {
    // A device or a pipe cannot be replaced by a file of its name.
    descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
    if (descriptor_ < 0) fail("cannot open it");
    return;
  }
  temporary_ = path;
  temporary_ += ".part." + std::to_string(getpid());
  descriptor_ = ::open(temporary_.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
  if (descriptor_ < 0) {
    temporary_.clear();
    fail("cannot create it");
  }
}

OutputFile::~OutputFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void OutputFile::fail(const char* what) const {
  throw_unavailable("output " + path_.string() + ": " + what + ": " + std::strerror(errno));
}

void OutputFile::commit(std::string_view bytes) {
  if (!write_all(descriptor_, bytes)) fail("cannot write it");
  // Some file systems report a full disk only here.
  if (::fsync(descriptor_) != 0 && errno != EINVAL && errno != EROFS) fail("cannot write it");
  const int descriptor = descriptor_;
  descriptor_ = -1;
  if (::close(descriptor) != 0) fail("cannot write it");
  if (temporary_.empty()) return;
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail("cannot give it its name");
  temporary_.clear();
}

void write_standard_output(std::string_view bytes) {
  if (!write_all(STDOUT_FILENO, bytes)) {
    throw_unavailable(std::string("standard output: cannot write: ") + std::strerror(errno));
  }
}

}  // namespace echo::apps
