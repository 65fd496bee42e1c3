#include "apps/output_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/error.h"
#include "base/file_io.h"

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
    device_ = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
    if (device_ < 0) fail("cannot open it", errno);
    return;
  }
  if (const int error = file_.create(path, 0666)) fail("cannot create it", error);
}

OutputFile::~OutputFile() {
  if (device_ >= 0) ::close(device_);
}

void OutputFile::fail(const char* what, int error) const {
  throw_unavailable("output " + path_.string() + ": " + what + ": " + system_reason(error));
}

void OutputFile::commit(std::string_view bytes) {
  if (device_ >= 0) {
    if (!write_all(device_, bytes)) fail("cannot write it", errno);
    if (::close(std::exchange(device_, -1)) != 0) fail("cannot write it", errno);
    return;
  }
  if (const int error = file_.write(bytes)) fail("cannot write it", error);
  if (const int error = file_.commit(Durability::kDurable)) fail("cannot give it its name", error);
}

void write_standard_output(std::string_view bytes) {
  if (!write_all(STDOUT_FILENO, bytes)) {
    throw_unavailable(std::string("standard output: cannot write: ") + system_reason(errno));
  }
}

}  // namespace echo::apps
