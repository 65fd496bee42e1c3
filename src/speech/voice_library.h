// Voices by name, as the engine takes them.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "engine/speech_request.h"
#include "speech/voice_directory.h"

namespace echo {

// What there is to tell about a voice, once the engine is done with it.
struct VoiceReport {
  std::vector<std::string> warnings;  // about the recording, naming it
  double seconds = 0;                 // spent finding, reading and decoding it
};

// Threads: every member may be called from any thread.
class VoiceLibrary {
 public:
  // `directory` and `clock` outlive this and every voice that comes from it.
  explicit VoiceLibrary(const VoiceDirectory& directory, Clock& clock = real_clock());

  // Finds and opens the voice of that name; it is decoded only if the engine asks. `report` grows
  // with what happens and is complete when the engine has answered. Throws JobError: invalid_input,
  // voice_not_found or unavailable here, voice_unusable or unavailable when the recording is
  // decoded; kCancelled when `stop` is requested meanwhile.
  VoiceReference find(const std::string& name, std::shared_ptr<VoiceReport> report,
                      std::stop_token stop = {});

  const VoiceDirectory& directory() const { return directory_; }

 private:
  std::vector<float> load(const VoiceFile& file, std::stop_token stop);
  std::vector<std::string> warnings_of(const VoiceFile& file) const;

  const VoiceDirectory& directory_;
  Clock& clock_;
  mutable std::mutex mutex_;
  // By content hash: a voice from the cache is not decoded again, yet its faults are still there.
  std::map<std::string, std::vector<std::string>> warnings_;
};

}  // namespace echo
