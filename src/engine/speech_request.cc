#include "engine/speech_request.h"

#include "base/error.h"
#include "base/utf8.h"
#include "engine/content_hash.h"

namespace echo {

void check_text_length(const std::string& text, int64_t max_chars) {
  const auto limit = static_cast<size_t>(max_chars);
  if (text.size() > 4 * limit || count_code_points(text) > limit) {
    throw_invalid("text: found more than " + std::to_string(limit) +
                  " characters, which is the most that one request may have");
  }
}

VoiceReference voice_of_samples(std::vector<float> samples) {
  std::string key = sha256_hex(samples);
  return {std::move(key), [samples = std::move(samples)] { return samples; }};
}

}  // namespace echo
