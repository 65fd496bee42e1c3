#include "base/spool_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "base/error.h"
#include "base/file_io.h"

namespace echo {
namespace {

// Where the file system knows no files without a name, one that loses it at once.
int open_unnamed(const std::filesystem::path& folder) {
  const int file = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (file >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) return file;
  std::string name = (folder / ".echo-spool-XXXXXX").string();
  const int named = ::mkostemp(name.data(), O_CLOEXEC);
  if (named >= 0) ::unlink(name.c_str());
  return named;
}

}  // namespace

SpoolFile::SpoolFile(const std::filesystem::path& folder) : file_(open_unnamed(folder)) {
  if (!file_) file_ = Descriptor(::memfd_create("echo-spool", MFD_CLOEXEC));
  if (!file_) throw_unavailable("temporary file: cannot be made: " + system_reason(errno));
}

SpoolFile::~SpoolFile() { unmap(); }

void SpoolFile::unmap() {
  if (data_ != nullptr) ::munmap(data_, size_);
  data_ = nullptr;
}

std::string_view SpoolFile::map() {
  unmap();
  struct stat status {};
  if (::fstat(file_.get(), &status) != 0) {
    throw_unavailable("temporary file: cannot be read: " + system_reason(errno));
  }
  size_ = static_cast<size_t>(status.st_size);
  if (size_ == 0) return {};
  void* const data = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file_.get(), 0);
  if (data == MAP_FAILED) {
    throw_unavailable("temporary file: cannot be read: " + system_reason(errno));
  }
  data_ = data;
  return {static_cast<const char*>(data_), size_};
}

}  // namespace echo
