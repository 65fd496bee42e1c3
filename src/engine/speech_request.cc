#include "engine/speech_request.h"

#include "engine/content_hash.h"

namespace echo {

VoiceReference voice_of_samples(std::vector<float> samples) {
  std::string key = sha256_hex(samples);
  return {std::move(key), [samples = std::move(samples)] { return samples; }};
}

}  // namespace echo
