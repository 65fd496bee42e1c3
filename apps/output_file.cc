#include "apps/output_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/error.h"
#include "base/file_io.h"

namespace echo::apps {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxLinks = 40;

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

// /dev/stdout and its like: what some process has open, under a name that is no place for files.
bool is_open_file(const fs::path& path) {
  const std::string folder = path.parent_path().lexically_normal().string();
  return folder == "/dev" || folder == "/dev/fd" || folder.starts_with("/proc/");
}

}  // namespace

fs::path output_target(const fs::path& path) {
  fs::path target = path;
  std::error_code error;
  for (int links = 0; fs::is_symlink(target, error) && !is_open_file(target); ++links) {
    const fs::path next = fs::read_symlink(target, error);
    if (error || links == kMaxLinks) {
      throw_invalid("output " + path.string() + ": its symbolic links lead in a circle");
    }
    target = target.parent_path() / next;  // which is `next` when that is absolute
  }
  return target;
}

std::vector<InputFile> inputs_of(const ModelFiles& files) {
  return {{"the model", files.dit}, {"the codec", files.codec}, {"the PCA state", files.pca}};
}

void check_output_apart(const fs::path& output, std::span<const InputFile> inputs) {
  std::error_code error;
  for (const InputFile& input : inputs) {
    if (input.path.empty() || !fs::equivalent(output, input.path, error) || error) continue;
    throw_invalid("output " + output.string() + ": is " + input.what + " as well (" +
                  input.path.string() + "); expected another file");
  }
}

OutputFile::OutputFile(const fs::path& path) : path_(path) {
  std::error_code error;
  const fs::path target = output_target(path);
  if (fs::is_directory(target, error)) {
    throw_invalid("output " + path.string() + ": a directory; expected the name of a file");
  }
  if (is_open_file(target) || (fs::exists(target, error) && !fs::is_regular_file(target, error))) {
    // A device or a pipe cannot be replaced by a file of its name.
    // What is open already may hold something.
    device_ = ::open(target.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
    if (device_ < 0) fail("cannot open it", errno);
    return;
  }
  if (const int code = file_.create(target, 0666)) fail("cannot create it", code);
}

OutputFile::~OutputFile() {
  if (device_ >= 0) ::close(device_);
}

void OutputFile::fail(const char* what, int error) const {
  throw_unavailable("output " + path_.string() + ": " + what + ": " + system_reason(error));
}

int OutputFile::descriptor() {
  if (device_ < 0) return file_.descriptor();
  if (!spool_) {
    std::error_code error;
    spool_.emplace(fs::temp_directory_path(error));
  }
  return spool_->descriptor();
}

void OutputFile::commit(std::string_view bytes) {
  if (!write_all(device_ < 0 ? file_.descriptor() : device_, bytes)) fail("cannot write it", errno);
  commit();
}

void OutputFile::commit() {
  if (device_ >= 0) {
    if (spool_ && !write_all(device_, spool_->map())) fail("cannot write it", errno);
    if (::close(std::exchange(device_, -1)) != 0) fail("cannot write it", errno);
    return;
  }
  if (const int error = file_.commit(Durability::kDurable)) fail("cannot give it its name", error);
}

void write_standard_output(std::string_view bytes) {
  if (!write_all(STDOUT_FILENO, bytes)) {
    throw_unavailable(std::string("standard output: cannot write: ") + system_reason(errno));
  }
}

}  // namespace echo::apps
