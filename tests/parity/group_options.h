// What the tests of this folder run.
#pragma once

#include <string>

#include "audio/voice.h"
#include "devices/devices.h"
#include "parity/parity.h"

namespace echo::parity {

// One group of stages; all for an empty name.
inline ParityOptions group_options(const std::string& group) {
  ParityOptions options;
  options.device.kinds = {cpu_device()};
  options.read_recording = [](const std::string& bytes, double max_seconds) {
    DecodeOptions decoding;
    decoding.max_seconds = max_seconds;
    return prepare_voice(decode_audio_bytes(bytes, "recording", decoding)).samples;
  };
  if (!group.empty()) options.groups = {group};
#ifdef __SANITIZE_THREAD__
  // ThreadSanitizer does not see the barriers of libgomp and takes every parallel loop for a race.
  options.device.threads = 1;
#endif
  return options;
}

}  // namespace echo::parity
