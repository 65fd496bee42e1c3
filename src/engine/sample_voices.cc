#include "engine/sample_voices.h"

#include <algorithm>
#include <cstring>
#include <fstream>

#include "audio/decode.h"
#include "base/error.h"
#include "nn/safetensors.h"

namespace echo {
namespace {

namespace fs = std::filesystem;

const std::string kScope = std::string(kVoicesScope) + ".";

// A name that is one of a file in a folder, wherever it comes from.
bool is_recording(const std::string& name) {
  return name.find('/') == name.npos && name.find('\0') == name.npos && name.front() != '.' &&
         name.size() <= 255 && has_audio_suffix(name);
}

// What packed_recording() was given; nothing if it cannot have been that.
std::optional<std::string_view> recording_in(const TensorView& tensor) {
  uint32_t size = 0;
  if (tensor.dtype != FileDType::kInt32 || tensor.bytes.size() < sizeof size) return {};
  std::memcpy(&size, tensor.bytes.data(), sizeof size);
  const std::string_view rest(reinterpret_cast<const char*>(tensor.bytes.data()) + sizeof size,
                              tensor.bytes.size() - sizeof size);
  if (size > rest.size() || size > SampleVoices::kMaxPackedBytes) return {};
  return rest.substr(0, size);
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (is_recording(name) && it->is_regular_file(error)) names.push_back(name);
    error.clear();  // of one file, not of the folder
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> names_in(const SafetensorsFile& file) {
  std::vector<std::string> names;
  for (const TensorView& tensor : file.tensors()) {
    if (!tensor.name.starts_with(kScope)) continue;
    names.push_back(tensor.name.substr(kScope.size()));
    if (names.back().empty() || !is_recording(names.back()) || !recording_in(tensor)) {
      throw_corrupt(tensor.label() + ": expected the bytes of a recording, by a file's name");
    }
  }
  return names;
}

std::string stem_of(const std::string& name) { return fs::path(name).stem().string(); }

}  // namespace

std::vector<std::byte> packed_recording(std::string_view bytes) {
  const auto size = static_cast<uint32_t>(bytes.size());
  std::vector<std::byte> words(sizeof size * (1 + (bytes.size() + 3) / 4));
  std::memcpy(words.data(), &size, sizeof size);
  std::memcpy(words.data() + sizeof size, bytes.data(), bytes.size());
  return words;
}

SampleVoices::SampleVoices(const ModelFiles& files) : packed_(files.dit == files.codec) {
  if (packed_) {
    place_ = files.dit;
    names_ = names_in(*SafetensorsFile::open(place_));
    unpacked_ = std::make_shared<std::unique_ptr<TemporaryFolder>>();
  } else {
    place_ = files.dit.parent_path() / "voices";
    names_ = names_in(place_);
  }
}

std::string SampleVoices::list() const {
  std::string list;
  for (const std::string& name : names_) list += (list.empty() ? "" : ", ") + stem_of(name);
  return list;
}

fs::path SampleVoices::folder() const {
  if (!packed_) return place_;
  if (!*unpacked_) {
    auto made = std::make_unique<TemporaryFolder>("echo-tts-voices");
    unpack(made->path());
    *unpacked_ = std::move(made);
  }
  return (*unpacked_)->path();
}

void SampleVoices::unpack(const fs::path& folder) const {
  const auto file = SafetensorsFile::open(place_);
  for (const std::string& name : names_) {
    std::ofstream out(folder / name, std::ios::binary);
    out << recording_in(file->tensor(kScope + name)).value();
    out.close();
    if (!out) {
      throw_unavailable((folder / name).string() + ": the voice " + name + " of " +
                        place_.string() + " cannot be written there");
    }
  }
}

std::optional<fs::path> SampleVoices::find(const std::string& name) const {
  for (const std::string& voice : names_) {
    if (voice == name || stem_of(voice) == name) return folder() / voice;
  }
  return {};
}

}  // namespace echo
