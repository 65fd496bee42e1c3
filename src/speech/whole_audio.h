// Where a whole encoded file is while it is made and handed on.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/spool_file.h"
#include "speech/job_input.h"
#include "speech/spoken_audio.h"

namespace echo {

// In memory where the text lets expect a short file, else in a file without a name, so that nothing
// of it is held. One thread at a time.
class WholeAudio {
 public:
  // Throws kUnavailable where a file cannot be made.
  explicit WholeAudio(const JobInput& input);

  // Makes a whole file of what is spoken with `audio` and sink(): it comes here.
  void receive(SpokenAudioOptions& audio) const;
  ByteSink sink();

  // Returns the file, as long as this lives. Throws kUnavailable.
  std::string_view bytes();

 private:
  std::optional<SpoolFile> file_;
  std::string memory_;
};

}  // namespace echo
