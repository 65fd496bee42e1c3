// Voices that have been encoded, so that none is encoded twice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "audio/voice_print.h"
#include "models/echo_dit.h"

namespace echo {

// A voice as the transformer hears it. Const once made.
struct EncodedVoice {
  KeyValueCache keys_values;
  std::optional<VoicePrint> print = {};  // of its recording, where that has been heard
};

// Voices in memory by the key of their content; those not used for longest leave first. Any thread
// may call; a voice that is held stays valid when the cache has let it go.
class VoiceCache {
 public:
  explicit VoiceCache(size_t max_bytes) : max_bytes_(max_bytes) {}

  // Null when the voice is not here.
  std::shared_ptr<const EncodedVoice> find(std::string_view key);
  // A voice larger than all the cache may hold is not kept.
  void insert(std::string_view key, std::shared_ptr<const EncodedVoice> voice);

  // Lets go of a voice, if it is here.
  void remove(std::string_view key);

  struct Statistics {
    size_t voices = 0;
    size_t bytes = 0;
    size_t max_bytes = 0;
  };
  Statistics statistics() const;

 private:
  struct Entry {
    std::string key;
    std::shared_ptr<const EncodedVoice> voice;
    size_t bytes;
  };
  using Entries = std::list<Entry>;

  const size_t max_bytes_;
  mutable std::mutex mutex_;
  Entries entries_;  // the one used last in front
  std::unordered_map<std::string, Entries::iterator> by_key_;
  size_t bytes_ = 0;
};

}  // namespace echo
