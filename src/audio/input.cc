#include "audio/input.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

namespace echo {
namespace {

constexpr int kIoBufferBytes = 64 * 1024;
// No format begins with so many zeros; a file that does was made longer and never written.
constexpr size_t kZerosAtStart = 64 * 1024;

[[noreturn]] void throw_open_error(const std::string& path, int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      throw_not_found(path + ": no such file");
    case ELOOP:
      throw_invalid(path + ": too many symbolic links, perhaps a loop; expected an audio file");
    case ENAMETOOLONG:
      throw_invalid("audio file: its name is longer than the system allows");
    default:
      throw_unavailable(path + ": cannot be opened: " + std::strerror(error));
  }
}

}  // namespace

AudioInput AudioInput::open_file(const std::string& path, int64_t max_bytes) {
  if (path.find('\0') != std::string::npos) throw_invalid("audio file: its name holds a NUL byte");
  AudioInput input(path);
  // Without O_NONBLOCK, opening a named pipe would wait for a writer.
  input.file_ = Descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!input.file_) throw_open_error(path, errno);
  input.check_file(max_bytes);
  return input;
}

AudioInput AudioInput::from_descriptor(int descriptor, const std::string& name, int64_t max_bytes) {
  AudioInput input(name);
  input.file_ = Descriptor(::fcntl(descriptor, F_DUPFD_CLOEXEC, 0));
  if (!input.file_) throw_open_error(name, errno);
  input.check_file(max_bytes);
  return input;
}

void AudioInput::check_file(int64_t max_bytes) {
  struct stat status {};
  if (::fstat(file_.get(), &status) != 0) throw_open_error(name_, errno);
  if (S_ISDIR(status.st_mode)) throw_invalid(name_ + ": is a directory, expected an audio file");
  if (!S_ISREG(status.st_mode)) throw_invalid(name_ + ": is not a regular file");
  size_ = status.st_size;
  check_content(max_bytes);
}

AudioInput AudioInput::from_bytes(std::string_view bytes, const std::string& name,
                                  int64_t max_bytes) {
  AudioInput input(name);
  input.bytes_ = bytes;
  input.size_ = static_cast<int64_t>(bytes.size());
  input.check_content(max_bytes);
  return input;
}

void AudioInput::check_content(int64_t max_bytes) const {
  if (size_ == 0) throw_corrupt(name_ + ": is empty (0 bytes), expected audio");
  std::vector<char> start(kZerosAtStart);
  start.resize(read_at(0, start.data(), start.size()));
  if (std::all_of(start.begin(), start.end(), [](char c) { return c == 0; })) {
    throw_corrupt(name_ + ": begins with " + std::to_string(start.size()) +
                  " zero bytes, expected audio: perhaps a copy that was never finished");
  }
  if (size_ > max_bytes) {
    throw_invalid(name_ + ": has " + std::to_string(size_) + " bytes, expected at most " +
                  std::to_string(max_bytes));
  }
}

void AudioInput::overlay(int64_t offset, std::string bytes) {
  overlays_[offset] = std::move(bytes);
}

size_t AudioInput::read_at(int64_t offset, char* buffer, size_t wanted) const {
  const size_t got = read_bytes(offset, buffer, wanted);
  const int64_t end = offset + static_cast<int64_t>(got);
  for (const auto& [place, bytes] : overlays_) {
    const int64_t from = std::max(offset, place);
    const int64_t to = std::min(end, place + static_cast<int64_t>(bytes.size()));
    if (from < to)
      std::copy(&bytes[from - place], &bytes[0] + (to - place), buffer + (from - offset));
  }
  return got;
}

size_t AudioInput::read_bytes(int64_t offset, char* buffer, size_t wanted) const {
  if (offset < 0 || offset >= size_) return 0;
  wanted = std::min(wanted, static_cast<size_t>(size_ - offset));
  if (!file_) {
    std::memcpy(buffer, bytes_.data() + offset, wanted);
    return wanted;
  }
  size_t done = 0;
  while (done < wanted) {
    const ssize_t got = ::pread(file_.get(), buffer + done, wanted - done,
                                static_cast<off_t>(offset + static_cast<int64_t>(done)));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_unavailable(name_ + ": cannot be read: " + std::strerror(errno));
    if (got == 0) break;  // the file became shorter meanwhile
    done += static_cast<size_t>(got);
  }
  return done;
}

void AudioInput::check_readable() const {
  if (!read_error_.empty()) throw_unavailable(read_error_);
}

ffmpeg::Io AudioInput::make_io() {
  position_ = 0;
  auto* buffer = static_cast<uint8_t*>(ffmpeg::check_allocated(av_malloc(kIoBufferBytes)));
  AVIOContext* io = avio_alloc_context(buffer, kIoBufferBytes, 0, this, read, nullptr, seek);
  if (io == nullptr) av_free(buffer);
  return ffmpeg::Io(ffmpeg::check_allocated(io));
}

int AudioInput::read(void* self, uint8_t* buffer, int wanted) {
  auto* input = static_cast<AudioInput*>(self);
  try {
    const size_t got = input->read_at(input->position_, reinterpret_cast<char*>(buffer),
                                      static_cast<size_t>(wanted));
    input->position_ += static_cast<int64_t>(got);
    return got == 0 ? AVERROR_EOF : static_cast<int>(got);
  } catch (const Error& error) {
    input->read_error_ = error.what();  // no exception may pass through C code
    return AVERROR(EIO);
  }
}

int64_t AudioInput::seek(void* self, int64_t offset, int whence) {
  auto* input = static_cast<AudioInput*>(self);
  switch (whence & ~AVSEEK_FORCE) {
    case AVSEEK_SIZE:
      return input->size_;
    case SEEK_SET:
      break;
    case SEEK_CUR:
      offset += input->position_;
      break;
    case SEEK_END:
      offset += input->size_;
      break;
    default:
      return AVERROR(EINVAL);
  }
  if (offset < 0) return AVERROR(EINVAL);
  input->position_ = offset;
  return offset;
}

}  // namespace echo
