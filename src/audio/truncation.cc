#include "audio/truncation.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace echo {
namespace {

constexpr size_t kRiffHeader = 12;
constexpr int64_t kUnknownSize = 0x7FFF0000;  // 0x7FFFF024 in a pipe of sox, 0xFFFFFFFF of others
constexpr size_t kPageHeader = 27;
constexpr size_t kMaxPageBytes = kPageHeader + 255 + 255 * 255;
constexpr size_t kFlagsAt = 5;
constexpr uint8_t kEndOfStream = 4;

std::string read_string(const AudioInput& input, int64_t offset, size_t size) {
  std::string bytes(size, '\0');
  bytes.resize(input.read_at(offset, bytes.data(), size));
  return bytes;
}

uint8_t byte_at(std::string_view bytes, size_t at) { return static_cast<uint8_t>(bytes[at]); }

bool riff_ends_early(std::string_view header, int64_t file_size) {
  int64_t stated = 0;
  for (size_t i = 0; i < 4; ++i) stated |= int64_t{byte_at(header, 4 + i)} << (8 * i);
  // Writers that cannot seek back leave nothing, or about the most that the field can hold.
  if (stated == 0 || stated >= kUnknownSize) return false;
  return stated + 8 > file_size + 1;  // a last padding byte is often missing
}

bool ogg_ends_early(std::string_view tail) {
  const size_t at = tail.rfind("OggS");
  if (at == tail.npos || at + kPageHeader > tail.size()) return true;
  const std::string_view page = tail.substr(at);
  const size_t segments = byte_at(page, kPageHeader - 1);
  if (page.size() < kPageHeader + segments) return true;
  size_t size = kPageHeader + segments;
  for (size_t i = 0; i < segments; ++i) size += byte_at(page, kPageHeader + i);
  return page.size() < size || (byte_at(page, kFlagsAt) & kEndOfStream) == 0;
}

}  // namespace

bool ends_early(const AudioInput& input) {
  const std::string start = read_string(input, 0, kRiffHeader);
  if (start.size() == kRiffHeader && start.starts_with("RIFF")) {
    return riff_ends_early(start, input.size());
  }
  if (start.starts_with("OggS")) {
    const auto tail = static_cast<int64_t>(kMaxPageBytes);
    return ogg_ends_early(read_string(input, std::max<int64_t>(0, input.size() - tail), kMaxPageBytes));
  }
  return false;
}

}  // namespace echo
