#include "audio/output.h"

#include <algorithm>
#include <type_traits>
#include <utility>

namespace echo {
namespace {

constexpr int kIoBufferBytes = 16 * 1024;
// The library's major version 61 made the data constant.
using WriteData = std::conditional_t<(LIBAVFORMAT_VERSION_MAJOR >= 61), const uint8_t*, uint8_t*>;

}  // namespace

AudioOutput::AudioOutput(bool seekable) {
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
  position_ = 0;
  return std::exchange(bytes_, {});
}

int AudioOutput::append(AudioOutput& self, const uint8_t* data, int size) {
  const auto count = static_cast<size_t>(size);
  if (self.bytes_.size() < self.position_ + count) self.bytes_.resize(self.position_ + count);
  std::copy_n(data, count, self.bytes_.begin() + static_cast<ptrdiff_t>(self.position_));
  self.position_ += count;
  return size;
}

int64_t AudioOutput::seek(void* self, int64_t offset, int whence) {
  auto* output = static_cast<AudioOutput*>(self);
  const auto end = static_cast<int64_t>(output->bytes_.size());
  if (whence == AVSEEK_SIZE) return end;
  if (whence == SEEK_CUR) offset += static_cast<int64_t>(output->position_);
  if (whence == SEEK_END) offset += end;
  if (offset < 0 || offset > end) return AVERROR(EINVAL);
  output->position_ = static_cast<size_t>(offset);
  return offset;
}

}  // namespace echo
