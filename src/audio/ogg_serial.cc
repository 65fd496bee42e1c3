#include "audio/ogg_serial.h"

extern "C" {
#include <libavutil/crc.h>
#include <libavutil/intreadwrite.h>
#include <libavutil/mem.h>
#include <libavutil/murmur3.h>
}

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <numeric>
#include <string_view>

#include "audio/ffmpeg.h"
#include "base/error.h"
#include "base/file_io.h"

namespace echo {
namespace {

constexpr size_t kPageHeader = 27;  // bytes, without the table of segments
constexpr size_t kSerialAt = 14, kChecksumAt = 22, kSegmentsAt = 26;
constexpr size_t kMaxPage = kPageHeader + 255 + 255 * 255;

// Gives the page at the front of `left` bytes that serial. Returns the page's size.
size_t set_page_serial(uint8_t* page, size_t left, uint32_t serial) {
  size_t size = kPageHeader;
  if (left >= size) size += page[kSegmentsAt];
  if (left < size || std::string_view(reinterpret_cast<char*>(page), 4) != "OggS") {
    throw_internal("audio: the multiplexer wrote no pages of Ogg");
  }
  size = std::accumulate(page + kPageHeader, page + size, size);
  if (left < size) throw_internal("audio: the multiplexer wrote part of a page of Ogg");
  AV_WL32(page + kSerialAt, serial);
  AV_WL32(page + kChecksumAt, 0);
  AV_WB32(page + kChecksumAt, av_crc(av_crc_get_table(AV_CRC_32_IEEE), 0, page, size));
  return size;
}

}  // namespace

OggSerial::OggSerial(const EncodeOptions& options, int input_rate)
    : sum_(ffmpeg::check_allocated(av_murmur3_alloc())) {
  av_murmur3_init(sum_);
  const int32_t numbers[] = {static_cast<int32_t>(options.format), options.sample_rate,
                             options.bitrate, input_rate};
  av_murmur3_update(sum_, reinterpret_cast<const uint8_t*>(numbers), sizeof numbers);
}

OggSerial::~OggSerial() { av_free(sum_); }

void OggSerial::push(std::span<const float> samples) {
  // The library's older versions count bytes in an int.
  constexpr size_t kMax = size_t{1} << 24;
  while (!samples.empty()) {
    const std::span<const float> piece = samples.first(std::min(samples.size(), kMax));
    av_murmur3_update(sum_, reinterpret_cast<const uint8_t*>(piece.data()),
                      static_cast<int>(piece.size_bytes()));
    samples = samples.subspan(piece.size());
  }
}

uint32_t OggSerial::finish() {
  uint8_t hash[16];
  av_murmur3_final(sum_, hash);
  return std::max(AV_RL32(hash) & 0x7FFFFFFF, 1U);
}

void set_ogg_serial(std::string& file, uint32_t serial) {
  auto* page = reinterpret_cast<uint8_t*>(file.data());
  const uint8_t* end = page + file.size();
  while (page < end) page += set_page_serial(page, static_cast<size_t>(end - page), serial);
}

void set_ogg_serial(int descriptor, uint32_t serial) {
  std::array<uint8_t, kMaxPage> page;
  const auto check = [](ssize_t count) {
    if (count >= 0) return static_cast<size_t>(count);
    throw_unavailable("audio: the file cannot be completed: " + system_reason(errno));
  };
  for (off_t at = 0;;) {
    const size_t got = check(::pread(descriptor, page.data(), page.size(), at));
    if (got == 0) return;
    const size_t size = set_page_serial(page.data(), got, serial);
    // Only the header changes, so a page that is written is never larger than its place.
    if (check(::pwrite(descriptor, page.data(), kPageHeader, at)) != kPageHeader) {
      throw_unavailable("audio: the file cannot be completed");
    }
    at += static_cast<off_t>(size);
  }
}

}  // namespace echo
