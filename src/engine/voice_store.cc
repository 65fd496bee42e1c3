#include "engine/voice_store.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>

#include "base/atomic_file.h"
#include "engine/content_hash.h"
#include "models/echo_dit.h"

namespace echo {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".voice";

// The beginning of a file, as it lies on disk; the latents follow, all little-endian.
struct Header {
  char magic[8];
  uint64_t frames;
  uint64_t latent_size;
  Sha256 hash;  // of the latents' bytes
};
constexpr char kMagic[8] = {'E', 'C', 'H', 'O', 'V', 'O', 'X', '1'};

Header header_of(std::span<const float> latents, int64_t latent_size) {
  Header header{};
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  header.latent_size = static_cast<uint64_t>(latent_size);
  header.frames = latents.size() / header.latent_size;
  header.hash = sha256(std::as_bytes(latents));
  return header;
}

// "SHA-256.voice"
bool is_ours(std::string_view name) {
  constexpr size_t kHashDigits = 64;
  return name.size() == kHashDigits + kSuffix.size() && name.ends_with(kSuffix) &&
         name.find_first_not_of("0123456789abcdef") == kHashDigits;
}

}  // namespace

VoiceStore::VoiceStore(fs::path folder, std::string model, int64_t latent_size, size_t max_bytes)
    : folder_(std::move(folder)),
      model_(std::move(model)),
      latent_size_(latent_size),
      max_bytes_(max_bytes) {}

fs::path VoiceStore::path_of(std::string_view key) const {
  return folder_ / (sha256_hex(model_ + "\n" + std::string(key)) + std::string(kSuffix));
}

std::optional<std::vector<float>> VoiceStore::load(std::string_view key) const {
  if (folder_.empty()) return {};
  const fs::path path = path_of(key);
  std::error_code error;
  const auto size = fs::file_size(path, error);
  const size_t row = static_cast<size_t>(latent_size_) * sizeof(float);
  if (error || size < sizeof(Header) + row || (size - sizeof(Header)) % row != 0 ||
      size > sizeof(Header) + kMaxSpeakerFrames * row) {
    return {};
  }
  std::vector<float> latents((size - sizeof(Header)) / sizeof(float));
  Header found;
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(&found), sizeof found);
  file.read(reinterpret_cast<char*>(latents.data()),
            static_cast<std::streamsize>(latents.size() * sizeof(float)));
  if (!file) return {};
  const Header expected = header_of(latents, latent_size_);
  if (std::memcmp(&found, &expected, sizeof found) != 0) return {};
  if (!std::all_of(latents.begin(), latents.end(), [](float x) { return std::isfinite(x); })) {
    return {};
  }
  fs::last_write_time(path, fs::file_time_type::clock::now(), error);  // it has just been used
  return latents;
}

bool VoiceStore::save(std::string_view key, std::span<const float> latents) const {
  if (folder_.empty() || latents.empty()) return false;
  std::error_code error;
  fs::create_directories(folder_, error);
  const fs::path path = path_of(key);
  const Header header = header_of(latents, latent_size_);
  AtomicFile file;
  if (file.create(path) != 0 ||
      file.write({reinterpret_cast<const char*>(&header), sizeof header}) != 0 ||
      file.write({reinterpret_cast<const char*>(latents.data()), latents.size_bytes()}) != 0 ||
      file.commit(Durability::kNone) != 0) {  // load() checks it
    return false;
  }
  remove_oldest();
  return true;
}

void VoiceStore::remove(std::string_view key) const {
  if (folder_.empty()) return;
  std::error_code error;
  fs::remove(path_of(key), error);
}

void VoiceStore::remove_oldest() const {
  struct File {
    fs::file_time_type time;
    uintmax_t bytes;
    fs::path path;
  };
  std::vector<File> files;
  uintmax_t total = 0;
  std::error_code error;
  for (fs::directory_iterator it(folder_, error), end; !error && it != end; it.increment(error)) {
    if (!is_ours(it->path().filename().string())) continue;
    std::error_code gone;  // another process may remove files meanwhile
    const File file = {it->last_write_time(gone), it->file_size(gone), it->path()};
    if (gone) continue;
    files.push_back(file);
    total += file.bytes;
  }
  std::sort(files.begin(), files.end(), [](auto& a, auto& b) { return a.time < b.time; });
  for (const File& file : files) {
    if (total <= max_bytes_) return;
    std::error_code gone;
    fs::remove(file.path, gone);
    total -= file.bytes;
  }
}

}  // namespace echo
