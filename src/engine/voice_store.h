// Voices on disk: what the codec made of a recording outlives the process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace echo {

// The key of a voice's print, which lies beside its latents as one more row of numbers.
inline std::string print_key(const std::string& voice_key) { return voice_key + " print"; }

// Latents by the key of the recording's content and the identity of the model that made them. A
// folder may be shared by processes and machines: files appear under their names when they are
// complete, and what is not exactly as written (cut, changed, of another model) counts as absent.
// Nothing here fails a request: a folder that cannot be written only stores nothing. Any thread may
// call.
class VoiceStore {
 public:
  // An empty folder name stores nothing. model: identity of the codec. max_bytes: beyond, the
  // files not used for longest are removed.
  VoiceStore(std::filesystem::path folder, std::string model, int64_t latent_size,
             size_t max_bytes);

  // frames * latent_size values; nothing when there is no intact file.
  std::optional<std::vector<float>> load(std::string_view key) const;
  // False when nothing was stored.
  bool save(std::string_view key, std::span<const float> latents) const;
  void remove(std::string_view key) const;

 private:
  std::filesystem::path path_of(std::string_view key) const;
  void remove_oldest() const;

  std::filesystem::path folder_;
  std::string model_;
  int64_t latent_size_;
  size_t max_bytes_;
};

}  // namespace echo
