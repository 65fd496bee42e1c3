#include "base/file_io.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/descriptor.h"
#include "base/error.h"

namespace echo {

std::string system_reason(int error_number) {
  return std::generic_category().message(error_number);
}

std::string read_file(const std::filesystem::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) {
    const std::string text = "cannot read " + path.string() + ": " + system_reason(errno);
    if (errno == ENOENT) throw_not_found(text);
    throw_unavailable(text);
  }
  std::string out;
  char bytes[65536];
  ssize_t got;
  while ((got = ::read(file.get(), bytes, sizeof bytes)) != 0) {
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_unavailable("cannot read " + path.string() + ": " + system_reason(errno));
    out.append(bytes, static_cast<std::size_t>(got));
  }
  return out;
}

}  // namespace echo
