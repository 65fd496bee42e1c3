// The stored voices under the short names that people choose from: "anna" of "women/anna.wav".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "speech/voice_directory.h"

namespace echo {

struct CatalogVoice {
  std::string id;    // one part of a path, without the suffix: "anna"
  std::string file;  // as VoiceDirectory::open() takes it: "women/anna.wav"
  uint64_t bytes = 0;
  int64_t created_at = 0;  // seconds since 1970
};

// Reads the directory each time that it is asked, so what was added is there at once. Nothing that
// a caller names becomes part of a path: names are only compared. Threads: any.
class VoiceCatalog {
 public:
  // `directory` must outlive the catalog.
  explicit VoiceCatalog(const VoiceDirectory& directory) : directory_(directory) {}

  // Returns the voices that nothing is known against, by id. Where two files have one id, the one
  // whose path comes first keeps it, and the other is called by its name with the suffix, or is
  // left out when that is taken, too. No directory is no voice. Throws kUnavailable when it cannot
  // be read.
  std::vector<CatalogVoice> list() const;

  // Returns the voice of that id or file name without folders; if there is none, the one whose id
  // differs in the case of ASCII letters alone.
  std::optional<CatalogVoice> find(std::string_view name) const;

 private:
  const VoiceDirectory& directory_;
};

}  // namespace echo
