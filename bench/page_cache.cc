#include "bench/page_cache.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <vector>

#include "base/descriptor.h"
#include "base/error.h"
#include "base/file_io.h"

namespace echo::bench {
namespace {

class OpenFile {
 public:
  explicit OpenFile(const std::filesystem::path& path)
      : path_(path), file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (!file_) {
      throw_unavailable(path.string() + ": cannot be opened: " + system_reason(errno));
    }
  }

  int descriptor() const { return file_.get(); }
  size_t size() const {
    struct stat status {};
    if (::fstat(file_.get(), &status) != 0) {
      throw_unavailable(path_.string() + ": cannot be examined: " + system_reason(errno));
    }
    return static_cast<size_t>(status.st_size);
  }

 private:
  std::filesystem::path path_;
  Descriptor file_;
};

}  // namespace

uint64_t cached_bytes(const std::filesystem::path& path) {
  const OpenFile file(path);
  const size_t size = file.size();
  if (size == 0) return 0;
  void* const map = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.descriptor(), 0);
  if (map == MAP_FAILED) throw_unavailable(path.string() + ": cannot be mapped");
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> pages((size + page - 1) / page);
  const int result = ::mincore(map, size, pages.data());
  ::munmap(map, size);
  if (result != 0) throw_unavailable(path.string() + ": its pages cannot be counted");
  uint64_t cached = 0;
  for (const unsigned char state : pages) cached += (state & 1) ? page : 0;
  return std::min<uint64_t>(cached, size);
}

void fill_cache(const std::filesystem::path& path) {
  const OpenFile file(path);
  std::vector<char> buffer(size_t{4} << 20);
  while (::read(file.descriptor(), buffer.data(), buffer.size()) > 0) {
  }
}

void drop_cache(const std::filesystem::path& path) {
  const OpenFile file(path);
  ::fsync(file.descriptor());  // only clean pages are dropped
  ::posix_fadvise(file.descriptor(), 0, 0, POSIX_FADV_DONTNEED);
  std::ofstream("/proc/sys/vm/drop_caches") << "3\n";
}

}  // namespace echo::bench
