#include "audio/output.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <type_traits>
#include <utility>

namespace echo {
namespace {

constexpr int kIoBufferBytes = 16 * 1024;
// The library's major version 61 made the data constant.
using WriteData = std::conditional_t<(LIBAVFORMAT_VERSION_MAJOR >= 61), const uint8_t*, uint8_t*>;

}  // namespace

AudioOutput::AudioOutput(bool seekable) { open(seekable); }

AudioOutput::AudioOutput(int descriptor) : descriptor_(descriptor) { open(true); }

void AudioOutput::open(bool seekable) {
  auto* buffer = static_cast<uint8_t*>(ffmpeg::check_allocated(av_malloc(kIoBufferBytes)));
  const auto write = [](void* self, WriteData data, int size) {
    return append(*static_cast<AudioOutput*>(self), data, size);
  };
  io_.reset(avio_alloc_context(buffer, kIoBufferBytes, 1, this, nullptr, write,
                               seekable ? seek : nullptr));
  if (io_ == nullptr) av_free(buffer);
  ffmpeg::check_allocated(io_.get());
}

std::string AudioOutput::take() {
  avio_flush(io_.get());
  position_ = size_ = 0;
  return std::exchange(bytes_, {});
}

uint64_t AudioOutput::flush() {
  avio_flush(io_.get());
  return size_;
}

int AudioOutput::append(AudioOutput& self, const uint8_t* data, int size) {
  if (self.descriptor_ >= 0) return self.write_file(data, size);
  const auto count = static_cast<size_t>(size);
  if (self.bytes_.size() < self.position_ + count) self.bytes_.resize(self.position_ + count);
  std::copy_n(data, count, self.bytes_.begin() + static_cast<ptrdiff_t>(self.position_));
  self.position_ += count;
  self.size_ = self.bytes_.size();
  return size;
}

int AudioOutput::write_file(const uint8_t* data, int size) {
  int done = 0;
  while (done < size && error_ == 0) {
    const ssize_t count = ::pwrite(descriptor_, data + done, static_cast<size_t>(size - done),
                                   static_cast<off_t>(position_));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      error_ = errno;
    } else {
      done += static_cast<int>(count);
      position_ += static_cast<uint64_t>(count);
    }
  }
  size_ = std::max(size_, position_);
  return error_ == 0 ? size : AVERROR(error_);
}

int64_t AudioOutput::seek(void* self, int64_t offset, int whence) {
  auto* output = static_cast<AudioOutput*>(self);
  const auto end = static_cast<int64_t>(output->size_);
  if (whence == AVSEEK_SIZE) return end;
  if (whence == SEEK_CUR) offset += static_cast<int64_t>(output->position_);
  if (whence == SEEK_END) offset += end;
  if (offset < 0 || offset > end) return AVERROR(EINVAL);
  output->position_ = static_cast<uint64_t>(offset);
  return offset;
}

}  // namespace echo
