#include "engine/voice_cache.h"

namespace echo {

std::shared_ptr<const EncodedVoice> VoiceCache::find(std::string_view key) {
  const std::scoped_lock lock(mutex_);
  const auto found = by_key_.find(std::string(key));
  if (found == by_key_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->voice;
}

void VoiceCache::insert(std::string_view key, std::shared_ptr<const EncodedVoice> voice) {
  const size_t bytes = voice->keys_values.bytes();
  Entries leaving;  // destroyed after the lock: that gives memory back to the device
  const std::scoped_lock lock(mutex_);
  const auto found = by_key_.find(std::string(key));
  if (found != by_key_.end()) {
    bytes_ -= found->second->bytes;
    leaving.splice(leaving.end(), entries_, found->second);
    by_key_.erase(found);
  }
  if (bytes > max_bytes_) return;
  entries_.push_front({std::string(key), std::move(voice), bytes});
  by_key_[entries_.front().key] = entries_.begin();
  bytes_ += bytes;
  while (bytes_ > max_bytes_) {
    bytes_ -= entries_.back().bytes;
    by_key_.erase(entries_.back().key);
    leaving.splice(leaving.end(), entries_, std::prev(entries_.end()));
  }
}

void VoiceCache::remove(std::string_view key) {
  Entries leaving;  // destroyed after the lock
  const std::scoped_lock lock(mutex_);
  const auto found = by_key_.find(std::string(key));
  if (found == by_key_.end()) return;
  bytes_ -= found->second->bytes;
  leaving.splice(leaving.end(), entries_, found->second);
  by_key_.erase(found);
}

VoiceCache::Statistics VoiceCache::statistics() const {
  const std::scoped_lock lock(mutex_);
  return {entries_.size(), bytes_, max_bytes_};
}

}  // namespace echo
